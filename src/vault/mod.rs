//! The only code that talks to OpenBao.
//!
//! [`Vault`] holds one pool of connections and the service's own tokens: the **issuer** on the request path, the
//! **revoker**, the **provisioner**. Calls are functions of the module named after the part of OpenBao's API they
//! belong to, and take a [`Handle`]. Nothing here knows a domain of the service.
//!
//! # Quirks
//! - 403 means a dead token as well as a missing right: the two are told apart with `lookup-self`, by the keeper.
//! - An absent mount is 400, an unknown accessor 400 or 403, a lost leader 400: see [`Error`].
//! - `DELETE` in a store answers 204 with no body, so there is no request id of OpenBao's to keep.
//! - The accessor list and the answer to a read can be stale on a standby; writes are forwarded.

mod app_token;
pub mod approle;
mod call;
mod client;
mod error;
mod fitness;
pub mod identity;
mod keeper;
mod kubernetes;
pub mod kv;
pub mod kv2;
pub mod mounts;
pub mod policies;
pub mod rights;
pub mod roles;
mod signing_key;
pub mod system;
pub mod tokens;
mod watch;
mod wrapping;

use std::sync::Arc;

use app_token::token_file;
pub use app_token::{AppToken, AppTokenState, Renewal, TokenSource};
pub use client::{Connection, Handle, Server};
pub use error::Error;
pub use fitness::Unfit;
pub use kubernetes::Kubernetes;
pub use signing_key::SigningKey;
pub use wrapping::WrappedSecretId;

use crate::types::Secret;

/// Result of a call to OpenBao.
pub type Result<T> = std::result::Result<T, Error>;

/// Where the service's own tokens come from: three apart, or one with all rights.
#[derive(Clone)]
pub enum TokenSources {
    /// One token with `saas-policy`.
    One(TokenSource),
    /// Issuer, revoker and provisioner apart.
    Apart {
        /// Holds `issuer-policy`.
        issuer: TokenSource,
        /// Holds `revoker-policy`.
        revoker: TokenSource,
        /// Holds `provisioner-policy`.
        provisioner: TokenSource,
    },
}

impl TokenSources {
    /// Each source with the name of its token.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, &TokenSource)> {
        match self {
            Self::One(source) => vec![("saas", source)],
            Self::Apart {
                issuer,
                revoker,
                provisioner,
            } => vec![
                ("issuer", issuer),
                ("revoker", revoker),
                ("provisioner", provisioner),
            ],
        }
    }
}

/// OpenBao, as this service is allowed to use it. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    connection: Connection,
    /// Creates tokens.
    pub issuer: Arc<AppToken>,
    /// Ends tokens and entities.
    pub revoker: Arc<AppToken>,
    /// Makes mounts and policies.
    pub provisioner: Arc<AppToken>,
}

impl Vault {
    /// Connects nothing yet: the tokens are fetched when their keepers start.
    ///
    /// # Errors
    /// Where the server's address or authorities cannot be used.
    pub fn new(server: &Server, sources: TokenSources) -> Result<Self> {
        let connection = Connection::new(server)?;
        let token = |name, source| AppToken::new(name, source, connection.clone());
        let (issuer, revoker, provisioner) = match sources {
            TokenSources::One(source) => {
                let one = token("saas", source);
                (Arc::clone(&one), Arc::clone(&one), one)
            }
            TokenSources::Apart {
                issuer,
                revoker,
                provisioner,
            } => (
                token("issuer", issuer),
                token("revoker", revoker),
                token("provisioner", provisioner),
            ),
        };
        Ok(Self {
            connection,
            issuer,
            revoker,
            provisioner,
        })
    }

    /// The app tokens, each once.
    #[must_use]
    pub fn app_tokens(&self) -> Vec<&Arc<AppToken>> {
        let mut tokens = vec![&self.issuer];
        for token in [&self.revoker, &self.provisioner] {
            if !tokens.iter().any(|t| Arc::ptr_eq(t, token)) {
                tokens.push(token);
            }
        }
        tokens
    }

    /// A handle with somebody's token: one just issued for a single use.
    #[must_use]
    pub fn with_token(&self, token: &Secret) -> Handle {
        self.connection.with_token(token)
    }
}
