//! How the service itself reads and writes credentials: with brokered tokens, in somebody's name.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{CredentialReader, VendorAdmin};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::tokens::{CredentialsGrant, Grant, Kind, Scope};
use crate::types::{CredentialKey, KeyId};
use crate::users::workers::{self, Worker, policy};
use crate::vault::{self, Handle};
use crate::vendors::Vendor;

/// As the ledger names the service where it acts for somebody.
const ACTOR: &str = "gatehouse";

/// In whose name.
#[derive(Clone)]
pub struct Caller {
    /// Whose credentials.
    pub vendor: Arc<Vendor>,
    /// Which worker, if one.
    pub worker: Option<Worker>,
    /// As the events name the caller.
    pub actor: String,
    /// By which API key, if by one.
    pub key: Option<KeyId>,
}

impl From<VendorAdmin> for Caller {
    fn from(by: VendorAdmin) -> Self {
        Self {
            vendor: by.vendor,
            worker: None,
            actor: by.actor,
            key: by.key,
        }
    }
}

impl From<CredentialReader> for Caller {
    fn from(by: CredentialReader) -> Self {
        Self {
            actor: by.actor(),
            vendor: by.vendor,
            worker: by.worker,
            key: by.key,
        }
    }
}

impl Caller {
    /// Refuses keys that a worker may not read. OpenBao does too; this says why.
    ///
    /// # Errors
    /// [`Error::KeyNotAllowed`].
    pub fn refuse_key(&self, key: &CredentialKey) -> Result<()> {
        match &self.worker {
            Some(worker) if !worker.patterns.cover(key) => Err(Error::KeyNotAllowed),
            _ => Ok(()),
        }
    }

    /// What a worker may read, or all.
    ///
    /// # Errors
    /// Where the worker's policy in OpenBao is behind and cannot be brought up now.
    pub async fn scope(&self, app: &Arc<App>) -> Result<CredentialsGrant> {
        let Some(worker) = &self.worker else {
            return Ok(CredentialsGrant::default());
        };
        if worker.written != worker.edition {
            policy::follow(app, self.vendor.id, worker.id).await?;
        }
        Ok(CredentialsGrant {
            scope: Scope::Worker(worker.id),
            worker: Some((worker.id, worker.edition)),
            ..CredentialsGrant::default()
        })
    }

    /// Makes a worker's policy again that OpenBao does not have, though the database says so.
    ///
    /// # Errors
    /// Trouble with OpenBao or the database.
    pub async fn write_policy(&self, app: &Arc<App>) -> Result<()> {
        let Some(worker) = &self.worker else {
            return Ok(());
        };
        let client = app.db.of(self.vendor.id).await?;
        workers::store::forget_policy(&client, self.vendor.id, worker.id).await?;
        drop(client);
        policy::follow(app, self.vendor.id, worker.id).await
    }

    /// The same caller with its worker as it is now: where that may read other credentials since it called.
    ///
    /// # Errors
    /// [`Error::CredentialsInvalid`] where the worker was removed meanwhile.
    pub async fn as_now(&self, app: &App) -> Result<Self> {
        let Some(worker) = &self.worker else {
            return Ok(self.clone());
        };
        let client = app.db.of(self.vendor.id).await?;
        let now = workers::store::find(&client, self.vendor.id, worker.id).await?;
        Ok(Self {
            worker: Some(now.ok_or(Error::CredentialsInvalid)?),
            ..self.clone()
        })
    }

    /// Reads with a token that may read what the caller may.
    ///
    /// # Errors
    /// Those of the call, and of the token path.
    pub async fn reading<T, F>(&self, app: &Arc<App>, call: impl Fn(Handle) -> F) -> Result<T>
    where
        F: Future<Output = vault::Result<T>>,
    {
        match self.read_once(app, &call).await {
            Err(Error::ScopeChanged) => self.as_now(app).await?.read_once(app, &call).await,
            // Somebody deleted the policy by hand.
            Err(Error::Vault(vault::Error::Rejected(_))) if self.worker.is_some() => {
                self.write_policy(app).await?;
                self.read_once(app, &call).await
            }
            outcome => outcome,
        }
    }

    async fn read_once<T, F>(&self, app: &Arc<App>, call: &impl Fn(Handle) -> F) -> Result<T>
    where
        F: Future<Output = vault::Result<T>>,
    {
        let grant = Grant {
            credentials: self.scope(app).await?,
            ..self.grant(Kind::CredentialsRead)
        };
        app.brokered.call(app, &grant, call).await
    }

    /// Writes.
    ///
    /// # Errors
    /// Those of the call, and of the token path.
    pub async fn writing<T, F>(&self, app: &Arc<App>, call: impl Fn(Handle) -> F) -> Result<T>
    where
        F: Future<Output = vault::Result<T>>,
    {
        let grant = self.grant(Kind::CredentialsWrite);
        app.brokered.call(app, &grant, call).await
    }

    fn grant(&self, kind: Kind) -> Grant {
        Grant::new(&self.vendor, kind, ACTOR)
    }

    /// An event about a credential.
    #[must_use]
    pub fn event(&self, action: &'static str, key: &CredentialKey, more: Value) -> Event<'_> {
        let vendor = Some(self.vendor.id);
        let mut event = Event::done(action, vendor, &self.actor);
        event.details = json!({ "key": key });
        if let (Value::Object(details), Value::Object(more)) = (&mut event.details, more) {
            details.extend(more);
        }
        event
    }
}
