//! The trail of what this service did: rows that are only ever added, in the transaction of what they record.

pub mod chain;
pub mod http;
pub mod refused;
mod store;

use jiff::Timestamp;
use serde_json::Value;

use crate::db::{GenericClient, Result};
use crate::telemetry;
use crate::types::{IssuanceId, SecretId, VendorId};

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, with the code of the refusal.
    Refused(&'static str),
    /// It could not be done, with the code of the failure.
    Failed(&'static str),
}

impl Outcome {
    /// As stored: the outcome, and its code where it has one.
    #[must_use]
    pub fn parts(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Done => ("done", None),
            Self::Refused(code) => ("refused", Some(code)),
            Self::Failed(code) => ("failed", Some(code)),
        }
    }
}

/// Where an actor is, and what it says it is: the service itself is nowhere, whoever's request it serves.
#[must_use]
pub fn whereabouts(actor: &str, request: &telemetry::Current) -> (Option<String>, String) {
    let kind = actor.split(':').next().unwrap_or_default();
    if ["task", "gatehouse", "openbao", "anyone"].contains(&kind) {
        return (None, String::new());
    }
    let address = request.address.map(|address| address.to_string());
    (address, request.user_agent.clone())
}

/// One thing that happened. Never holds a secret.
#[derive(Debug)]
pub struct Event<'a> {
    /// Whose, if a vendor's.
    pub vendor: Option<VendorId>,
    /// Who did it, its kind first: `public-key`, `signed-client`, `vendor`, `operator:<name>`, `worker:<id>`, `user:<name>`,
    /// `billing`, `workload:<trust policy>`, `claim-token`, `delete-key`, `task:<name>`, `gatehouse`, `openbao`, `anyone`.
    pub actor: &'a str,
    /// What, as `noun.verb`.
    pub action: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Which site.
    pub secret_id: Option<&'a SecretId>,
    /// Which token.
    pub issuance: Option<IssuanceId>,
    /// More.
    pub details: Value,
}

impl<'a> Event<'a> {
    /// Something that was done.
    #[must_use]
    pub fn done(action: &'static str, vendor: Option<VendorId>, actor: &'a str) -> Self {
        Self {
            vendor,
            actor,
            action,
            outcome: Outcome::Done,
            secret_id: None,
            issuance: None,
            details: Value::Object(serde_json::Map::new()),
        }
    }

    /// The same, about a site.
    #[must_use]
    pub fn about_site(mut self, secret_id: &'a SecretId) -> Self {
        self.secret_id = Some(secret_id);
        self
    }

    /// Adds the event, with where the request being answered came from.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn record(&self, client: &impl GenericClient, now: Timestamp) -> Result<()> {
        let current = telemetry::current();
        store::insert(client, self, &current, now).await?;
        if self.outcome != Outcome::Done {
            current.seen.note_told();
        }
        Ok(())
    }
}
