//! The client of the service.

mod credentials;
mod session;
mod sites;
mod tokens;

use std::fmt;
use std::sync::Arc;

use crate::base_url::BaseUrl;
use crate::error::{Error, Result};
use crate::http::{Answer, Call, Client, Effort, Proof};
use crate::secret::Secret;
use crate::settings::Settings;

pub use credentials::{CredentialInfo, CredentialRecord, CredentialUpdate, Page};
use session::Sessions;
pub use sites::{RegisteredSite, Removal, Site, SiteRegistration};
pub use tokens::{IssuedToken, ReadTokenRequest, TokenRequest, WriteTokenRequest};

/// Who calls.
#[derive(Clone, Debug)]
pub enum Login {
    /// A worker. It is logged in when the first call needs it, and again when the service asks for it.
    Worker {
        /// Its log-in name.
        email: String,
        /// Its password.
        password: Secret,
    },
    /// The vendor (`sk_…`), or a plugin (`pk_…`).
    Key(Secret),
}

impl Login {
    /// A worker.
    pub fn worker(email: &str, password: impl Into<Secret>) -> Self {
        Self::Worker {
            email: email.to_owned(),
            password: password.into(),
        }
    }

    /// A vendor's private or public key.
    pub fn key(key: impl Into<Secret>) -> Self {
        Self::Key(key.into())
    }
}

/// A client of the service. Clones share connections and log-in; any thread may call.
#[derive(Clone)]
pub struct Gatehouse {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    base: BaseUrl,
    login: Login,
    sessions: Sessions,
}

impl fmt::Debug for Gatehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatehouse")
            .field("host", &self.inner.base.host())
            .finish_non_exhaustive()
    }
}

impl Gatehouse {
    /// A client of the service at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] where the address or a setting is wrong.
    pub fn new(url: &str, login: Login, settings: Settings) -> Result<Self> {
        let base = BaseUrl::parse(url, settings.allow_plain_http)?;
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(settings)?,
                base,
                login,
                sessions: Sessions::default(),
            }),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    fn base(&self) -> &BaseUrl {
        &self.inner.base
    }

    fn send(&self, call: &Call) -> Result<Answer> {
        self.send_within(call, &Effort::full(self.inner.client.settings()))
    }

    /// Sends the call as whoever calls. A worker whose log-in is no longer taken is logged in again, once.
    pub(crate) fn send_within(&self, call: &Call, effort: &Effort) -> Result<Answer> {
        let inner = &*self.inner;
        let (email, password) = match &inner.login {
            Login::Key(key) => return inner.client.send(call, &Proof::Bearer(key.clone()), effort),
            Login::Worker { email, password } => (email, password),
        };
        let log_in =
            || session::log_in(&inner.client, &inner.base, email, password.expose(), effort);
        let held = inner.sessions.current(log_in)?;
        let answer = inner.client.send(call, &held.proof(), effort);
        if answer.as_ref().err().and_then(Error::status) != Some(401) {
            return answer;
        }
        inner.sessions.forget(&held);
        let held = inner.sessions.current(log_in)?;
        inner.client.send(call, &held.proof(), effort)
    }
}
