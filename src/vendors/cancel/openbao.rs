//! The stages of a cancellation that empty OpenBao.

use futures_util::{FutureExt, StreamExt, stream};
use uuid::Uuid;

use super::{ACTOR, Job, store};
use crate::error::{Error, Result};
use crate::tokens::revoke::{self, Order};
use crate::tokens::{self, Grant, Kind, Scope, bound, entities, sweep};
use crate::types::IssuanceId;
use crate::vault::{kv, mounts, policies};
use crate::vendors::provision::{Engine, engines};

/// Tokens, secrets and rows of one step.
const CHUNK: i64 = 500;
const AT_ONCE: usize = 8;
/// How deep folders of secrets are followed. What lies deeper goes with the engine.
const DEEPEST: usize = 16;

impl Job<'_> {
    /// The keys end, the policies that tokens live by are deleted, so that no token opens anything any more however many
    /// there are, and the tokens are revoked.
    pub(super) async fn tokens(&self) -> Result<bool> {
        let client = self.app.db.of(self.vendor.id).await?;
        store::end_keys(&client, self.vendor.id, self.app.clock.now()).await?;
        drop(client);
        self.delete_policies(&policies::names_of_vendor(&self.vendor.namespace))
            .await?;
        self.revoke().await
    }

    /// Revokes whatever lives: also tokens of the job itself, and those that expired meanwhile count as dead.
    async fn revoke(&self) -> Result<bool> {
        let (app, vendor) = (self.app, self.vendor.id);
        let mut client = app.db.of(vendor).await?;
        let transaction = client.transaction().await?;
        let order = Order {
            by: ACTOR,
            reason: "vendor cancelled",
            at: app.clock.now(),
        };
        revoke::mark_all(&transaction, vendor, &Kind::ALL, &order).await?;
        transaction.commit().await?;
        drop(client);
        loop {
            let client = app.db.of(vendor).await?;
            let doomed = revoke::store::marked(&client, vendor, app.clock.now(), CHUNK).await?;
            drop(client);
            let Some(first) = doomed.first() else {
                return Ok(true);
            };
            if self.is_late() {
                return Ok(false);
            }
            // Alone, for what stops it to be told.
            revoke::one(app, first).await?;
            revoke::several(app, &doomed[1..], self.until).await;
        }
    }

    /// Deletes secrets, some at a time, so that no request to OpenBao takes long: unmounting a full engine does. They are
    /// listed and deleted with a token of their own, which can read none.
    pub(super) async fn secrets(&self) -> Result<bool> {
        let [store, credentials] = engines(&self.vendor.namespace);
        let folders = [
            (store.path.clone(), store),
            (format!("{}/metadata", credentials.path), credentials),
        ];
        for (folder, engine) in folders {
            if self.stands(&engine).await? {
                let policy = &policies::of_purge(&self.vendor.namespace);
                let provisioner = &self.app.vault.provisioner;
                provisioner
                    .call(|handle| async move { policies::write(&handle, policy).await })
                    .await?;
                if !self.empty(folder).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether the engine is mounted. What somebody else mounted at its path is left alone.
    async fn stands(&self, engine: &Engine) -> Result<bool> {
        let path = engine.path.as_str();
        let provisioner = &self.app.vault.provisioner;
        let mount = provisioner
            .call(|handle| async move { mounts::read(&handle, path).await })
            .await?;
        Ok(mount.is_some_and(|mount| engine.is(&mount)))
    }

    /// Empties a folder and those below it.
    async fn empty(&self, folder: String) -> Result<bool> {
        let mut folders = vec![(folder, 0)];
        while let Some((folder, depth)) = folders.pop() {
            let names = self.list(&folder).await?;
            let (below, secrets): (Vec<String>, Vec<String>) = names
                .into_iter()
                .filter(|name| kv::is_plain(name))
                .partition(|name| name.ends_with('/'));
            let chunk = usize::try_from(CHUNK).unwrap_or(1);
            for names in secrets.chunks(chunk) {
                if self.is_late() {
                    return Ok(false);
                }
                self.delete(&folder, names).await?;
            }
            if depth < DEEPEST {
                let path = |name: &String| format!("{folder}/{}", name.trim_end_matches('/'));
                folders.extend(below.iter().map(|name| (path(name), depth + 1)));
            }
        }
        Ok(true)
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let grant = Grant::new(self.vendor, Kind::Purge, ACTOR);
        let listed = self
            .app
            .brokered
            .call(self.app, &grant, |handle| async move {
                kv::list(&handle, folder).await
            });
        listed.await
    }

    /// Deletes secrets of a folder, a few at once, and counts them.
    async fn delete(&self, folder: &str, names: &[String]) -> Result<()> {
        let grant = &Grant::new(self.vendor, Kind::Purge, ACTOR);
        let deleting: Vec<_> = names
            .iter()
            .map(|name| {
                let path = format!("{folder}/{name}");
                async move {
                    let path = path.as_str();
                    let call = self
                        .app
                        .brokered
                        .call(self.app, grant, |handle| async move {
                            kv::delete(&handle, path).await
                        });
                    call.await
                }
                .boxed()
            })
            .collect();
        let mut deleted = stream::iter(deleting).buffer_unordered(AT_ONCE);
        let (mut count, mut failed) = (0, None);
        while let Some(one) = deleted.next().await {
            match one {
                Ok(()) => count += 1,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        drop(deleted);
        let client = self.app.db.of(self.vendor.id).await?;
        store::count_secrets(&client, self.vendor.id, count).await?;
        failed.map_or(Ok(()), Err::<(), Error>)
    }

    /// Unmounts the engines.
    pub(super) async fn engines(&self) -> Result<bool> {
        for engine in &engines(&self.vendor.namespace) {
            if self.stands(engine).await? {
                let path = engine.path.as_str();
                let provisioner = &self.app.vault.provisioner;
                provisioner
                    .call(|handle| async move { mounts::disable(&handle, path).await })
                    .await?;
            }
        }
        Ok(true)
    }

    /// Revokes what lives by the job's own policy, on record or not, as a crash leaves it, and deletes all policies of the
    /// vendor, and its token roles.
    pub(super) async fn policies(&self) -> Result<bool> {
        if !self.revoke().await? {
            return Ok(false);
        }
        sweep::sweep_cancelled(self.app, &self.vendor.namespace).await?;
        let (namespace, id) = (&self.vendor.namespace, self.vendor.id);
        let client = self.app.db.of(self.vendor.id).await?;
        let workers = store::workers(&client, id).await?;
        let credentials = store::credentials(&client, id).await?;
        drop(client);
        let mut names = policies::names_of_vendor(namespace);
        names.push(policies::of_purge(namespace).name);
        let scopes = workers.into_iter().map(Scope::Worker);
        let scopes = scopes.chain(credentials.into_iter().map(Scope::Key));
        names.extend(scopes.map(|scope| scope.policy(namespace)));
        self.delete_policies(&names).await?;
        bound::tidy::of_cancelled(self.app, id).await?;
        Ok(true)
    }

    async fn delete_policies(&self, names: &[String]) -> Result<()> {
        for name in names {
            let name = name.as_str();
            let provisioner = &self.app.vault.provisioner;
            provisioner
                .call(|handle| async move { policies::delete(&handle, name).await })
                .await?;
        }
        Ok(())
    }

    /// Deletes the entities of the vendor's tokens that no live token of another vendor uses.
    pub(super) async fn entities(&self) -> Result<bool> {
        let (app, vendor) = (self.app, self.vendor.id);
        // An entity may be behind tokens of other vendors too.
        let mut client = app.db.all().await?;
        let mut from = IssuanceId(Uuid::nil());
        while let Some(to) = revoke::store::step(&client, vendor, from, CHUNK).await? {
            let transaction = client.transaction().await?;
            let now = app.clock.now();
            tokens::store::claim_entities_of(&transaction, vendor, (from, to), now).await?;
            transaction.commit().await?;
            from = to;
        }
        drop(client);
        loop {
            if self.is_late() {
                return Ok(false);
            }
            if entities::delete_marked(app).await? == 0 {
                return Ok(true);
            }
        }
    }
}
