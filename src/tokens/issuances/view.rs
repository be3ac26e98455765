//! What is shown of the ledger.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Issuance;
use crate::types::IssuanceId;

/// A token as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Issuance)]
pub struct IssuanceView {
    issuance_id: IssuanceId,
    /// For operators: whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    /// For operators: who knows it can look the token up in OpenBao, and end it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    accessor: Option<String>,
    kind: String,
    /// `live`, `ending`, `revoked` or `expired`.
    state: &'static str,
    #[schema(required)]
    secret_id: Option<String>,
    caller: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    max_expires_at: Timestamp,
    #[schema(required)]
    ttl: Option<i32>,
    #[schema(required)]
    uses: Option<i32>,
    #[schema(required)]
    bound_cidrs: Option<Vec<String>>,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    #[schema(required)]
    client_address: Option<String>,
    request_id: String,
    #[schema(required)]
    worker: Option<String>,
    /// The key of the one credential that it reads.
    #[schema(required)]
    credential: Option<String>,
    #[schema(required)]
    revoke: Option<RevokeView>,
}

/// The end that it was brought to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IssuanceRevocation)]
pub struct RevokeView {
    #[schema(required)]
    reason: Option<String>,
    #[schema(required)]
    by: Option<String>,
    #[schema(required)]
    asked_at: Option<Timestamp>,
    #[schema(required)]
    revoked_at: Option<Timestamp>,
}

impl IssuanceView {
    /// Of a token; its accessor, and who did what, are for operators.
    #[must_use]
    pub fn new(issuance: Issuance, now: Timestamp, for_operator: bool) -> Self {
        Self {
            issuance_id: issuance.id,
            state: issuance.state(now).as_str(),
            vendor: for_operator.then_some(issuance.namespace),
            accessor: for_operator.then_some(issuance.accessor),
            kind: issuance.kind,
            secret_id: issuance.secret_id,
            caller: named(issuance.caller, for_operator),
            issued_at: issuance.issued_at,
            expires_at: issuance.expires_at,
            max_expires_at: issuance.max_expires_at,
            ttl: issuance.ttl,
            uses: issuance.uses,
            bound_cidrs: issuance.bound_cidrs,
            last_used_at: issuance.last_used_at,
            client_address: issuance.client_address,
            request_id: issuance.request_id,
            worker: issuance.worker.map(|id| id.to_string()),
            credential: issuance.credential,
            revoke: issuance.revoke.map(|revoke| RevokeView {
                reason: revoke.reason,
                by: revoke.by.map(|by| named(by, for_operator)),
                asked_at: revoke.asked_at,
                revoked_at: revoke.revoked_at,
            }),
        }
    }
}

/// Who did something, as a vendor or an operator is told: vendors, that it was an operator, not which.
#[must_use]
pub fn named(actor: String, for_operator: bool) -> String {
    if !for_operator && actor.starts_with("operator:") {
        "operator".to_owned()
    } else {
        actor
    }
}
