//! Statements on users' sessions and access tokens, and on operators' sessions.

use jiff::Timestamp;

use super::{Kind, MOST, Made, NewSession, Session, Which};
use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};
use crate::types::{Name, SessionId, UserId, VendorId};
use crate::users::accounts::store::account;
use crate::users::accounts::whose::{Tables, tables};
use crate::users::accounts::{Account, Origin};

/// A session to be added.
pub struct Row<'a> {
    /// Its id and end.
    pub made: &'a Made,
    /// What it is.
    pub new: &'a NewSession<'a>,
    /// What its token is known by.
    pub digest: KeyedDigest,
    /// From where.
    pub origin: &'a Origin,
}

/// Adds a session.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    user: UserId,
    row: &Row<'_>,
    now: Timestamp,
) -> Result<()> {
    let of = tables(vendor);
    let (owner, values) = of.owner;
    let sql = format!(
        "INSERT INTO {} ({owner}, id, kind, name, digest, enrolling, address, user_agent, created_at, expires_at) \
         VALUES ({values}, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        of.sessions
    );
    let (kind, name) = (row.new.kind.as_str(), row.new.name.map(Name::as_str));
    client
        .execute(
            &sql,
            &[
                &vendor.0,
                &user.0,
                &row.made.id.0,
                &kind,
                &name,
                &row.digest.as_bytes(),
                &row.new.enrolling,
                &row.origin.address.to_string(),
                &row.origin.user_agent,
                &now,
                &row.made.expires_at,
            ],
        )
        .await?;
    Ok(())
}

/// A session with its user.
pub struct Found {
    /// Whose.
    pub account: Account,
    /// What it is.
    pub kind: Kind,
    /// Whether it is good for setting up a second factor only.
    pub enrolling: bool,
    /// What its token is known by.
    pub digest: KeyedDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

fn kind(row: &tokio_postgres::Row) -> Result<Kind> {
    match row.try_get::<_, &str>("kind")? {
        "session" => Ok(Kind::Session),
        "token" => Ok(Kind::Token),
        _ => Err(Error::Corrupt("user_sessions.kind")),
    }
}

/// A live session of a user, or of an operator, who may log in. Its own row says which vendor's. What the vendor demands counts from now on
/// for sessions that were made before too; access tokens go on.
///
/// # Errors
/// Where the database does not answer.
pub async fn by_id(
    client: &impl GenericClient,
    of: Tables,
    id: i64,
    now: Timestamp,
) -> Result<Option<Found>> {
    let sql = format!(
        "SELECT {}, s.kind, s.digest, s.created_at AS begun_at, s.last_used_at, s.kind = 'session' AND CASE \
             WHEN u.totp_confirmed_at IS NULL THEN {} ELSE s.enrolling END AS enrolling \
         FROM {} s JOIN {} u ON u.id = s.{}{} \
         WHERE s.id = $1 AND s.expires_at > $2 AND u.removed_at IS NULL AND u.disabled_at IS NULL",
        of.columns, of.demanded, of.sessions, of.people, of.holder, of.same_vendor
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id, &now]).await?;
    row.map(|row| {
        let digest = KeyedDigest::from_bytes(row.try_get("digest")?);
        Ok(Found {
            account: account(&row)?,
            kind: kind(&row)?,
            enrolling: row.try_get("enrolling")?,
            digest: digest.ok_or(Error::Corrupt("user_sessions.digest"))?,
            created_at: row.try_get("begun_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    })
    .transpose()
}

/// Notes a use, to the minute.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_used(
    client: &impl GenericClient,
    vendor: VendorId,
    id: i64,
    now: Timestamp,
) -> Result<()> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET last_used_at = $3{} WHERE {} = $1 AND id = $2 \
         AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')",
        of.sessions, of.used, of.vendor
    );
    let statement = client.prepare_cached(&sql).await?;
    client.execute(&statement, &[&vendor.0, &id, &now]).await?;
    Ok(())
}

/// A page of a user's sessions and access tokens that have not ended.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    user: UserId,
    after: Option<i64>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Session>> {
    let of = tables(vendor);
    let sql = format!(
        "SELECT id, kind, name, address, user_agent, created_at, last_used_at, expires_at FROM {} \
         WHERE {} = $1 AND {} = $2 AND id > $3 AND expires_at > $5 ORDER BY id LIMIT $4",
        of.sessions, of.vendor, of.holder
    );
    let rows = client
        .query(
            &sql,
            &[&vendor.0, &user.0, &after.unwrap_or(0), &(limit + 1), &now],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Session {
                id: SessionId(row.try_get("id")?),
                kind: kind(row)?,
                name: row.try_get("name")?,
                address: row.try_get("address")?,
                user_agent: row.try_get("user_agent")?,
                created_at: row.try_get("created_at")?,
                last_used_at: row.try_get("last_used_at")?,
                expires_at: row.try_get("expires_at")?,
            })
        })
        .collect()
}

/// How many access tokens of a user have not ended.
///
/// # Errors
/// Where the database does not answer.
pub async fn tokens(
    client: &impl GenericClient,
    vendor: VendorId,
    user: UserId,
    now: Timestamp,
) -> Result<i64> {
    let sql = "SELECT count(*) AS n FROM user_sessions \
               WHERE vendor_id = $1 AND user_id = $2 AND kind = 'token' AND expires_at > $3";
    let row = client.query_one(sql, &[&vendor.0, &user.0, &now]).await?;
    Ok(row.try_get("n")?)
}

/// Ends the oldest sessions, so that there is room for one more.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_oldest(
    client: &impl GenericClient,
    vendor: VendorId,
    user: UserId,
    now: Timestamp,
) -> Result<()> {
    let of = tables(vendor);
    let (sessions, whose) = (of.sessions, of.vendor);
    let sql = format!(
        "DELETE FROM {sessions} WHERE {whose} = $1 AND id IN (SELECT id FROM {sessions} \
         WHERE {whose} = $1 AND {} = $2 AND kind = 'session' AND expires_at > $3 \
         ORDER BY created_at DESC, id OFFSET $4)",
        of.holder
    );
    client
        .execute(&sql, &[&vendor.0, &user.0, &now, &(MOST - 1)])
        .await?;
    Ok(())
}

/// Ends sessions and access tokens, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn end(
    client: &impl GenericClient,
    vendor: VendorId,
    user: UserId,
    which: Which,
    now: Timestamp,
) -> Result<u64> {
    let of = tables(vendor);
    let sql = format!(
        "DELETE FROM {} WHERE {} = $1 AND {} = $2 AND expires_at > $5 \
         AND ($3::bigint IS NULL OR id = $3) AND ($4::bigint IS NULL OR id <> $4)",
        of.sessions, of.vendor, of.holder
    );
    let (one, but) = match which {
        Which::One(id) => (Some(id.0), None),
        Which::All => (None, None),
        Which::Others(id) => (None, id),
    };
    Ok(client
        .execute(&sql, &[&vendor.0, &user.0, &one, &but, &now])
        .await?)
}

/// Makes a session good for everything, and ends the others that are not: where the vendor demands a second factor, all
/// that the password alone began.
///
/// # Errors
/// Where the database does not answer.
pub async fn enrol(
    client: &impl GenericClient,
    vendor: VendorId,
    user: UserId,
    id: Option<i64>,
) -> Result<()> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET enrolling = false WHERE {} = $1 AND {} = $2 AND id = $3",
        of.sessions, of.vendor, of.holder
    );
    client.execute(&sql, &[&vendor.0, &user.0, &id]).await?;
    let sql = format!(
        "DELETE FROM {} s USING {} u WHERE {} = $1 AND s.{} = $2 AND u.id = s.{}{} AND s.kind = 'session' \
         AND s.id IS DISTINCT FROM $3 AND (s.enrolling OR {})",
        of.sessions,
        of.people,
        of.session_vendor,
        of.holder,
        of.holder,
        of.same_vendor,
        of.demanded
    );
    client.execute(&sql, &[&vendor.0, &user.0, &id]).await?;
    Ok(())
}

/// Forgets sessions of any vendor, or of operators, that have ended, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, of: Tables, now: Timestamp) -> Result<u64> {
    let sql = format!(
        "DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE expires_at < $1 LIMIT 10000)",
        of.sessions
    );
    Ok(client.execute(&sql, &[&now]).await?)
}
