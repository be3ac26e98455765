//! Statements on who unwrapped what. Lines name tokens, of any vendor; what is found tells whose they are.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Out, Unwrap};
use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

/// A token that was unwrapped now for the first time.
pub struct First {
    /// Which of the lines told it.
    pub number: usize,
    /// Whose.
    pub vendor: VendorId,
    /// Which.
    pub issuance: IssuanceId,
    /// Where it was issued to.
    pub client_address: Option<String>,
}

/// Remembers tokens that were unwrapped, and gives those that were not before.
///
/// # Errors
/// Where the database does not answer.
pub async fn add(client: &impl GenericClient, done: &[&Unwrap]) -> Result<Vec<First>> {
    let name = |of: fn(&Out) -> &String| {
        let names = done.iter().map(|unwrap| unwrap.out.as_ref().map(of));
        let names = names.map(|name| name.filter(|name| !name.is_empty()));
        names.collect::<Vec<Option<&String>>>()
    };
    let (at, digests, from) = columns(done);
    let sql = "WITH told AS ( \
                   SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) \
                       WITH ORDINALITY AS w (inside, outside, at, digest, remote_address, n) \
               ), known AS ( \
                   SELECT t.*, i.id, i.vendor_id, i.client_address FROM told t JOIN issuances i ON i.accessor = t.inside \
                   UNION ALL \
                   SELECT t.*, i.id, i.vendor_id, i.client_address FROM told t JOIN issuances i ON i.wrap_accessor = t.outside \
                   WHERE t.inside IS NULL \
               ), first AS ( \
                   SELECT DISTINCT ON (id) * FROM known ORDER BY id, n \
               ), added AS ( \
                   INSERT INTO unwraps (vendor_id, issuance_id, at, digest, remote_address) \
                   SELECT vendor_id, id, at, digest, remote_address FROM first ORDER BY id \
                   ON CONFLICT (issuance_id) DO NOTHING RETURNING issuance_id \
               ) SELECT n, vendor_id, id, client_address FROM first JOIN added ON issuance_id = id ORDER BY n";
    let (inside, outside) = (name(|out| &out.accessor), name(|out| &out.wrap_accessor));
    let rows = client
        .query(sql, &[&inside, &outside, &at, &digests, &from])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(First {
                number: number(row.try_get("n")?),
                vendor: VendorId(row.try_get("vendor_id")?),
                issuance: IssuanceId(row.try_get("id")?),
                client_address: row.try_get("client_address")?,
            })
        })
        .collect()
}

/// Who unwrapped what another wants to unwrap now.
pub struct Former {
    /// Which of the lines told of the other.
    pub number: usize,
    /// Whose.
    pub vendor: VendorId,
    /// Which.
    pub issuance: IssuanceId,
    /// When it was unwrapped.
    pub at: Timestamp,
    /// From where.
    pub address: Option<String>,
}

/// Tokens among these that were unwrapped before.
///
/// # Errors
/// Where the database does not answer.
pub async fn former(client: &impl GenericClient, late: &[&Unwrap]) -> Result<Vec<Former>> {
    let (_, digests, _) = columns(late);
    let sql = "SELECT w.n, u.vendor_id, u.issuance_id, u.at, u.remote_address \
               FROM unnest($1::text[]) WITH ORDINALITY AS w (digest, n) JOIN unwraps u ON u.digest = w.digest \
               WHERE w.digest <> '' ORDER BY w.n";
    let rows = client.query(sql, &[&digests]).await?;
    rows.iter()
        .map(|row| {
            Ok(Former {
                number: number(row.try_get("n")?),
                vendor: VendorId(row.try_get("vendor_id")?),
                issuance: IssuanceId(row.try_get::<_, Uuid>("issuance_id")?),
                at: row.try_get("at")?,
                address: row.try_get("remote_address")?,
            })
        })
        .collect()
}

type Columns<'a> = (Vec<Timestamp>, Vec<&'a str>, Vec<Option<String>>);

fn columns<'a>(unwraps: &[&'a Unwrap]) -> Columns<'a> {
    let mut columns: Columns = Default::default();
    for unwrap in unwraps {
        columns.0.push(unwrap.at);
        columns.1.push(&unwrap.digest);
        columns
            .2
            .push(unwrap.remote_address.map(|address| address.to_string()));
    }
    columns
}

/// PostgreSQL counts from one.
fn number(n: i64) -> usize {
    usize::try_from(n - 1).unwrap_or(0)
}
