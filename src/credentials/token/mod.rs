//! Tokens that read credentials straight from OpenBao.

pub mod http;

use std::sync::Arc;

use super::access::Caller;
use super::{Record, read, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::tokens::{self, CredentialsGrant, Grant, Issued, Kind, Scope, Terms, Wishes, Workload};
use crate::types::{CredentialKey, KeyPattern, Metadata, Networks};
use crate::users::workers::TokenTtl;
use crate::vault::{self, policies};

/// What is asked for.
pub struct Asked {
    /// Then the token reads this one only.
    pub key: Option<CredentialKey>,
    /// First life; the worker's, or a day, where nothing is said.
    pub ttl: Option<TokenTtl>,
    /// Longest life, seconds; as the vendor says, or the kind, where nothing is said.
    pub max_ttl: Option<u32>,
    /// How many calls it is good for.
    pub uses: Option<u32>,
    /// From where it works; `None`: from everywhere.
    pub networks: Option<Networks>,
    /// Life of the wrapping in seconds, where the token is to come wrapped.
    pub wrap_ttl: Option<u32>,
    /// Whether the service renews it.
    pub keep_alive: bool,
    /// The caller's labels.
    pub metadata: Metadata,
    /// Whose token is exchanged for it, if one.
    pub workload: Option<Workload>,
}

/// Hands out a token for what the caller may read, or for one credential of it.
///
/// # Errors
/// [`Error::KeyNotAllowed`], [`Error::NotFound`] where the one credential is not there, a life above the worker's, or
/// trouble with OpenBao or the database.
pub async fn hand_out(app: &Arc<App>, by: &Caller, asked: &Asked) -> Result<Issued> {
    match hand_out_once(app, by, asked).await {
        Err(Error::ScopeChanged) => hand_out_once(app, &by.as_now(app).await?, asked).await,
        outcome => outcome,
    }
}

async fn hand_out_once(app: &Arc<App>, by: &Caller, asked: &Asked) -> Result<Issued> {
    let credentials = CredentialsGrant {
        keep_alive: asked.keep_alive,
        ..by.scope(app).await?
    };
    let mut grant = Grant {
        terms: terms(by, asked)?,
        networks: asked.networks.clone(),
        key: by.key,
        metadata: asked.metadata.clone(),
        workload: asked.workload.clone(),
        wrap_ttl: asked.wrap_ttl,
        credentials,
        ..Grant::new(&by.vendor, Kind::Credentials, by.actor.clone())
    };
    if let Some(key) = &asked.key {
        by.refuse_key(key)?;
        let record = record(app, by, key).await?;
        grant.credentials.scope = Scope::Key(record.id);
        if !record.has_policy {
            write_policy(app, by, &record).await?;
        }
    }
    match tokens::issue(app, grant.clone()).await {
        // Somebody deleted the policy by hand.
        Err(Error::Vault(vault::Error::Rejected(_))) => {
            match &asked.key {
                Some(key) => write_policy(app, by, &read::record(app, by, key).await?).await?,
                None => by.write_policy(app).await?,
            }
            tokens::issue(app, grant).await
        }
        outcome => outcome,
    }
}

/// Shorter lives would have the service renew all the time.
const SHORTEST_KEPT_ALIVE: u32 = 600;

/// The record of the one credential a token is to be for.
///
/// # Errors
/// [`Error::NotFound`] where it is not there or deleted, or trouble with the database.
pub async fn record(app: &App, by: &Caller, key: &CredentialKey) -> Result<Record> {
    let record = read::record(app, by, key).await?;
    if record.deleted_at.is_some() {
        return Err(Error::NotFound);
    }
    Ok(record)
}

/// How long a token lives, and how many calls it is good for.
///
/// # Errors
/// A field that breaks its rule: above the vendor's or the worker's, or too short to be kept alive.
pub fn terms(by: &Caller, asked: &Asked) -> Result<Terms> {
    let standing = Terms::standing(Kind::Credentials, &by.vendor);
    let of_worker = of_worker(by, asked)?;
    let agreed = Terms {
        first: of_worker.unwrap_or(standing.first).min(standing.longest),
        ..standing
    };
    let agreed = agreed.with(&Wishes {
        ttl: asked.ttl.map(TokenTtl::seconds),
        max_ttl: asked.max_ttl,
        uses: asked.uses,
    })?;
    if asked.keep_alive && agreed.first < SHORTEST_KEPT_ALIVE {
        return Err(Error::field(
            "keepAlive",
            "needs a life of at least 600 seconds",
        ));
    }
    Ok(agreed)
}

/// First life of the worker's tokens, seconds, which is the longest that may be asked for.
fn of_worker(by: &Caller, asked: &Asked) -> Result<Option<u32>> {
    let most = by.worker.as_ref().map(|worker| worker.token_ttl);
    match (asked.ttl, most) {
        (Some(ttl), Some(most)) if ttl > most => Err(Error::field(
            "ttl",
            format!("must be at most the worker's, {} seconds", most.seconds()),
        )),
        _ => Ok(most.map(TokenTtl::seconds)),
    }
}

async fn write_policy(app: &App, by: &Caller, record: &Record) -> Result<()> {
    let name = Scope::Key(record.id).policy(&by.vendor.namespace);
    let one = KeyPattern::try_from(record.key.to_string())
        .map_err(|_| Error::Internal("a key is no pattern of itself".to_owned()))?;
    let policy = &policies::of_keys(name, &by.vendor.namespace, &[one]);
    app.vault
        .provisioner
        .call(|handle| async move { policies::write(&handle, policy).await })
        .await?;
    let client = app.db.of(by.vendor.id).await?;
    let now = Some(app.clock.now());
    Ok(store::mark_policy(&client, by.vendor.id, record.id, now).await?)
}
