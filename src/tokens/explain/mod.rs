//! Whether somebody would get a token, and which rule decides: the rules of the token path, asked without issuing
//! anything. Rate limits and the lease budget are not counted, and OpenBao is not asked.

pub mod http;

use std::sync::Arc;

use super::{Kind, Scope, Terms, Wishes, rules};
use crate::app::App;
use crate::auth::{ClientPlugin, PluginOrVendor, Signed, VendorCaller};
use crate::credentials::access::Caller;
use crate::credentials::token::{self, Asked};
use crate::error::{Error, Result};
use crate::sites;
use crate::types::{AccessKey, JwtKeyId, KeyId, Networks, SecretId, WorkerLogin};
use crate::users::workers::{self, Worker};
use crate::vendors::{ApiKey, Vendor};

/// Who would ask.
pub enum Asker {
    /// A client plugin, by the newest public key.
    PublicKey,
    /// A client plugin, by a token that the vendor signed, for any site.
    SignedClient,
    /// The vendor, by its newest private key.
    Vendor,
    /// A worker of the vendor.
    Worker(WorkerLogin),
    /// A user of the vendor, who is handed none.
    User,
    /// Somebody of no vendor, who is handed none: an operator, the billing system.
    Outsider,
}

/// What would be asked for.
pub enum Wanted {
    /// A write token, for one site or the whole store.
    Write {
        /// Which site.
        secret_id: Option<SecretId>,
        /// The access key that would be shown.
        access_key: Option<AccessKey>,
        /// What it is to be like.
        wish: Wish,
    },
    /// A read token, for one site or the whole store.
    Read {
        /// Which site.
        secret_id: Option<SecretId>,
        /// What it is to be like.
        wish: Wish,
    },
    /// A token for credentials.
    Credentials(Asked),
}

/// What a token is to be like.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Its life and uses.
    pub terms: Wishes,
    /// From where it is to work.
    pub networks: Option<Networks>,
    /// Life of its wrapping in seconds, where it is to come wrapped.
    pub wrap_ttl: Option<u32>,
}

/// The token that would be handed out.
pub struct Would {
    /// Which kind.
    pub kind: Kind,
    /// Which credentials, for a kind that is for them.
    pub scope: Scope,
    /// How long it would live, and how many calls it would be good for.
    pub terms: Terms,
    /// From where it would work; `None`: from everywhere.
    pub networks: Option<Networks>,
}

impl Would {
    fn bound(self, wish: &Wish) -> Self {
        let networks = wish.networks.clone();
        Self { networks, ..self }
    }
}

/// What was found.
pub struct Explained {
    /// The rules that let it pass, in the order they are asked.
    pub passed: Vec<&'static str>,
    /// The rule that was asked last.
    pub decided_by: &'static str,
    /// The token, or why there would be none.
    pub outcome: Result<Would>,
}

/// Asks the rules.
///
/// # Errors
/// Where they cannot be asked: trouble with the database.
pub async fn explain(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    asker: &Asker,
    wanted: &Wanted,
) -> Result<Explained> {
    let mut asking = Asking {
        app,
        vendor,
        passed: Vec::new(),
        at: "key",
    };
    let outcome = asking.all(asker, wanted).await;
    let is_ours = |error: &Error| {
        error.entry().status.is_server_error() && !matches!(error, Error::NotProvisioned)
    };
    match outcome {
        Err(error) if is_ours(&error) => Err(error),
        outcome => Ok(Explained {
            passed: asking.passed,
            decided_by: asking.at,
            outcome,
        }),
    }
}

struct Asking<'a> {
    app: &'a Arc<App>,
    vendor: &'a Arc<Vendor>,
    passed: Vec<&'static str>,
    at: &'static str,
}

impl Asking<'_> {
    fn rule<T>(&mut self, name: &'static str, outcome: Result<T>) -> Result<T> {
        self.at = name;
        let given = outcome?;
        self.passed.push(name);
        Ok(given)
    }

    async fn all(&mut self, asker: &Asker, wanted: &Wanted) -> Result<Would> {
        let key = self.key(asker);
        let key = self.rule("key", key)?;
        let worker = self.worker(asker).await;
        let worker = self.rule("worker", worker)?;
        if !matches!(asker, Asker::Outsider) {
            self.rule("vendor_status", self.vendor.refuse_inactive())?;
        }
        let may = match (asker, wanted) {
            (Asker::PublicKey | Asker::SignedClient | Asker::Vendor, Wanted::Write { .. })
            | (Asker::Vendor, Wanted::Read { .. })
            | (Asker::Vendor | Asker::Worker(_), Wanted::Credentials(_)) => Ok(()),
            _ => Err(Error::CallerNotAllowed),
        };
        self.rule("caller", may)?;
        match wanted {
            Wanted::Write {
                secret_id,
                access_key,
                wish,
            } => {
                let caller = self.caller(asker, key)?;
                let site = (secret_id.as_ref(), access_key.as_ref());
                let would = self.write(&caller, site, wish).await?;
                Ok(would.bound(wish))
            }
            Wanted::Read { secret_id, wish } => {
                let would = self.read(secret_id.as_ref(), wish).await?;
                Ok(would.bound(wish))
            }
            Wanted::Credentials(token) => self.credentials(worker, key, token).await,
        }
    }

    /// The newest key pair the vendor has. A private key counts once it was claimed.
    fn key(&self, asker: &Asker) -> Result<Option<KeyId>> {
        let key = self.vendor.current_key(self.app.clock.now());
        match asker {
            Asker::PublicKey => Ok(Some(key.ok_or(Error::CredentialsInvalid)?.id)),
            Asker::SignedClient => self.signed_by(key).map(Some),
            Asker::Vendor => {
                let key = key.filter(|key| key.private.is_some());
                Ok(Some(key.ok_or(Error::CredentialsInvalid)?.id))
            }
            Asker::Worker(_) | Asker::User | Asker::Outsider => Ok(None),
        }
    }

    /// The vendor must have a key to sign with.
    fn signed_by(&self, pair: Option<&ApiKey>) -> Result<KeyId> {
        let now = self.app.clock.now();
        let mut keys = self.vendor.jwt_keys.iter();
        let lives = keys.any(|key| key.ends_at.is_none_or(|end| end > now));
        let pair = pair.filter(|_| lives);
        Ok(pair.ok_or(Error::CredentialsInvalid)?.id)
    }

    async fn worker(&self, asker: &Asker) -> Result<Option<Worker>> {
        let Asker::Worker(login) = asker else {
            return Ok(None);
        };
        if login.namespace != self.vendor.namespace {
            return Err(Error::CredentialsInvalid);
        }
        let client = self.app.db.of(self.vendor.id).await?;
        let found = workers::store::find(&client, self.vendor.id, login.id).await?;
        found.map(Some).ok_or(Error::CredentialsInvalid)
    }

    fn caller(&self, asker: &Asker, key: Option<KeyId>) -> Result<PluginOrVendor> {
        let key = key.ok_or(Error::CredentialsInvalid)?;
        let vendor = Arc::clone(self.vendor);
        Ok(match asker {
            Asker::Vendor => PluginOrVendor::Vendor(VendorCaller { vendor, key }),
            _ => PluginOrVendor::Plugin(ClientPlugin {
                vendor,
                key,
                signed: matches!(asker, Asker::SignedClient).then_some(Signed {
                    key: JwtKeyId(0),
                    site: None,
                }),
            }),
        })
    }

    async fn write(
        &mut self,
        caller: &PluginOrVendor,
        (secret_id, access_key): (Option<&SecretId>, Option<&AccessKey>),
        wish: &Wish,
    ) -> Result<Would> {
        let is_for_plugin = matches!(caller, PluginOrVendor::Plugin(_));
        self.rule("signed_clients", caller.may_store(secret_id))?;
        let Some(id) = secret_id else {
            let allowed = rules::store_wide_writes(self.vendor);
            self.rule("store_wide_writes", allowed)?;
            let terms = self.agreed(Kind::Write, is_for_plugin, wish)?;
            return self.provisioned(Kind::Write, terms);
        };
        let over = sites::may_replace(self.app, caller, id, access_key).await?;
        let terms = self.agreed(Kind::WriteSite, is_for_plugin, wish)?;
        let would = self.provisioned(Kind::WriteSite, terms)?;
        self.site(Kind::WriteSite, id, over).await?;
        Ok(would)
    }

    async fn read(&mut self, secret_id: Option<&SecretId>, wish: &Wish) -> Result<Would> {
        let allowed = rules::support(self.vendor, self.app.clock.now());
        self.rule("support_pause", allowed)?;
        let Some(id) = secret_id else {
            let terms = self.agreed(Kind::Read, false, wish)?;
            return self.provisioned(Kind::Read, terms);
        };
        let terms = self.agreed(Kind::ReadSite, false, wish)?;
        let would = self.provisioned(Kind::ReadSite, terms)?;
        self.site(Kind::ReadSite, id, true).await?;
        Ok(would)
    }

    async fn site(&mut self, kind: Kind, id: &SecretId, over_registered: bool) -> Result<()> {
        let client = self.app.db.of(self.vendor.id).await?;
        let site = sites::store::find(&client, self.vendor.id, id).await?;
        drop(client);
        let allowed = rules::site(kind, site.as_ref(), over_registered);
        self.rule("site", allowed)
    }

    async fn credentials(
        &mut self,
        worker: Option<Worker>,
        key: Option<KeyId>,
        asked: &Asked,
    ) -> Result<Would> {
        let of_worker = worker
            .as_ref()
            .map_or(Scope::All, |worker| Scope::Worker(worker.id));
        let by = Caller {
            actor: String::new(),
            vendor: Arc::clone(self.vendor),
            worker,
            key,
        };
        let terms = self.rule("ttl", token::terms(&by, asked))?;
        let mut scope = of_worker;
        if let Some(key) = &asked.key {
            self.rule("key_patterns", by.refuse_key(key))?;
            let record = token::record(self.app, &by, key).await;
            scope = Scope::Key(self.rule("credential", record)?.id);
        }
        let allowed = rules::wrapping(self.vendor, false, asked.wrap_ttl);
        self.rule("wrapping", allowed)?;
        let would = self.provisioned(Kind::Credentials, terms)?;
        Ok(Would {
            scope,
            networks: asked.networks.clone(),
            ..would
        })
    }

    /// What is handed out, as it is wished.
    fn agreed(&mut self, kind: Kind, is_for_plugin: bool, wish: &Wish) -> Result<Terms> {
        let terms = Terms::standing(kind, self.vendor).with(&wish.terms);
        let terms = self.rule("terms", terms)?;
        let allowed = rules::wrapping(self.vendor, is_for_plugin, wish.wrap_ttl);
        self.rule("wrapping", allowed)?;
        Ok(terms)
    }

    fn provisioned(&mut self, kind: Kind, terms: Terms) -> Result<Would> {
        let allowed = rules::provisioned(self.vendor, kind);
        self.rule("provisioned", allowed)?;
        Ok(Would {
            kind,
            scope: Scope::All,
            terms,
            networks: None,
        })
    }
}
