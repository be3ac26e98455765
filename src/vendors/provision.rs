//! Brings a vendor's store and policies in OpenBao to what they should be. Safe to run any number of times.

use crate::app::App;
use crate::error::{Error, Result};
use crate::types::Namespace;
use crate::vault::{self, mounts, policies, system};

use super::{Vendor, store};

/// Makes what is missing, in the seed's order: the store, then the write, delete and read policies, then ours. Notes
/// in the database when all is there.
///
/// # Errors
/// [`Error::ForeignMount`] where something else is mounted at the store's path; otherwise trouble with OpenBao or the
/// database, after which a repeat goes on where this one stopped.
pub async fn provision(app: &App, vendor: &Vendor) -> Result<()> {
    if vendor.provisioned_at.is_some() {
        return Ok(());
    }
    bring_into_line(app, &vendor.namespace).await?;
    let client = app.db.get().await?;
    store::mark_provisioned(&client, vendor.id, app.clock.now()).await?;
    app.directory.reload(&client, vendor.id).await?;
    tracing::info!(
        vendor.id = vendor.id.0,
        "The vendor's store and policies are complete"
    );
    Ok(())
}

/// The same without looking at or changing what the database says.
///
/// # Errors
/// As [`provision`].
pub async fn bring_into_line(app: &App, namespace: &Namespace) -> Result<()> {
    let provisioner = &app.vault.provisioner;
    provisioner
        .call(|handle| async move { ensure_store(&handle, namespace).await })
        .await?
        .map_or(Ok(()), |found| Err(Error::ForeignMount(found)))?;
    let accessor = provisioner
        .call(|handle| async move { system::token_mount_accessor(&handle).await })
        .await?;
    for policy in &policies::of_vendor(namespace, &accessor) {
        provisioner
            .call(|handle| async move { policies::write(&handle, policy).await })
            .await?;
    }
    Ok(())
}

/// Mounts the store. "Path is already in use" counts as done only after reading back that it is ours: a standby may
/// not know the mount yet, so it is read a few times. Gives what stands there instead, if something else does.
async fn ensure_store(
    handle: &vault::Handle,
    namespace: &Namespace,
) -> vault::Result<Option<String>> {
    let path = namespace.store();
    let description = format!("Key Store for client {namespace}");
    match mounts::enable_kv(handle, &path, &description, "1").await {
        Err(vault::Error::PathInUse) => {}
        done => return done.map(|()| None),
    }
    for _ in 0..5 {
        if let Some(mount) = mounts::read(handle, &path).await? {
            let version = mount
                .options
                .as_ref()
                .and_then(|o| o.get("version"))
                .map(String::as_str);
            let ours =
                mount.kind == "kv" && version == Some("1") && mount.description == description;
            return Ok((!ours).then(|| {
                format!(
                    "{path} is {} with another description or version",
                    mount.kind
                )
            }));
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(vault::Error::Unavailable(
        "the mount cannot be read back".to_owned(),
    ))
}
