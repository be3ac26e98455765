//! The trail of what this service did: rows that are only ever added, in the transaction of what they record.

use jiff::Timestamp;
use serde_json::Value;

use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, SecretId, VendorId};

/// One thing that happened. Never holds a secret.
#[derive(Debug)]
pub struct Event<'a> {
    /// Whose, if a vendor's.
    pub vendor: Option<VendorId>,
    /// Who did it: `public-key`, `vendor`, `operator:<name>`, `worker:<id>`, `user:<name>`, `billing`, or the name of
    /// a task.
    pub actor: &'a str,
    /// What, as `noun.verb`.
    pub action: &'static str,
    /// `done`, or the code of the refusal.
    pub outcome: &'static str,
    /// Which site.
    pub secret_id: Option<&'a SecretId>,
    /// Which token.
    pub issuance: Option<IssuanceId>,
    /// By which request.
    pub request_id: &'a str,
    /// More.
    pub details: Value,
}

impl<'a> Event<'a> {
    /// Something that was done.
    #[must_use]
    pub fn done(
        action: &'static str,
        vendor: Option<VendorId>,
        actor: &'a str,
        request_id: &'a str,
    ) -> Self {
        Self {
            vendor,
            actor,
            action,
            outcome: "done",
            secret_id: None,
            issuance: None,
            request_id,
            details: Value::Object(serde_json::Map::new()),
        }
    }

    /// The same, about a site.
    #[must_use]
    pub fn about_site(mut self, secret_id: &'a SecretId) -> Self {
        self.secret_id = Some(secret_id);
        self
    }

    /// Adds the event.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn record(&self, client: &impl GenericClient, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO events (at, vendor_id, actor, action, outcome, secret_id, issuance_id, request_id, details) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let vendor = self.vendor.map(|id| id.0);
        let secret_id = self.secret_id.map(SecretId::as_str);
        let issuance = self.issuance.map(|id| id.0);
        client
            .execute(
                sql,
                &[
                    &now,
                    &vendor,
                    &self.actor,
                    &self.action,
                    &self.outcome,
                    &secret_id,
                    &issuance,
                    &self.request_id,
                    &self.details,
                ],
            )
            .await?;
        Ok(())
    }
}
