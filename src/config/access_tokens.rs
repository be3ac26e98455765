//! Access tokens that the service signs.

use url::Url;

use super::env::invalid;
use super::{Env, HttpConfig, Result};

/// Access tokens that the service signs.
#[derive(Clone, Debug)]
pub struct AccessTokenConfig {
    /// Where clients reach the service: `GATEHOUSE_PUBLIC_URL`, `https://host` without a path, default
    /// that of the listener. Issuer and audience of the tokens: all replicas must say the same.
    pub issuer: String,
    /// How long a token lasts where its client says nothing, in seconds: `GATEHOUSE_ACCESS_TOKEN_SECONDS`, 60 to 3600,
    /// default 600.
    pub life: u32,
    /// After how many days the key they are signed with is replaced: `GATEHOUSE_TOKEN_KEY_DAYS`, 1 to 365, default 90.
    pub key_days: u16,
}

impl AccessTokenConfig {
    pub(super) fn from_env(env: &Env, http: &HttpConfig) -> Result<Self> {
        let name = "GATEHOUSE_PUBLIC_URL";
        let issuer = match env.text(name) {
            None => format!("{}://{}", http.scheme(), http.listen),
            Some(text) if is_origin(&text) => text,
            Some(_) => {
                return Err(invalid(
                    name,
                    &"must be https://host or http://host, with a port perhaps, and nothing more",
                ));
            }
        };
        let name = "GATEHOUSE_ACCESS_TOKEN_SECONDS";
        let life: u32 = env.parsed(name, 600)?;
        if !(60..=3600).contains(&life) {
            return Err(invalid(name, &"must be 60 to 3600"));
        }
        let name = "GATEHOUSE_TOKEN_KEY_DAYS";
        let key_days: u16 = env.parsed(name, 90)?;
        if !(1..=365).contains(&key_days) {
            return Err(invalid(name, &"must be 1 to 365"));
        }
        Ok(Self {
            issuer,
            life,
            key_days,
        })
    }
}

/// Written as browsers write it: two spellings of one issuer would be two issuers.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}
