//! How subcommands reach a running service.

use super::env::invalid;
use super::{ConfigError, Env, Result};
use crate::types::Secret;

/// A running service, and who calls it.
pub struct RemoteConfig {
    /// `GATEHOUSE_URL`, without a slash at its end.
    pub url: String,
    /// What is sent as bearer token.
    pub token: Secret,
    /// `GATEHOUSE_CA_FILE`: PEM bundle of the authorities to trust instead of the platform's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Reads them; the token from the variable named.
///
/// # Errors
/// Where `GATEHOUSE_URL` or the token is not set, or cannot be used.
pub fn remote(env: &Env, token: &'static str) -> Result<RemoteConfig> {
    let name = "GATEHOUSE_URL";
    let url = env.text(name).ok_or(ConfigError::Missing(name))?;
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(invalid(name, &"must begin with https:// or http://"));
    }
    Ok(RemoteConfig {
        url: url.trim_end_matches('/').to_owned(),
        token: env.secret(token)?.ok_or(ConfigError::Missing(token))?,
        ca_pem: env.file("GATEHOUSE_CA_FILE")?,
    })
}
