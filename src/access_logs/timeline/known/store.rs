//! Statements on what rows of a timeline refer to.

use uuid::Uuid;

use super::{PurposeRow, TokenRow};
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// What the ledger says of tokens of these vendors.
///
/// # Errors
/// Where the database does not answer.
pub async fn tokens(
    client: &impl GenericClient,
    vendors: &[i64],
    ids: &[Uuid],
) -> Result<Vec<(Uuid, TokenRow)>> {
    let sql = "SELECT id, vendor_id, kind, caller, issued_at, expires_at, revoked_at FROM issuances \
               WHERE vendor_id = ANY($1) AND id = ANY($2)";
    let rows = client.query(sql, &[&vendors, &ids]).await?;
    rows.iter()
        .map(|row| {
            let token = TokenRow {
                vendor: VendorId(row.try_get("vendor_id")?),
                kind: row.try_get("kind")?,
                caller: row.try_get("caller")?,
                issued_at: row.try_get("issued_at")?,
                expires_at: row.try_get("expires_at")?,
                revoked_at: row.try_get("revoked_at")?,
            };
            Ok((row.try_get("id")?, token))
        })
        .collect()
}

/// For whom Gatehouse made calls itself, by OpenBao's ids of them.
///
/// # Errors
/// Where the database does not answer.
pub async fn purposes(
    client: &impl GenericClient,
    vendors: &[i64],
    calls: &[&str],
) -> Result<Vec<((VendorId, String), PurposeRow)>> {
    let sql = "SELECT vendor_id, openbao_request_id, action, actor, request_id FROM events \
               WHERE vendor_id = ANY($1) AND openbao_request_id = ANY($2) AND caller_kind <> 'openbao'";
    let rows = client.query(sql, &[&vendors, &calls]).await?;
    rows.iter()
        .map(|row| {
            let call = (
                VendorId(row.try_get("vendor_id")?),
                row.try_get("openbao_request_id")?,
            );
            let purpose = PurposeRow {
                action: row.try_get("action")?,
                actor: row.try_get("actor")?,
                request_id: row.try_get("request_id")?,
            };
            Ok((call, purpose))
        })
        .collect()
}

/// The namespaces of these vendors.
///
/// # Errors
/// Where the database does not answer.
pub async fn namespaces(
    client: &impl GenericClient,
    vendors: &[i64],
) -> Result<Vec<(VendorId, String)>> {
    let sql = "SELECT id, namespace FROM vendors WHERE id = ANY($1)";
    let rows = client.query(sql, &[&vendors]).await?;
    rows.iter()
        .map(|row| Ok((VendorId(row.try_get("id")?), row.try_get("namespace")?)))
        .collect()
}
