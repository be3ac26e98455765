//! What is shown of a row.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::known::{Known, PurposeRow, TokenRow};
use super::{Reading, Row, Source, Viewer};
use crate::tokens::Kind;

/// An item of a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessLogItem)]
pub struct Item {
    /// Names it; opaque.
    pub id: String,
    /// When: by Gatehouse's clock, or by OpenBao's.
    pub at: Timestamp,
    /// `gatehouse` or `openbao`.
    pub source: Source,
    /// Whose, where the list is of all vendors: the namespace, or `null` for the platform's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub vendor: Option<Option<String>>,
    /// What.
    pub action: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// Why not.
    #[schema(required)]
    pub code: Option<String>,
    /// Who.
    #[schema(required)]
    pub caller: Option<CallerView>,
    /// Which site.
    #[schema(required)]
    pub secret_id: Option<String>,
    /// Which credential.
    #[schema(required)]
    pub credential: Option<String>,
    /// By, or about, which token.
    #[schema(required)]
    pub token: Option<TokenView>,
    /// Whom Gatehouse made the call for.
    #[schema(required)]
    pub purpose: Option<PurposeView>,
    /// From where.
    #[schema(required)]
    pub address: Option<String>,
    /// What sent the request, as it said.
    #[schema(required)]
    pub user_agent: Option<String>,
    /// The request to Gatehouse.
    #[schema(required)]
    pub request_id: Option<String>,
    /// OpenBao's id of the call.
    #[schema(required)]
    pub openbao_request_id: Option<String>,
    /// More, by action.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// Who.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AccessLogCaller)]
pub struct CallerView {
    /// `public-key`, `vendor`, `worker`, `user`, `operator`, …
    pub kind: String,
    /// Which of them, where there are several.
    #[schema(required)]
    pub name: Option<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessLogToken)]
pub struct TokenView {
    /// Names it in the ledger.
    pub issuance_id: Uuid,
    /// What it is good for.
    pub kind: String,
    /// Who asked for it.
    pub caller: CallerView,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The end of its life, as far as it is known.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
}

/// Whom Gatehouse made a call for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessLogPurpose)]
pub struct PurposeView {
    /// What was done.
    pub action: String,
    /// For whom.
    pub caller: CallerView,
    /// By which request to Gatehouse.
    #[schema(required)]
    pub request_id: Option<String>,
}

impl CallerView {
    fn new(actor: &str, viewer: Viewer) -> Self {
        let (kind, name) = match actor.split_once(':') {
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (actor, None),
        };
        Self {
            kind: kind.to_owned(),
            name: name.filter(|_| viewer == Viewer::Operator || kind != "operator"),
        }
    }
}

impl Item {
    /// Shows a row.
    #[must_use]
    pub fn new(row: Row, known: &Known, reading: &Reading) -> Self {
        let viewer = reading.viewer;
        let token = row.issuance.and_then(|id| known.tokens.get_key_value(&id));
        let token = token.filter(|(_, token)| Some(token.vendor) == row.vendor);
        let call = (row.place.source == Source::OpenBao)
            .then(|| Some((row.vendor?, row.openbao_request_id.clone()?)))
            .flatten();
        let purpose = call.and_then(|call| known.purposes.get(&call));
        // Where tokens that never leave Gatehouse are used from is its own address.
        let is_kept_here = |kind: &str| Kind::named(kind).is_some_and(Kind::is_own);
        let is_own = purpose.is_some() || token.is_some_and(|(_, t)| is_kept_here(&t.kind));
        let actor = row
            .actor
            .as_deref()
            .or(caller_of_line(token.map(|(_, t)| t), purpose));
        let caller = actor.map(|actor| CallerView::new(actor, viewer));
        let is_operators = caller
            .as_ref()
            .is_some_and(|caller| caller.kind == "operator");
        let hides = viewer == Viewer::Vendor
            && (is_operators || (is_own && row.place.source == Source::OpenBao));
        let letter = match row.place.source {
            Source::Gatehouse => 'e',
            Source::OpenBao => 'l',
        };
        Self {
            id: format!("{letter}{}", row.place.id),
            at: row.place.at,
            source: row.place.source,
            vendor: reading
                .names_vendor
                .then(|| row.vendor.and_then(|id| known.namespaces.get(&id).cloned())),
            action: row.action,
            outcome: row.outcome,
            code: row.code,
            caller,
            secret_id: row.secret_id,
            credential: row.credential,
            token: token.map(|(id, token)| shown(*id, token, viewer)),
            purpose: purpose.map(|purpose| PurposeView {
                action: purpose.action.clone(),
                caller: CallerView::new(&purpose.actor, viewer),
                request_id: purpose.request_id.clone(),
            }),
            address: row.address.filter(|_| !hides),
            user_agent: row.user_agent.filter(|_| !hides),
            request_id: row.request_id,
            openbao_request_id: row.openbao_request_id,
            details: row.details,
        }
    }
}

/// Whoever asked for the token, or, where that was Gatehouse, whom it made the call for.
fn caller_of_line<'a>(
    token: Option<&'a TokenRow>,
    purpose: Option<&'a PurposeRow>,
) -> Option<&'a str> {
    let token = token?;
    match purpose {
        Some(purpose) if token.caller == "gatehouse" => Some(&purpose.actor),
        _ => Some(&token.caller),
    }
}

fn shown(id: Uuid, token: &TokenRow, viewer: Viewer) -> TokenView {
    TokenView {
        issuance_id: id,
        kind: token.kind.clone(),
        caller: CallerView::new(&token.caller, viewer),
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
    }
}
