//! Handlers on vendors: sign-up, claim, and what operators do.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::account;
use super::claim::{self, ClaimRequest, KeyPairView};
use super::create::{self, Who};
use super::signup::{self, SignupView};
use super::store::{self, Changes};
use super::{Profile, Retention, Status, Subscription, Vendor, VendorView, cancel, life};
use crate::app::App;
use crate::auth::Operator;
use crate::error::{Error, FieldError, Result};
use crate::events::Event;
use crate::http::{Answer, Json, NamespacePath, Page, PageRequest, RawBody};
use crate::idempotency::http::REPLAYED;
use crate::telemetry;
use crate::types::{Email, Name, Namespace, VendorId};
use crate::webhooks;

/// `POST /webhooks/vendor-signup`: a signed message of the billing system (Standard Webhooks).
pub async fn vendor_signup(
    app: web::Data<App>,
    request: HttpRequest,
    body: RawBody,
) -> Result<Answer<SignupView>> {
    let headers = request.headers();
    let signed = webhooks::Headers {
        id: one_header(headers, "webhook-id")?,
        timestamp: one_header(headers, "webhook-timestamp")?,
        signature: one_header(headers, "webhook-signature")?,
    };
    let secret = webhooks::verify(
        &app.config.signup_secrets,
        signed,
        &body.0,
        app.clock.now().as_second(),
    )
    .map_err(Error::SignatureInvalid)?;
    let secret = if secret == 0 { "first" } else { "other" };
    metrics::counter!("gatehouse_signup_messages_total", "secret" => secret).increment(1);
    telemetry::current().seen.note_caller(None, "billing");
    let id = signed.id.to_owned();
    let worker = app.clone().into_inner();
    let handled = app
        .detached(async move { signup::handle(&worker, &id, &body.0).await })
        .await?;
    let answer = Answer::ok(handled.view);
    if handled.is_repeat {
        return answer.with((REPLAYED, "true"));
    }
    Ok(answer)
}

fn one_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    }
    .ok_or(Error::SignatureInvalid(
        "webhook-id, webhook-timestamp and webhook-signature must each be sent once",
    ))
}

/// `POST /api/vendors/claim`: the claim token for the key pair.
pub async fn claim(app: web::Data<App>, body: Json<ClaimRequest>) -> Result<Answer<KeyPairView>> {
    let view = claim::claim(&app, &body.0).await?;
    Ok(Answer::ok(view))
}

/// The body of `POST /api/admin/vendors`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateVendorRequest {
    namespace: String,
    name: Name,
    owner_name: Option<Name>,
    owner_email: Option<Email>,
    plan: Option<Name>,
    #[serde(default)]
    subscription: Subscription,
    #[serde(default)]
    has_card: bool,
}

/// `POST /api/admin/vendors`: a vendor with its key pair, shown once.
pub async fn create(
    app: web::Data<App>,
    operator: Operator,
    body: Json<CreateVendorRequest>,
) -> Result<Answer<KeyPairView>> {
    let who = who(body.0)?;
    let actor = operator.actor();
    let worker = app.clone().into_inner();
    let created = async move { create::with_keys(&worker, &who, &actor).await };
    Ok(Answer::created(app.detached(created).await?))
}

fn who(body: CreateVendorRequest) -> Result<Who> {
    let namespace = Namespace::parse(&body.namespace).map_err(|rule| Error::InvalidNamespace {
        field: FieldError::new("namespace", rule.to_string()),
        suggestion: Namespace::suggest(body.name.as_str()),
    })?;
    Ok(Who {
        namespace,
        name: body.name,
        profile: Profile {
            owner_name: body.owner_name,
            owner_email: body.owner_email,
            plan: body.plan,
            subscription: body.subscription,
            has_card: body.has_card,
        },
    })
}

/// The body of `PATCH /api/admin/vendors/{namespace}`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateVendorRequest {
    name: Option<Name>,
    owner_name: Option<Name>,
    owner_email: Option<Email>,
    plan: Option<Name>,
    subscription: Option<Subscription>,
    has_card: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    log_retention_days: Retention,
}

/// `PATCH /api/admin/vendors/{namespace}`.
pub async fn update(
    app: web::Data<App>,
    operator: Operator,
    path: NamespacePath,
    body: Json<UpdateVendorRequest>,
) -> Result<Answer<VendorView>> {
    let retention = body.0.log_retention_days;
    if matches!(retention, Retention::Days(days) if !(1..=3650).contains(&days)) {
        return Err(Error::field(
            "logRetentionDays",
            "must be 1 to 3650, or null",
        ));
    }
    let now = app.clock.now();
    let vendor = create::named(&app, &path.0).await?;
    let id = vendor.id;
    // Platform webhooks may be told too.
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let held = life::store::hold(&transaction, id).await?;
    let held = held.ok_or(Error::NotFound)?;
    let changes = Changes {
        name: body.0.name.as_ref(),
        owner_name: body.0.owner_name.as_ref(),
        owner_email: body.0.owner_email.as_ref(),
        plan: body.0.plan.as_ref(),
        subscription: body.0.subscription,
        has_card: body.0.has_card,
        log_retention: retention,
    };
    // How long its logs are kept can still be said of one that was cancelled.
    if held.status == Status::Cancelled && changes.is_of_profile() {
        return Err(Error::VendorCancelled);
    }
    account::update(&transaction, id, &changes, now).await?;
    let actor = operator.actor();
    let mut event = Event::done("vendor.updated", Some(id), &actor);
    if retention != Retention::Unchanged {
        event.details = serde_json::json!({ "logRetentionDays": retention.days() });
    }
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    drop(client);
    let vendor = create::reload(&app, id).await?;
    shown(&app, &vendor).await
}

/// `GET /api/admin/vendors`: a page of vendors in the order they signed up.
pub async fn list(
    app: web::Data<App>,
    _operator: Operator,
    page: PageRequest,
) -> Result<Answer<Page<VendorView>>> {
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.all().await?;
    let rows = store::page(&client, after.map(VendorId), page.limit).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |vendor| vendor.id.0,
        |vendor: Vendor| VendorView::from(&vendor),
    );
    Ok(Answer::ok(page))
}

/// `GET /api/admin/vendors/{namespace}`.
pub async fn show(
    app: web::Data<App>,
    _operator: Operator,
    path: NamespacePath,
) -> Result<Answer<VendorView>> {
    let vendor = create::named(&app, &path.0).await?;
    shown(&app, &vendor).await
}

async fn shown(app: &App, vendor: &Vendor) -> Result<Answer<VendorView>> {
    Ok(Answer::ok(view_of(app, vendor).await?))
}

/// A vendor as operators see it: with the public key, which stands in every plugin, and how far its cancellation has
/// come.
pub async fn view_of(app: &App, vendor: &Vendor) -> Result<VendorView> {
    let (mut view, now) = (VendorView::from(vendor), app.clock.now());
    if let Some(key) = vendor.current_key(now) {
        view.public_key = Some(app.keys()?.public_key(key.id).expose().to_owned());
    }
    if vendor.status == Status::Cancelled {
        let client = app.db.of(vendor.id).await?;
        view.cancellation = cancel::store::progress(&client, vendor.id, now).await?;
    }
    Ok(view)
}
