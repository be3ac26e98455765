//! Sessions of one account, on its owner's page and on its administrators'.

use jiff::Timestamp;

use crate::console::layout::{moment, moment_or};
use crate::db::GenericClient;
use crate::error::Result;
use crate::users::accounts::Account;
use crate::users::accounts::sessions::{self, MOST};

/// A session or access token.
pub struct Row {
    /// Names it.
    pub id: String,
    /// What it is.
    pub what: String,
    /// From where it was made.
    pub address: String,
    /// By which program.
    pub user_agent: String,
    /// When it was made.
    pub created: String,
    /// When it was used last.
    pub last_used: String,
    /// Its end.
    pub expires: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// All of an account's; `current` is the one that asks, where it is among them.
///
/// # Errors
/// Trouble with the database.
pub async fn rows(
    client: &impl GenericClient,
    account: &Account,
    current: Option<i64>,
    now: Timestamp,
) -> Result<Vec<Row>> {
    let (vendor, user) = (account.vendor, account.id);
    let rows = sessions::store::page(client, vendor, user, None, 2 * MOST, now).await?;
    let row = |session: sessions::Session| Row {
        is_current: Some(session.id.0) == current,
        id: session.id.to_string(),
        what: match session.name {
            Some(name) => format!("Access token \u{201c}{name}\u{201d}"),
            None => "Session".to_owned(),
        },
        address: session.address,
        user_agent: if session.user_agent.is_empty() {
            "not said".to_owned()
        } else {
            session.user_agent
        },
        created: moment(&session.created_at),
        last_used: moment_or(session.last_used_at.as_ref(), "never"),
        expires: moment(&session.expires_at),
    };
    Ok(rows.into_iter().map(row).collect())
}
