//! What rows of a timeline refer to: tokens, calls made for somebody, vendors.

mod store;

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Reading, Row, Source};
use crate::db::GenericClient;
use crate::error::Result;
use crate::types::VendorId;

/// What the ledger says of a token.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Whose.
    pub vendor: VendorId,
    /// Which kind.
    pub kind: String,
    /// Who asked for it.
    pub caller: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The end of its life as far as it is known.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// For whom Gatehouse made a call itself.
#[derive(Clone, Debug)]
pub struct PurposeRow {
    /// What was done.
    pub action: String,
    /// For whom.
    pub actor: String,
    /// By which request.
    pub request_id: Option<String>,
}

/// What is known of rows beside themselves.
#[derive(Default)]
pub struct Known {
    /// Tokens, by issuance.
    pub tokens: HashMap<Uuid, TokenRow>,
    /// Calls that Gatehouse made for somebody, by vendor and OpenBao's id.
    pub purposes: HashMap<(VendorId, String), PurposeRow>,
    /// Namespaces, where items name their vendor.
    pub namespaces: HashMap<VendorId, String>,
}

impl Known {
    /// What is known of these rows.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn of(client: &impl GenericClient, reading: &Reading, rows: &[Row]) -> Result<Self> {
        let vendors: BTreeSet<i64> = rows
            .iter()
            .filter_map(|row| row.vendor)
            .map(|id| id.0)
            .collect();
        let vendors: Vec<i64> = vendors.into_iter().collect();
        let tokens: BTreeSet<Uuid> = rows.iter().filter_map(|row| row.issuance).collect();
        let tokens: Vec<Uuid> = tokens.into_iter().collect();
        let calls: Vec<&str> = rows
            .iter()
            .filter(|row| row.place.source == Source::OpenBao)
            .filter_map(|row| row.openbao_request_id.as_deref())
            .collect();
        let mut known = Self::default();
        if !tokens.is_empty() {
            known.tokens = store::tokens(client, &vendors, &tokens)
                .await?
                .into_iter()
                .collect();
        }
        if !calls.is_empty() {
            known.purposes = store::purposes(client, &vendors, &calls)
                .await?
                .into_iter()
                .collect();
        }
        if reading.names_vendor && !vendors.is_empty() {
            known.namespaces = store::namespaces(client, &vendors)
                .await?
                .into_iter()
                .collect();
        }
        Ok(known)
    }
}
