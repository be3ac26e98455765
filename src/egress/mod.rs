//! The way out to addresses that somebody else chose: what vendors name as their services goes through here.
//!
//! A name is resolved once. Every address it has must be public unicast, or in a network the operator allows; one that
//! is not refuses the whole name, as an answer that mixes both is an attempt at something. What is dialled then is the
//! addresses that were judged, so a second answer of the name's server cannot change them (DNS rebinding).

mod address;
mod fetch;
mod names;
mod outside;
#[cfg(test)]
mod tests;
mod tls;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::Resolve;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;
use url::Url;

pub use fetch::FetchError;
use names::Pinned;
pub use names::System;
pub use tls::{TlsError, authorities};

const RESOLVE_LIMIT: Duration = Duration::from_secs(3);
/// For all addresses of a name together.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// What the operator allows and trusts.
#[derive(Clone)]
pub struct Settings {
    /// Networks that may be connected to although they are not public.
    pub allow: Vec<IpNet>,
    /// Authorities to trust beside the platform's.
    pub authorities: RootCertStore,
    /// Finds the addresses of names: [`System`], or what a test says.
    pub names: Arc<dyn Resolve>,
}

impl Settings {
    /// With the resolver of the machine.
    #[must_use]
    pub fn new(allow: Vec<IpNet>, authorities: RootCertStore) -> Self {
        Self {
            allow,
            authorities,
            names: Arc::new(System),
        }
    }
}

/// Why there is no connection. Neither the name nor an address of it is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The name has no address.
    #[error("the host name cannot be resolved")]
    NameUnknown,
    /// The name's servers do not answer.
    #[error("the host name was not resolved in time")]
    NameTimedOut,
    /// An address is neither public nor allowed.
    #[error("the host has an address that this service may not connect to")]
    AddressRefused,
    /// Nothing listens there.
    #[error("the connection was refused: nothing listens at this port")]
    ConnectionRefused,
    /// No answer at all.
    #[error("the connection was not made in time")]
    ConnectTimedOut,
    /// No way there.
    #[error("the host cannot be reached")]
    Unreachable,
    /// The URL breaks a rule of what is not in the operator's networks.
    #[error("the URL {0}")]
    Outside(&'static str),
    /// The URL is none that HTTP can be spoken to.
    #[error("not an http or https URL with a host")]
    NotWeb,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client,
}

impl EgressError {
    /// What a URL that was refused must be.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Outside(rule) => rule,
            Self::AddressRefused => "must name a host with public addresses only",
            _ => "must be an http or https URL with a host",
        }
    }
}

/// The guard, and the only code that dials what others name.
pub struct Egress {
    allow: Vec<IpNet>,
    tls: Arc<ClientConfig>,
    names: Arc<dyn Resolve>,
}

impl Egress {
    /// Sets the guard up; nothing is connected.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(settings: &Settings) -> Result<Self, rustls::Error> {
        Ok(Self {
            allow: settings.allow.clone(),
            tls: tls::config(&settings.authorities)?,
            names: Arc::clone(&settings.names),
        })
    }

    /// The addresses of a host name, or of an address written out (IPv6 also in brackets), all of them allowed.
    ///
    /// # Errors
    /// [`EgressError::AddressRefused`] where only one is not.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, EgressError> {
        let name = without_brackets(host).parse();
        let name = name.map_err(|_| EgressError::NameUnknown)?;
        let found = timeout(RESOLVE_LIMIT, self.names.resolve(name)).await;
        let found = found
            .map_err(|_| EgressError::NameTimedOut)?
            .map_err(|_| EgressError::NameUnknown)?;
        let mut found: Vec<SocketAddr> = found
            .map(|address| SocketAddr::new(address.ip(), port))
            .collect();
        if found.is_empty() {
            return Err(EgressError::NameUnknown);
        }
        self.check(&found)?;
        found.truncate(MOST_ADDRESSES);
        Ok(found)
    }

    /// The addresses of a URL's host, where HTTP may be spoken with them. Outside of the networks that the operator
    /// allows it must be https, at a usual port, and no name of the inside of something.
    ///
    /// # Errors
    /// Where the host is not found, or the URL is not allowed.
    pub async fn judge(&self, url: &Url) -> Result<Vec<SocketAddr>, EgressError> {
        let (host, port) = web_host(url)?;
        let addresses = self.resolve(host, port).await?;
        if !self.are_inside(&addresses) {
            outside::check(url)?;
        }
        Ok(addresses)
    }

    /// Whether a URL may be kept, to be asked later. A name that is not found yet may be found then; it is judged anew
    /// each time.
    ///
    /// # Errors
    /// Where it is not allowed.
    pub async fn may_keep(&self, url: &Url) -> Result<(), EgressError> {
        match self.judge(url).await {
            Err(EgressError::NameUnknown | EgressError::NameTimedOut) => outside::check(url),
            judged => judged.map(|_| ()),
        }
    }

    /// Whether all these addresses are in networks that the operator allows.
    fn are_inside(&self, addresses: &[SocketAddr]) -> bool {
        addresses
            .iter()
            .all(|address| self.is_allowed(address.ip()))
    }

    /// Connects to a host, as [`Egress::resolve`] finds it.
    ///
    /// # Errors
    /// Where it is not found, not allowed, or does not answer in time.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, EgressError> {
        self.dial(&self.resolve(host, port).await?).await
    }

    /// Connects to the first of these addresses that answers. Each gets its share of the time.
    ///
    /// # Errors
    /// Where one is not allowed, or none answers in time.
    pub async fn dial(&self, addresses: &[SocketAddr]) -> Result<TcpStream, EgressError> {
        self.check(addresses)?;
        let end = Instant::now() + CONNECT_LIMIT;
        let mut failed = EgressError::Unreachable;
        for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
            let rest = end.saturating_duration_since(Instant::now());
            let share = rest / u32::try_from(left).unwrap_or(u32::MAX);
            failed = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => connect_error(error.kind()),
                Err(_) => EgressError::ConnectTimedOut,
            };
        }
        Err(failed)
    }

    /// Speaks TLS over a connection, with the server's certificate checked for `host`. Limit its time.
    ///
    /// # Errors
    /// What is wrong with the certificate or the peer.
    pub async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, TlsError> {
        tls::connect(&self.tls, host, stream).await
    }

    /// An HTTP client for one URL's host: judged, pinned to the addresses found now, without redirects and proxies, limited
    /// in time. Make one for each request.
    ///
    /// # Errors
    /// Where the host is not found, or the URL is not allowed.
    pub async fn http_client(&self, url: &Url) -> Result<reqwest::Client, EgressError> {
        let addresses = self.judge(url).await?;
        reqwest::Client::builder()
            .dns_resolver(Arc::new(Pinned(addresses)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .tls_backend_preconfigured(ClientConfig::clone(&self.tls))
            .build()
            .map_err(|_| EgressError::Client)
    }

    fn check(&self, addresses: &[SocketAddr]) -> Result<(), EgressError> {
        if addresses.iter().all(|address| self.may_dial(address.ip())) {
            Ok(())
        } else {
            Err(EgressError::AddressRefused)
        }
    }

    fn may_dial(&self, address: IpAddr) -> bool {
        address::is_public(address) || self.is_allowed(address)
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let inside = match address {
            IpAddr::V6(v6) => address::embedded(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        let allowed = |address| self.allow.iter().any(|net| net.contains(&address));
        allowed(address) || inside.is_some_and(allowed)
    }
}

/// The host of a URL that HTTP can be spoken with, and its port.
fn web_host(url: &Url) -> Result<(&str, u16), EgressError> {
    let host = url.host_str().zip(url.port_or_known_default());
    host.filter(|_| matches!(url.scheme(), "http" | "https"))
        .ok_or(EgressError::NotWeb)
}

/// IPv6 addresses stand in brackets in URLs.
fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn connect_error(kind: ErrorKind) -> EgressError {
    match kind {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => EgressError::ConnectionRefused,
        ErrorKind::TimedOut => EgressError::ConnectTimedOut,
        _ => EgressError::Unreachable,
    }
}
