//! JWTs that client plugins carry, signed by keys that their vendor registered.
//!
//! Such a token is a client plugin that the vendor vouches for: it is taken where the public key is, and nowhere else. It
//! names the vendor (`sub`, the namespace), who signed it (`iss`) and for whom (`aud`), lasts minutes, and is good for one
//! request (`jti`, on all replicas). With `secretId` it is for that site alone. The algorithm is the key's, whatever a
//! token says of itself, and nothing that a header brings along is looked at.

pub mod change;
pub mod http;
mod pem;
pub mod store;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::jwks::{self, Source};
use crate::auth::jwt::{Algorithm, Claims, Expected, PublicKey, Unverified};
use crate::error::{Error, Result};
use crate::types::{JwtKeyId, KeySetUrl, Name, Namespace, Secret, SecretId};
use crate::vendors::Vendor;

/// Keys of one vendor.
pub const MOST: usize = 10;
/// How far ahead the end of a token may be, and how far clocks may be apart besides.
pub const LONGEST: SignedDuration = SignedDuration::from_secs(600);
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// How long a token that was used is remembered after its end.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_JTI: usize = 256;

/// Where a key is.
#[derive(Clone)]
pub enum Material {
    /// Here.
    Key(Map<String, Value>, Box<PublicKey>),
    /// In a set of its owner's.
    Set(KeySetUrl),
}

/// A key that a vendor registered.
#[derive(Clone)]
pub struct JwtKey {
    /// Names it.
    pub id: JwtKeyId,
    /// Shown name.
    pub name: Name,
    /// The only one that is taken.
    pub algorithm: Algorithm,
    /// Where it is.
    pub material: Material,
    /// `iss` of its tokens.
    pub issuer: String,
    /// `aud` of its tokens, where it is not this service.
    pub audience: Option<String>,
    /// After this it is refused.
    pub ends_at: Option<Timestamp>,
    /// When a token of it was taken last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A client plugin that its vendor vouches for.
pub struct Vouched {
    /// Whose.
    pub vendor: Arc<Vendor>,
    /// By which key.
    pub key: JwtKeyId,
    /// For which site alone.
    pub site: Option<SecretId>,
}

/// Who a token is of. It is used up by this.
///
/// # Errors
/// [`Error::CredentialsInvalid`] for any that is not right; [`Error::KeySetUnavailable`] where the keys are the vendor's
/// to show and cannot be had; where the database does not answer.
pub async fn vouched(app: &Arc<App>, text: &Secret) -> Result<Vouched> {
    let token = Unverified::parse(text.expose()).map_err(|_| refused("malformed"))?;
    app.directory.fresh().await?;
    let vendor = token.subject().and_then(|sub| Namespace::parse(sub).ok());
    let vendor = vendor.and_then(|namespace| app.directory.by_namespace(&namespace));
    let vendor = vendor.ok_or_else(|| refused("vendor"))?;
    let (key, claims) = verified(app, &vendor, &token, text).await?;
    let now = app.clock.now();
    let audience = key.audience.as_deref();
    let expected = Expected {
        issuer: &key.issuer,
        audience: audience.unwrap_or(&app.config.access_tokens.issuer),
    };
    claims
        .check(&expected, now)
        .map_err(|_| refused("claims"))?;
    let end = claims.expires_at().map_err(|_| refused("claims"))?;
    let latest = later(later(now, LONGEST), LEEWAY);
    if end > latest {
        return Err(refused("too_long"));
    }
    let site = site(&claims).map_err(|()| refused("site"))?;
    let digest = digest(&key.issuer, &claims).ok_or_else(|| refused("jti"))?;
    let client = app.db.of(vendor.id).await?;
    let until = later(end, REMEMBERED);
    if !store::spend(&client, vendor.id, key.id, &digest, until, now).await? {
        return Err(refused("replayed"));
    }
    metrics::counter!("gatehouse_signed_clients_total").increment(1);
    Ok(Vouched {
        key: key.id,
        vendor,
        site,
    })
}

/// The key that signed a token, and what it says. Asks nobody, unless the vendor says that its keys are elsewhere.
async fn verified(
    app: &Arc<App>,
    vendor: &Vendor,
    token: &Unverified<'_>,
    text: &Secret,
) -> Result<(Arc<JwtKey>, Claims)> {
    let now = app.clock.now();
    let (issuer, algorithm) = (token.issuer(), token.algorithm());
    let (mut reason, mut trouble) = ("unknown_key", None);
    for key in &vendor.jwt_keys {
        let ended = key.ends_at.is_some_and(|end| end <= now);
        if Some(key.issuer.as_str()) != issuer || key.algorithm != algorithm || ended {
            continue;
        }
        let keys = match &key.material {
            Material::Key(_, one) => vec![one.as_ref().clone()],
            Material::Set(url) => match jwks::find(app, &Source::Set(url.clone()), token).await {
                Ok(keys) => keys,
                // Another key may be the right one.
                Err(error) => {
                    trouble = Some(error);
                    continue;
                }
            },
        };
        let token = Unverified::parse(text.expose()).map_err(|_| refused("malformed"))?;
        match token.verify(&keys) {
            Ok(claims) => return Ok((Arc::clone(key), claims)),
            Err(_) => reason = "signature",
        }
    }
    Err(trouble.unwrap_or_else(|| refused(reason)))
}

/// The site that a token is for alone, if for one.
fn site(claims: &Claims) -> std::result::Result<Option<SecretId>, ()> {
    let Some(value) = claims.get("secretId") else {
        return Ok(None);
    };
    let named = value.as_str().and_then(|text| SecretId::parse(text).ok());
    named.map(Some).ok_or(())
}

fn digest(issuer: &str, claims: &Claims) -> Option<[u8; 32]> {
    let jti = claims.text("jti")?;
    if jti.is_empty() || jti.len() > LONGEST_JTI {
        return None;
    }
    let mut digest = Sha256::new();
    digest.update((issuer.len() as u64).to_be_bytes());
    digest.update(issuer.as_bytes());
    digest.update(jti.as_bytes());
    Some(digest.finalize().into())
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn refused(reason: &'static str) -> Error {
    metrics::counter!("gatehouse_signed_clients_refused_total", "reason" => reason).increment(1);
    tracing::debug!(reason, "A client's signed token is refused");
    Error::CredentialsInvalid
}
