//! Removes roles of sets of networks that no live token needs, and those that no row names.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::{PREFIX, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::VendorId;
use crate::vault::{self, roles};

/// How many one call removes.
const BATCH: i64 = 100;
/// How long a role waits for another token. More than a replica uses it without a look at its row.
const UNUSED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Removes some that nobody used for an hour and no live token needs, and gives how many those were.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn unused(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let since = now.checked_sub(UNUSED_FOR).unwrap_or(Timestamp::MIN);
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    store::mark_unused(&transaction, now, since, BATCH).await?;
    transaction.commit().await?;
    drop(client);
    marked(app, None).await
}

/// Removes all of a vendor that was cancelled.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn of_cancelled(app: &App, vendor: VendorId) -> Result<()> {
    let client = app.db.of(vendor).await?;
    store::mark_all(&client, vendor, app.clock.now()).await?;
    drop(client);
    while marked(app, Some(vendor)).await? > 0 {}
    Ok(())
}

async fn marked(app: &App, whose: Option<VendorId>) -> Result<usize> {
    let client = app.db.of_or_all(whose).await?;
    let marked = store::marked(&client, whose, BATCH).await?;
    drop(client);
    for (vendor, bound) in &marked {
        delete(app, &bound.role.name).await?;
        let client = app.db.of(*vendor).await?;
        store::remove(&client, *vendor, bound.id).await?;
    }
    Ok(marked.len())
}

/// Deletes a role.
///
/// # Errors
/// Where OpenBao does not answer.
pub(super) async fn delete(app: &App, name: &str) -> Result<()> {
    let provisioner = &app.vault.provisioner;
    provisioner
        .call(|handle| async move { roles::delete(&handle, name).await })
        .await?;
    Ok(())
}

/// What was done about roles that no row names.
#[derive(Debug, Default)]
pub struct Strays {
    /// How many are deleted now.
    pub deleted: usize,
    /// Those of names that none of ours has, which are not ours to delete.
    pub foreign: Vec<String>,
}

/// Deletes roles of such names that no row names: what a crash left of a vendor that was being cancelled, what a database
/// set back to a former day does not know any more, and what somebody else made.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn strays(app: &App) -> Result<Strays> {
    let listed = app
        .vault
        .provisioner
        .call(|handle| async move { roles::list(&handle).await })
        .await?;
    let ours = listed.iter().filter(|name| name.starts_with(PREFIX));
    let ours: Vec<&String> = ours.collect();
    if ours.is_empty() {
        return Ok(Strays::default());
    }
    let ids: Vec<i64> = ours.iter().filter_map(|name| number(name)).collect();
    // A row is there before its role, so those listed just now have theirs.
    let client = app.db.all().await?;
    let known: HashSet<String> = store::known(&client, &ids)
        .await?
        .into_iter()
        .map(|bound| bound.role.name)
        .collect();
    drop(client);
    let mut found = Strays::default();
    for name in ours.into_iter().filter(|name| !known.contains(*name)) {
        match delete(app, name).await {
            Ok(()) => {
                tracing::warn!(role = name, "A token role that no row names is deleted");
                found.deleted += 1;
            }
            Err(Error::Vault(vault::Error::Denied(_))) => found.foreign.push(name.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The number in a role's name.
fn number(name: &str) -> Option<i64> {
    let (_, last) = name.rsplit_once('.')?;
    last.split_once('-')?.0.parse().ok()
}
