//! Brings a vendor's mounts and policies in OpenBao to what they should be. Safe to run any number of times.

use std::sync::Arc;

use crate::app::App;
use crate::error::{Error, Result};
use crate::kill_point::kill_point;
use crate::types::Namespace;
use crate::vault::mounts::{self, Mount};
use crate::vault::{self, policies, system};

use super::{Vendor, create, store};

/// How many vendors one pass makes whole.
const BATCH: i64 = 20;

/// How much of what belongs to a vendor in OpenBao is there. It grows with the service: a vendor that signed up before
/// is brought up by a background task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub i32);

impl Level {
    /// Nothing, or nobody knows.
    pub const NONE: Self = Self(0);
    /// The store and its policies.
    pub const STORE: Self = Self(1);
    /// The credentials and their policies too.
    pub const CREDENTIALS: Self = Self(2);
    /// Everything.
    pub const ALL: Self = Self::CREDENTIALS;
}

/// Makes what is missing, in the seed's order: the store, then the write, delete and read policies, then ours. Notes
/// in the database when all is there.
///
/// # Errors
/// [`Error::ForeignMount`] where something else is mounted at a path of the vendor's; otherwise trouble with OpenBao
/// or the database, after which a repeat goes on where this one stopped.
pub async fn provision(app: &App, vendor: &Vendor) -> Result<()> {
    vendor.refuse_cancelled()?;
    if vendor.provisioned >= Level::ALL {
        return Ok(());
    }
    bring_into_line(app, &vendor.namespace).await?;
    let client = app.db.of(vendor.id).await?;
    store::mark_provisioned(&client, vendor.id, Level::ALL, app.clock.now()).await?;
    kill_point("after provisioning");
    app.directory.reload(&client, vendor.id).await?;
    tracing::info!(
        vendor.id = vendor.id.0,
        "The vendor's mounts and policies are complete"
    );
    Ok(())
}

/// Makes a few vendors whole that are not, and gives how many were and how many could not be.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>) -> Result<(usize, usize)> {
    let client = app.db.all().await?;
    let ids = store::to_provision(&client, Level::ALL, BATCH).await?;
    drop(client);
    let mut failed = 0;
    for id in &ids {
        let vendor = create::reload(app, *id).await?;
        if let Err(error) = provision(app, &vendor).await {
            failed += 1;
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(vendor.id = id.0, error.cause = %cause, "The vendor could not be provisioned yet");
        }
    }
    Ok((ids.len() - failed, failed))
}

async fn bring_into_line(app: &App, namespace: &Namespace) -> Result<()> {
    let [store, credentials] = engines(namespace);
    ensure_mount(app, &store).await?;
    let accessor = app
        .vault
        .provisioner
        .call(|handle| async move { system::token_mount_accessor(&handle).await })
        .await?;
    for policy in &policies::of_vendor(namespace, &accessor) {
        app.vault
            .provisioner
            .call(|handle| async move { policies::write(&handle, policy).await })
            .await?;
    }
    ensure_mount(app, &credentials).await
}

/// A KV engine of a vendor's.
pub(super) struct Engine {
    /// Where it is mounted.
    pub path: String,
    description: String,
    version: &'static str,
}

/// The store, and the credentials.
pub(super) fn engines(namespace: &Namespace) -> [Engine; 2] {
    [
        Engine {
            path: namespace.store(),
            description: format!("Key Store for client {namespace}"),
            version: "1",
        },
        Engine {
            path: namespace.credentials(),
            description: format!("Credentials of client {namespace}"),
            version: "2",
        },
    ]
}

impl Engine {
    /// Whether what is mounted at its path is it.
    pub fn is(&self, mount: &Mount) -> bool {
        let options = mount.options.as_ref();
        let found = options
            .and_then(|options| options.get("version"))
            .map(String::as_str);
        mount.kind == "kv" && found == Some(self.version) && mount.description == self.description
    }
}

pub(super) async fn ensure_mount(app: &App, engine: &Engine) -> Result<()> {
    app.vault
        .provisioner
        .call(|handle| async move { mount(&handle, engine).await })
        .await?
        .map_or(Ok(()), |found| Err(Error::ForeignMount(found)))
}

/// Mounts a KV engine. "Path is already in use" counts as done only after reading back that it is ours: a standby may
/// not know the mount yet, so it is read a few times. Gives what stands there instead, if something else does.
async fn mount(handle: &vault::Handle, engine: &Engine) -> vault::Result<Option<String>> {
    let Engine {
        path,
        description,
        version,
    } = engine;
    match mounts::enable_kv(handle, path, description, version).await {
        Err(vault::Error::PathInUse) => {}
        done => return done.map(|()| None),
    }
    for _ in 0..5 {
        if let Some(mount) = mounts::read(handle, path).await? {
            return Ok((!engine.is(&mount)).then(|| {
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
