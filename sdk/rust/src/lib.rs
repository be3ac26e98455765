//! Client of Gatehouse, the token broker in front of OpenBao.
//!
//! [`Gatehouse`] speaks with the service: a worker reads credentials and gets tokens, a plugin registers sites, a
//! vendor does both and manages its credentials. [`Vault`] reads credentials straight from OpenBao with a token, and
//! keeps that token alive. All calls block, have a time limit, follow no redirect and never panic.
//!
//! ```no_run
//! use gatehouse_client::{Credential, Gatehouse, Login, Settings};
//!
//! # fn main() -> Result<(), gatehouse_client::Error> {
//! let login = Login::worker("worker@demo.test", "the password".to_owned());
//! let gatehouse = Gatehouse::new("https://gatehouse.example", login, Settings::default())?;
//! if let Credential::Ftp(ftp) = gatehouse.read_credential("delivery")? {
//!     connect(&ftp.hostname, ftp.port);
//! }
//! # Ok(())
//! # }
//! # fn connect(_: &str, _: u16) {}
//! ```

#![forbid(unsafe_code)]

mod base_url;
mod credential;
mod error;
mod gatehouse;
mod http;
mod names;
mod secret;
mod settings;
mod vault;

pub use credential::{Credential, Ftp, Generic, Http, Method, S3};
pub use error::{Error, FieldError, Refusal, Result};
pub use gatehouse::{
    CredentialInfo, CredentialRecord, CredentialUpdate, Gatehouse, IssuedToken, Login, Page,
    ReadTokenRequest, RegisteredSite, Removal, Site, SiteRegistration, TokenRequest,
    WriteTokenRequest,
};
pub use jiff::Timestamp;
pub use secret::Secret;
pub use settings::Settings;
pub use vault::{TokenState, Vault};
