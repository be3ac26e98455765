//! What a vendor should have in OpenBao, one by one.

use std::sync::Arc;

use super::{Drift, State, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::tokens::Scope;
use crate::tokens::bound::{self, Bound};
use crate::types::{CredentialId, KeyPattern, WorkerId};
use crate::users::workers;
use crate::vault::policies::{self, Policy};
use crate::vault::{mounts, roles, system};
use crate::vendors::Vendor;
use crate::vendors::provision::{self, Engine};

/// One thing.
pub(super) enum Wanted {
    Engine(Engine),
    Policy(Policy),
    /// A worker's policy.
    Worker(WorkerId, Policy),
    /// Of tokens that read one credential.
    Credential(CredentialId, Policy),
    /// Of tokens that work from some networks only.
    Role(Bound),
}

impl Wanted {
    /// All that a vendor should have.
    ///
    /// # Errors
    /// Trouble with OpenBao or the database.
    pub async fn of(app: &App, vendor: &Vendor) -> Result<Vec<Self>> {
        let namespace = &vendor.namespace;
        let accessor = app
            .vault
            .provisioner
            .call(|handle| async move { system::token_mount_accessor(&handle).await })
            .await?;
        let mut all: Vec<_> = provision::engines(namespace)
            .into_iter()
            .map(Self::Engine)
            .collect();
        all.extend(
            policies::of_vendor(namespace, &accessor)
                .into_iter()
                .map(Self::Policy),
        );
        let client = app.db.of(vendor.id).await?;
        for worker in workers::store::with_policy(&client, vendor.id).await? {
            let name = Scope::Worker(worker.id).policy(namespace);
            let policy = policies::of_keys(name, namespace, worker.patterns.as_slice());
            all.push(Self::Worker(worker.id, policy));
        }
        for (credential, key) in store::credentials(&client, vendor.id).await? {
            let name = Scope::Key(credential).policy(namespace);
            let pattern = KeyPattern::try_from(key.to_string())
                .map_err(|_| Error::Internal("a key is no pattern of itself".to_owned()))?;
            let policy = policies::of_keys(name, namespace, &[pattern]);
            all.push(Self::Credential(credential, policy));
        }
        let bound = bound::store::standing(&client, vendor.id).await?;
        all.extend(bound.into_iter().map(Self::Role));
        Ok(all)
    }

    /// `engine`, `policy` or `role`.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Engine(_) => "engine",
            Self::Role(_) => "role",
            _ => "policy",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Engine(engine) => &engine.path,
            Self::Policy(policy) | Self::Worker(_, policy) | Self::Credential(_, policy) => {
                &policy.name
            }
            Self::Role(bound) => &bound.role.name,
        }
    }

    pub fn drift(&self, state: State, mended: bool) -> Drift {
        Drift {
            what: self.what(),
            name: self.name().to_owned(),
            state,
            mended,
        }
    }

    /// How it is in OpenBao.
    ///
    /// # Errors
    /// Trouble with OpenBao.
    pub async fn state(&self, app: &App) -> Result<State> {
        let provisioner = &app.vault.provisioner;
        let name = self.name();
        match self {
            Self::Engine(engine) => {
                let found = provisioner
                    .call(|handle| async move { mounts::read(&handle, name).await })
                    .await?;
                Ok(match found {
                    None => State::Missing,
                    Some(mount) if engine.is(&mount) => State::Right,
                    Some(_) => State::Foreign,
                })
            }
            Self::Role(bound) => {
                let role = &bound.role;
                let differences = provisioner
                    .call(|handle| async move { roles::bound_differences(&handle, role).await })
                    .await?;
                Ok(match differences {
                    None => State::Missing,
                    Some(differences) if differences.is_empty() => State::Right,
                    Some(_) => State::Changed,
                })
            }
            Self::Policy(policy) | Self::Worker(_, policy) | Self::Credential(_, policy) => {
                let found = provisioner
                    .call(|handle| async move { policies::read(&handle, name).await })
                    .await?;
                Ok(match found {
                    None => State::Missing,
                    Some(text) if text.trim_end() == policy.text => State::Right,
                    Some(_) => State::Changed,
                })
            }
        }
    }

    /// Makes it as it should be.
    ///
    /// # Errors
    /// Trouble with OpenBao or the database.
    pub async fn mend(&self, app: &Arc<App>, vendor: &Vendor) -> Result<()> {
        match self {
            Self::Engine(engine) => provision::ensure_mount(app, engine).await,
            Self::Policy(policy) => write(app, policy).await,
            Self::Role(bound) => bound::mend(app, vendor.id, bound).await,
            Self::Worker(worker, _) => {
                let client = app.db.of(vendor.id).await?;
                workers::store::forget_policy(&client, vendor.id, *worker).await?;
                drop(client);
                workers::policy::follow(app, vendor.id, *worker).await
            }
            Self::Credential(credential, policy) => {
                write(app, policy).await?;
                let client = app.db.of(vendor.id).await?;
                if !store::has_policy(&client, vendor.id, *credential).await? {
                    // It was removed meanwhile, and its policy with it.
                    let name = policy.name.as_str();
                    app.vault
                        .provisioner
                        .call(|handle| async move { policies::delete(&handle, name).await })
                        .await?;
                }
                Ok(())
            }
        }
    }
}

async fn write(app: &App, policy: &Policy) -> Result<()> {
    let provisioner = &app.vault.provisioner;
    let written = provisioner.call(|handle| async move { policies::write(&handle, policy).await });
    Ok(written.await?)
}
