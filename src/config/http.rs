//! Settings of the HTTP side.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::egress::networks;
use super::env::invalid;
use super::{Env, Result};

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen: `GATEHOUSE_LISTEN`, default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The certificate of the listener; without one it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// How long requests are still taken after `/readyz` has turned: `GATEHOUSE_STOP_DELAY`, seconds, default 5 (in
    /// `dev` 0).
    pub stop_delay: Duration,
    /// Proxies whose `X-Forwarded-For` is believed: `GATEHOUSE_TRUSTED_PROXIES`, networks in CIDR form, default none.
    pub trusted_proxies: Vec<IpNet>,
}

/// The files of the listener's certificate. They may be replaced while the service runs.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// `GATEHOUSE_TLS_CERT_FILE`: PEM, its own certificate first, then those between it and the authority.
    pub certificate: PathBuf,
    /// `GATEHOUSE_TLS_KEY_FILE`: PEM, its private key.
    pub key: PathBuf,
}

impl HttpConfig {
    pub(super) fn from_env(env: &Env, stop_delay: u64) -> Result<Self> {
        Ok(Self {
            listen: env.parsed(
                "GATEHOUSE_LISTEN",
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            )?,
            tls: TlsFiles::from_env(env)?,
            stop_delay: Duration::from_secs(env.parsed("GATEHOUSE_STOP_DELAY", stop_delay)?),
            trusted_proxies: networks(env, "GATEHOUSE_TRUSTED_PROXIES", "")?,
        })
    }

    /// What addresses of the listener begin with.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

impl TlsFiles {
    fn from_env(env: &Env) -> Result<Option<Self>> {
        let names = ["GATEHOUSE_TLS_CERT_FILE", "GATEHOUSE_TLS_KEY_FILE"];
        match names.map(|name| env.text(name).map(PathBuf::from)) {
            [None, None] => Ok(None),
            [Some(certificate), Some(key)] => Ok(Some(Self { certificate, key })),
            [None, Some(_)] => Err(invalid(
                names[0],
                &format!("is not set, and {} is", names[1]),
            )),
            [Some(_), None] => Err(invalid(
                names[1],
                &format!("is not set, and {} is", names[0]),
            )),
        }
    }
}
