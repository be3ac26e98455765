//! Deletes credentials, undoes that, and destroys them for good.

use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::alone::{self, Claimed};
use super::{Record, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::tokens::{Scope, revoke};
use crate::types::CredentialKey;
use crate::vault::kv2::{self, Change, Metadata};
use crate::vault::policies;

/// Deletes all versions: nobody reads any of them, until they are undeleted.
///
/// # Errors
/// [`Error::NotFound`], or trouble with OpenBao or the database.
pub async fn delete(app: &Arc<App>, by: &Caller, key: &CredentialKey) -> Result<()> {
    let claimed = alone::claim(app, by, key).await?;
    let deleted = async {
        let metadata = metadata(app, by, key).await?.ok_or(Error::NotFound)?;
        let live = numbers(&metadata, |version| {
            version.deletion_time.is_empty() && !version.destroyed
        });
        // Where the database says it already, what a lost note left is deleted all the same.
        if live.is_empty() && claimed.record.deleted_at.is_some() {
            return Err(Error::NotFound);
        }
        change(app, by, key, Change::Delete, &live).await?;
        let now = Some(app.clock.now());
        note(app, by, &claimed, now, "credential.deleted", &live).await
    };
    let deleted = deleted.await;
    alone::settle(app, by, &claimed, &deleted).await;
    deleted
}

/// Undeletes one version, or all. Gives those that are read again.
///
/// # Errors
/// [`Error::NotFound`] where there is nothing to undelete, or trouble with OpenBao or the database.
pub async fn undelete(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    version: Option<u32>,
) -> Result<Vec<u32>> {
    let claimed = alone::claim(app, by, key).await?;
    let undeleted = async {
        let metadata = metadata(app, by, key).await?.ok_or(Error::NotFound)?;
        let mut deleted = numbers(&metadata, |version| {
            !version.deletion_time.is_empty() && !version.destroyed
        });
        deleted.retain(|number| version.is_none_or(|wanted| wanted == *number));
        if deleted.is_empty() {
            return Err(Error::NotFound);
        }
        change(app, by, key, Change::Undelete, &deleted).await?;
        note(app, by, &claimed, None, "credential.undeleted", &deleted).await?;
        Ok(deleted)
    };
    let undeleted = undeleted.await;
    alone::settle(app, by, &claimed, &undeleted).await;
    undeleted
}

/// Destroys some versions for good.
///
/// # Errors
/// [`Error::NotFound`] where one of them is not there, or trouble with OpenBao or the database.
pub async fn destroy_versions(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    versions: &[u32],
) -> Result<()> {
    let claimed = alone::claim(app, by, key).await?;
    let destroyed = async {
        let metadata = metadata(app, by, key).await?.ok_or(Error::NotFound)?;
        let is_there = |version| metadata.versions.contains_key(version);
        if !versions.iter().all(is_there) {
            return Err(Error::NotFound);
        }
        change(app, by, key, Change::Destroy, versions).await?;
        let at = claimed.record.deleted_at;
        note(
            app,
            by,
            &claimed,
            at,
            "credential.versions_destroyed",
            versions,
        )
        .await
    };
    let destroyed = destroyed.await;
    alone::settle(app, by, &claimed, &destroyed).await;
    destroyed
}

/// Destroys the credential for good, with all versions and the tokens that read only it. Its key is free again.
///
/// # Errors
/// [`Error::NotFound`], or trouble with OpenBao or the database: then a repeat goes on where this one stopped.
pub async fn destroy(app: &Arc<App>, by: &Caller, key: &CredentialKey) -> Result<()> {
    let claimed = alone::claim(app, by, key).await?;
    let destroyed = destroy_alone(app, by, &claimed).await;
    alone::settle(app, by, &claimed, &destroyed).await;
    destroyed
}

async fn destroy_alone(app: &Arc<App>, by: &Caller, claimed: &Claimed) -> Result<()> {
    let record = &claimed.record;
    let (namespace, vendor, key) = (&by.vendor.namespace, by.vendor.id, &record.key);
    by.writing(app, |handle| async move {
        kv2::remove(&handle, namespace, key).await
    })
    .await?;
    let now = app.clock.now();
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::mark_destroyed(&transaction, vendor, record.id, claimed.claim, now).await? {
        return Err(Error::Conflict);
    }
    let order = revoke::Order {
        by: &by.actor,
        reason: "credential destroyed",
        at: now,
    };
    let doomed = revoke::store::mark_credential(&transaction, vendor, record.id, &order).await?;
    by.event("credential.destroyed", key, json!({}))
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    drop(client);
    revoke::now(app, &doomed).await;
    if record.has_policy
        && let Err(error) = delete_policy(app, by, record).await
    {
        let cause = crate::error::cause_chain(&error);
        tracing::warn!(credential.id = record.id.0, error.cause = %cause, "The policy of a credential that is gone is left");
    }
    Ok(())
}

/// The policy of tokens that read this one. It opens nothing any more, so nothing depends on its going.
async fn delete_policy(app: &App, by: &Caller, record: &Record) -> Result<()> {
    let name = Scope::Key(record.id).policy(&by.vendor.namespace);
    let name = name.as_str();
    app.vault
        .provisioner
        .call(|handle| async move { policies::delete(&handle, name).await })
        .await?;
    let client = app.db.of(by.vendor.id).await?;
    Ok(store::mark_policy(&client, by.vendor.id, record.id, None).await?)
}

/// What OpenBao knows of a credential's versions.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn metadata(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
) -> Result<Option<Metadata>> {
    let namespace = &by.vendor.namespace;
    by.writing(app, |handle| async move {
        kv2::metadata(&handle, namespace, key).await
    })
    .await
}

fn numbers(metadata: &Metadata, is_wanted: impl Fn(&kv2::Version) -> bool) -> Vec<u32> {
    let wanted = metadata
        .versions
        .iter()
        .filter(|(_, version)| is_wanted(version));
    wanted.map(|(number, _)| *number).collect()
}

async fn change(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    change: Change,
    versions: &[u32],
) -> Result<()> {
    if versions.is_empty() {
        return Ok(());
    }
    let namespace = &by.vendor.namespace;
    by.writing(app, |handle| async move {
        kv2::change(&handle, namespace, key, change, versions).await
    })
    .await
}

async fn note(
    app: &App,
    by: &Caller,
    claimed: &Claimed,
    deleted_at: Option<jiff::Timestamp>,
    action: &'static str,
    versions: &[u32],
) -> Result<()> {
    let (vendor, record) = (by.vendor.id, &claimed.record);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::mark_deleted(&transaction, vendor, record.id, deleted_at, claimed.claim).await? {
        return Err(Error::Conflict);
    }
    by.event(action, &record.key, json!({ "versions": versions }))
        .record(&transaction, app.clock.now())
        .await?;
    transaction.commit().await?;
    Ok(())
}
