//! Credentials straight from OpenBao, with a token that is kept alive.

mod bao;
mod keeper;
mod plan;
mod renew;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::base_url::BaseUrl;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::gatehouse::{Gatehouse, IssuedToken, TokenRequest};
use crate::http::{Client, Effort};
use crate::names::PathPart;
use crate::secret::Secret;
use crate::settings::Settings;

use bao::Bao;
use keeper::{Held, Keeper, Source};

/// Reads credentials straight from OpenBao. A thread renews the token at about two thirds of what is left of its life.
///
/// With a way through Gatehouse ([`Vault::through`]) a new token is fetched when the old one can live no longer or is
/// lost. Without it ([`Vault::with_token`]) calls then end in [`Error::Expired`].
///
/// Dropping stops the thread, and waits for what it is doing: for `attempt_timeout` at most, but for one case. Where
/// the thread fetches a token as a worker while another thread logs the same worker in, it waits for that too.
pub struct Vault {
    keeper: Arc<Keeper>,
    thread: Option<JoinHandle<()>>,
}

/// How the token is.
#[derive(Clone, Debug)]
pub struct TokenState {
    /// Names the token without being it; `None` while nothing is known of it.
    pub accessor: Option<String>,
    /// How long it still lives; `None` where that is not known, or for ever.
    pub remaining: Option<Duration>,
    /// How many tokens have been in use before.
    pub replaced: u64,
    /// How often the present token has been renewed.
    pub renewed: u64,
    /// Why the last renewal failed, if it did.
    pub trouble: Option<String>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("token", &self.token_state())
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Reads with this token below `vault_hostname`, which is `{OpenBao}/v1/[namespace/]{vendor}-credentials`: what
    /// the media workers' SDK takes as `VAULT_HOSTNAME`. Nothing is sent yet by this call; the thread asks OpenBao
    /// for the token's life. The token has to be allowed `auth/token/lookup-self` and `renew-self`, as those of
    /// Gatehouse are; without them a refused read cannot be told from a lost token.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] where the address or a setting is wrong.
    pub fn with_token(
        vault_hostname: &str,
        token: impl Into<Secret>,
        settings: Settings,
    ) -> Result<Self> {
        let base = BaseUrl::parse(vault_hostname, settings.allow_plain_http)?;
        let bao = Bao::new(Client::new(settings)?, base)?;
        Self::start(Keeper::new(bao, Held::unknown(token.into()), None))
    }

    /// Asks Gatehouse for a token and reads with it, and asks for another when it is needed.
    ///
    /// # Errors
    /// As for [`Gatehouse::credential_token`].
    pub fn through(gatehouse: &Gatehouse, request: TokenRequest) -> Result<Self> {
        let settings = gatehouse.client().settings();
        let issued = gatehouse.credential_token_within(&request, &Effort::full(settings))?;
        let hostname = issued.vault_hostname.as_deref().ok_or_else(|| {
            Error::Malformed(
                "it has no vaultHostname, so it is no token for credentials".to_owned(),
            )
        })?;
        let base = BaseUrl::parse(hostname, settings.allow_plain_http)?;
        let bao = Bao::new(gatehouse.client().clone(), base)?;
        let source = Source {
            gatehouse: gatehouse.clone(),
            request,
        };
        Self::start(Keeper::new(bao, held(issued)?, Some(source)))
    }

    fn start(keeper: Keeper) -> Result<Self> {
        let keeper = Arc::new(keeper);
        let shared = Arc::clone(&keeper);
        let thread = std::thread::Builder::new()
            .name("gatehouse-renew".to_owned())
            .spawn(move || shared.run())
            .map_err(|error| {
                Error::InvalidArgument(format!("no thread can be started: {error}"))
            })?;
        Ok(Self {
            keeper,
            thread: Some(thread),
        })
    }

    /// Reads a credential.
    ///
    /// # Errors
    /// `not_found`, `permission_denied` for a key that the token may not read, [`Error::Expired`], and trouble on the
    /// way.
    pub fn read_credential(&self, key: &str) -> Result<Credential> {
        let key = PathPart::credential_key(key)?;
        let effort = Effort::full(self.keeper.bao.settings());
        let (token, generation) = self.keeper.token();
        let answer = self.keeper.bao.read(key, &token, &effort);
        if answer.as_ref().err().and_then(Error::status) != Some(403) {
            return answer;
        }
        if !self.keeper.is_lost(&token, &effort)? {
            return answer;
        }
        let token = self.keeper.another(generation, &effort)?;
        self.keeper.bao.read(key, &token, &effort)
    }

    /// How the token is.
    #[must_use]
    pub fn token_state(&self) -> TokenState {
        self.keeper.state(Instant::now())
    }

    /// Stops, and gives the token back to OpenBao where it came through Gatehouse. One that was brought along stays
    /// alive. Stopping takes as long as dropping does, giving back one more attempt.
    ///
    /// # Errors
    /// Trouble on the way. The token then ends by itself.
    pub fn close(mut self) -> Result<()> {
        self.stop();
        self.keeper.give_back()
    }

    /// Stops without waiting: the thread ends by itself after what it is doing. A token that came through Gatehouse
    /// lives on until it ends.
    pub fn let_go(mut self) {
        self.keeper.stop();
        // Without its handle nobody waits for it.
        self.thread = None;
    }

    fn stop(&mut self) {
        self.keeper.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has nothing left to tell.
            drop(thread.join());
        }
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.stop();
    }
}

fn held(issued: IssuedToken) -> Result<Held> {
    let token = issued.token.ok_or_else(|| {
        Error::InvalidArgument("a wrapped token cannot be read with: leave wrap_ttl out".to_owned())
    })?;
    Ok(Held::new(
        token,
        issued.accessor,
        issued.ttl,
        issued.renewable,
    ))
}
