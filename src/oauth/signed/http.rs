//! Handlers on the keys that vendors register, for the vendor or an operator.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{JwtKey, Material, change, pem, store};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::auth::jwt::{Algorithm, PublicKey};
use crate::error::{Error, Result};
use crate::http::{Answer, Deleted, Json, JwtKeyPath};
use crate::types::{ExpiresAt, JwtKeyId, KeySetUrl, Name};

const LONGEST: usize = 512;

/// A key as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JwtKey)]
pub struct KeyView<'a> {
    id: JwtKeyId,
    name: &'a str,
    algorithm: Algorithm,
    /// A JWK.
    #[schema(required, value_type = Option<Object>)]
    public_key: Option<&'a Map<String, Value>>,
    #[schema(required)]
    jwks_url: Option<&'a str>,
    issuer: &'a str,
    audience: &'a str,
    #[schema(required)]
    ends_at: Option<Timestamp>,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> KeyView<'a> {
    fn new(app: &'a App, key: &'a JwtKey) -> Self {
        let (public_key, jwks_url) = match &key.material {
            Material::Key(jwk, _) => (Some(jwk), None),
            Material::Set(url) => (None, Some(url.as_str())),
        };
        let audience = key.audience.as_deref();
        Self {
            id: key.id,
            name: key.name.as_str(),
            algorithm: key.algorithm,
            public_key,
            jwks_url,
            issuer: &key.issuer,
            audience: audience.unwrap_or(&app.config.access_tokens.issuer),
            ends_at: key.ends_at,
            last_used_at: key.last_used_at,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}

/// The body of `POST /api/jwt-keys`: a public key, or where a set of them is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterJwtKeyRequest)]
pub struct RegisterKeyRequest {
    name: Name,
    algorithm: Algorithm,
    /// A JWK, or a PEM text.
    #[schema(value_type = Option<Object>)]
    public_key: Option<Value>,
    jwks_url: Option<KeySetUrl>,
    issuer: String,
    /// Default: this service.
    audience: Option<String>,
    #[serde(default)]
    ends_at: ExpiresAt,
}

/// `POST /api/jwt-keys`. 201.
pub async fn create(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<RegisterKeyRequest>,
) -> Result<Answer<KeyView<'static>>> {
    let now = app.clock.now();
    let key = change::create(&app, &by, new_key(body.0, now)?).await?;
    Ok(Answer::created(KeyView::new(&app, &key)))
}

fn new_key(body: RegisterKeyRequest, now: Timestamp) -> Result<JwtKey> {
    let material = match (body.public_key, body.jwks_url) {
        (Some(key), None) => of_value(key, body.algorithm)?,
        (None, Some(url)) => Material::Set(url),
        _ => {
            let rule = "must be there, or jwksUrl, one of them";
            return Err(Error::field("publicKey", rule));
        }
    };
    if body.ends_at.0.is_some_and(|at| at <= now) {
        return Err(Error::field("endsAt", "must be in the future"));
    }
    let plain = |name: &str, text: &str| {
        let fits = (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
        let rule = "must be 1 to 512 bytes of text";
        fits.then_some(()).ok_or_else(|| Error::field(name, rule))
    };
    plain("issuer", &body.issuer)?;
    if let Some(audience) = &body.audience {
        plain("audience", audience)?;
    }
    Ok(JwtKey {
        id: JwtKeyId(0),
        name: body.name,
        algorithm: body.algorithm,
        material,
        issuer: body.issuer,
        audience: body.audience,
        ends_at: body.ends_at.0,
        last_used_at: None,
        created_at: now,
        updated_at: now,
    })
}

/// A public key of this algorithm. Of a JWK only that is kept which the key is made of.
fn of_value(key: Value, algorithm: Algorithm) -> Result<Material> {
    let jwk = match key {
        Value::String(text) => pem::to_jwk(&text).ok_or("is no public key in PEM"),
        Value::Object(jwk) => Ok(jwk),
        _ => Err("must be a JWK, or a text in PEM"),
    };
    let mut jwk = jwk.map_err(|rule| Error::field("publicKey", rule))?;
    let public = PublicKey::of_jwk(&jwk);
    let public = public.map_err(|fault| Error::field("publicKey", fault.to_string()))?;
    if public.algorithm() != algorithm {
        let rule = "is for another algorithm than the one that is named";
        return Err(Error::field("publicKey", rule));
    }
    jwk.retain(|name, _| ["kty", "crv", "x", "y", "n", "e", "kid"].contains(&name.as_str()));
    Ok(Material::Key(jwk, Box::new(public)))
}

/// All keys of a vendor.
#[derive(Serialize, ToSchema)]
#[schema(as = JwtKeys)]
pub struct KeysView<'a> {
    items: Vec<KeyView<'a>>,
}

/// `GET /api/jwt-keys`: all of them, at most ten.
pub async fn list(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<KeysView<'static>>> {
    let client = app.db.of(by.vendor.id).await?;
    let keys = store::all(&client, by.vendor.id).await?;
    let items = keys.iter().map(|key| KeyView::new(&app, key)).collect();
    Ok(Answer::ok(KeysView { items }))
}

/// `GET /api/jwt-keys/{jwtKey}`.
pub async fn show(
    app: web::Data<App>,
    by: VendorAdmin,
    path: JwtKeyPath,
) -> Result<Answer<KeyView<'static>>> {
    let key = change::find(&app, &by, path.0).await?;
    Ok(Answer::ok(KeyView::new(&app, &key)))
}

/// The body of `PATCH /api/jwt-keys/{jwtKey}`; a field left out stays as it is. All else is another key.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ChangeJwtKeyRequest)]
pub struct ChangeKeyRequest {
    name: Option<Name>,
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<ExpiresAt>)]
    ends_at: Option<ExpiresAt>,
}

/// `null` says something, too.
fn said<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<ExpiresAt>, D::Error> {
    ExpiresAt::deserialize(from).map(Some)
}

/// `PATCH /api/jwt-keys/{jwtKey}`.
pub async fn change(
    app: web::Data<App>,
    by: VendorAdmin,
    path: JwtKeyPath,
    body: Json<ChangeKeyRequest>,
) -> Result<Answer<KeyView<'static>>> {
    let ends_at = body.0.ends_at.map(|ends_at| ends_at.0);
    let key = change::update(&app, &by, path.0, body.0.name.as_ref(), ends_at).await?;
    Ok(Answer::ok(KeyView::new(&app, &key)))
}

/// `DELETE /api/jwt-keys/{jwtKey}`.
pub async fn remove(
    app: web::Data<App>,
    by: VendorAdmin,
    path: JwtKeyPath,
) -> Result<Answer<Deleted>> {
    change::remove(&app, &by, path.0).await?;
    Ok(Answer::ok(Deleted::DONE))
}

/// What a vendor demands of its client plugins, as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClientRules)]
pub struct RulesView {
    signed_clients_only: bool,
}

/// `GET /api/client-rules`: what the vendor demands of its client plugins.
pub async fn show_rules(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<RulesView>> {
    app.directory.fresh().await?;
    let vendor = app.directory.by_id(by.vendor.id).ok_or(Error::NotFound)?;
    Ok(rules(vendor.signed_clients_only))
}

/// The body of `PATCH /api/client-rules`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ClientRulesRequest)]
pub struct RulesRequest {
    signed_clients_only: Option<bool>,
}

/// `PATCH /api/client-rules`.
pub async fn update_rules(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<RulesRequest>,
) -> Result<Answer<RulesView>> {
    let only = match body.0.signed_clients_only {
        Some(only) => {
            change::set_signed_only(&app, &by, only)
                .await?
                .signed_clients_only
        }
        None => by.vendor.signed_clients_only,
    };
    Ok(rules(only))
}

fn rules(signed_clients_only: bool) -> Answer<RulesView> {
    Answer::ok(RulesView {
        signed_clients_only,
    })
}
