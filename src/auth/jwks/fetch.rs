//! Fetches a key set from where its owner says it is.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::{KeySet, Source, Trouble};
use crate::auth::jwt::object;
use crate::egress::{Egress, FetchError};
use crate::types::{IssuerUrl, KeySetUrl};

/// For all of it: what the issuer says of itself, and its keys.
const LIMIT: Duration = Duration::from_secs(3);
const BODY_LIMIT: usize = 256 * 1024;

const NAME: Trouble = "The host name of the key set cannot be resolved.";
const ADDRESS: Trouble = "The address of the key set is one that this service may not connect to. Public https addresses are.";
const CONNECTION: Trouble = "The key set cannot be reached, or its host has no valid certificate.";
const TIME: Trouble = "The key set did not come in time.";
const STATUS: Trouble = "The host of the key set answered with a redirect or an error.";
const SIZE: Trouble = "The key set is too large.";
const FORM: Trouble = "What the host of the key set answered is no key set.";
const DISCOVERY: Trouble = "What the issuer answered is no description of an issuer.";
const OTHER: Trouble = "What the issuer answered describes another issuer.";

/// Fetches a set, once.
pub(super) async fn fetch(egress: &Egress, source: &Source) -> Result<KeySet, Trouble> {
    let asking = async {
        let url = match source {
            Source::Set(url) => url.url().ok_or(ADDRESS)?,
            Source::Issuer(issuer) => discover(egress, issuer).await?,
        };
        KeySet::parse(&ask(egress, url).await?).ok_or(FORM)
    };
    tokio::time::timeout(LIMIT, asking)
        .await
        .unwrap_or(Err(TIME))
}

/// Where the keys of an issuer are, by its own word. It must describe itself and nobody else.
async fn discover(egress: &Egress, issuer: &IssuerUrl) -> Result<Url, Trouble> {
    let body = ask(egress, issuer.discovery().ok_or(ADDRESS)?).await?;
    let described = object(&body).ok_or(DISCOVERY)?;
    let text = |name: &str| described.get(name).and_then(Value::as_str);
    if text("issuer").ok_or(DISCOVERY)? != issuer.as_str() {
        return Err(OTHER);
    }
    let place = text("jwks_uri").ok_or(DISCOVERY)?;
    KeySetUrl::parse(place)
        .ok()
        .and_then(|place| place.url())
        .ok_or(ADDRESS)
}

async fn ask(egress: &Egress, url: Url) -> Result<Vec<u8>, Trouble> {
    // Also in the operator's own networks: who could change the keys on their way could be anybody.
    if url.scheme() != "https" {
        return Err(ADDRESS);
    }
    egress.fetch(url, BODY_LIMIT).await.map_err(told)
}

fn told(error: FetchError) -> Trouble {
    match error {
        FetchError::Name => NAME,
        FetchError::Address => ADDRESS,
        FetchError::Connection => CONNECTION,
        FetchError::Time => TIME,
        FetchError::Status => STATUS,
        FetchError::Size => SIZE,
    }
}
