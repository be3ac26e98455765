//! The way out to addresses that somebody else chose: what vendors name as their services goes through here.
//!
//! A name is resolved once. Every address it has must be public unicast, or in a network the operator allows; one that
//! is not refuses the whole name, as an answer that mixes both is an attempt at something. What is dialled then is the
//! addresses that were judged, so a second answer of the name's server cannot change them (DNS rebinding).

mod address;
mod tls;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;
use url::Url;

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
    /// The URL is none that HTTP can be spoken to.
    #[error("not an http or https URL with a host")]
    NotWeb,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client,
}

/// The guard, and the only code that dials what others name.
pub struct Egress {
    allow: Vec<IpNet>,
    tls: Arc<ClientConfig>,
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
        })
    }

    /// The addresses of a host name, or of an address written out (IPv6 also in brackets), all of them allowed.
    ///
    /// # Errors
    /// [`EgressError::AddressRefused`] where only one is not.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, EgressError> {
        let found = tokio::net::lookup_host((without_brackets(host), port));
        let mut found: Vec<SocketAddr> = timeout(RESOLVE_LIMIT, found)
            .await
            .map_err(|_| EgressError::NameTimedOut)?
            .map_err(|_| EgressError::NameUnknown)?
            .collect();
        if found.is_empty() {
            return Err(EgressError::NameUnknown);
        }
        self.check(&found)?;
        found.truncate(MOST_ADDRESSES);
        Ok(found)
    }

    /// Whether all addresses of a URL's host are in networks that the operator allows: whoever sends there without TLS
    /// does not send through the world.
    ///
    /// # Errors
    /// Where the host is not found or not allowed.
    pub async fn is_inside(&self, url: &Url) -> Result<bool, EgressError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(EgressError::NotWeb);
        };
        Ok(self.are_inside(&self.resolve(host, port).await?))
    }

    /// Whether all these addresses are in networks that the operator allows.
    #[must_use]
    pub fn are_inside(&self, addresses: &[SocketAddr]) -> bool {
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

    /// An HTTP client for one URL's host: pinned to the addresses found now, without redirects and proxies, limited in
    /// time. Make one for each delivery.
    ///
    /// # Errors
    /// Where the host is not found or not allowed.
    pub async fn http_client(&self, url: &Url) -> Result<reqwest::Client, EgressError> {
        let web = matches!(url.scheme(), "http" | "https");
        let (Some(host), Some(port), true) = (url.host_str(), url.port_or_known_default(), web)
        else {
            return Err(EgressError::NotWeb);
        };
        self.pinned_client(self.resolve(host, port).await?)
    }

    /// The same for addresses that were found before: whoever judged them further is not shown others when they are
    /// dialled.
    ///
    /// # Errors
    /// Where one is not allowed.
    pub fn pinned_client(
        &self,
        addresses: Vec<SocketAddr>,
    ) -> Result<reqwest::Client, EgressError> {
        self.check(&addresses)?;
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

/// Answers every look-up with the addresses that were judged, however the name is spelled.
struct Pinned(Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn egress(allow: &[&str]) -> Egress {
        let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
        let authorities = RootCertStore::empty();
        Egress::new(&Settings { allow, authorities }).unwrap()
    }

    #[test]
    fn the_operator_allows_networks() {
        let cases = [
            ("127.0.0.1", vec!["127.0.0.0/8"], true),
            ("::ffff:127.0.0.1", vec!["127.0.0.0/8"], true),
            ("64:ff9b::a01:203", vec!["10.0.0.0/8"], true),
            ("64:ff9b::a01:203", vec!["64:ff9b::/96"], true),
            ("::1", vec!["127.0.0.0/8"], false),
            ("::1", vec!["::1/128"], true),
            ("::127.0.0.1", vec!["127.0.0.0/8", "::1/128"], false),
            ("10.1.2.3", vec!["10.1.2.3/32"], true),
            ("10.1.2.4", vec!["10.1.2.3/32"], false),
            ("169.254.169.254", vec!["127.0.0.0/8", "::1/128"], false),
            ("1.1.1.1", vec![], true),
        ];
        for (address, allow, may) in cases {
            let may_dial = egress(&allow).may_dial(address.parse().unwrap());
            assert_eq!(may_dial, may, "{address} with {allow:?}");
        }
    }

    #[tokio::test]
    async fn names_and_spellings_of_refused_addresses_are_refused() {
        let hosts = [
            "localhost",
            "127.0.0.1",
            "127.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0",
            "[::1]",
            "::ffff:127.0.0.1",
            "169.254.169.254",
        ];
        for host in hosts {
            let resolved = egress(&[]).resolve(host, 80).await;
            assert_eq!(resolved, Err(EgressError::AddressRefused), "{host}");
        }
        for host in ["nothing.invalid", "", "no host", "[", "1.1.1.1.1"] {
            // Later where the machine's own resolver does not answer.
            let unknown = [EgressError::NameUnknown, EgressError::NameTimedOut];
            let resolved = egress(&[]).resolve(host, 80).await;
            assert!(resolved.is_err_and(|e| unknown.contains(&e)), "{host}");
        }
    }

    #[tokio::test]
    async fn one_refused_address_refuses_all() {
        let mixed = ["1.1.1.1:80", "127.0.0.1:80"].map(|a| a.parse().unwrap());
        let dialled = egress(&[]).dial(&mixed).await.map(|_| ());
        assert_eq!(dialled, Err(EgressError::AddressRefused));
    }

    #[tokio::test]
    async fn the_http_client_goes_to_the_judged_address_and_follows_no_redirect() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let read = stream.read(&mut asked).await.unwrap();
            let answer = "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let egress = egress(&["127.0.0.0/8", "::1/128"]);
        let url = Url::parse("http://localhost/").unwrap();
        let client = egress.http_client(&url).await.unwrap();
        // Nobody could resolve this name: the client answers by itself.
        let other = format!("http://pinned.invalid:{port}/");
        let answer = client.get(other).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let asked = served.await.unwrap().to_lowercase();
        assert!(asked.contains("host: pinned.invalid"), "{asked}");

        let refused = [
            ("ftp://localhost/", EgressError::NotWeb),
            ("http://169.254.169.254/", EgressError::AddressRefused),
        ];
        for (url, error) in refused {
            let made = egress.http_client(&Url::parse(url).unwrap()).await;
            assert_eq!(made.err(), Some(error), "{url}");
        }
    }
}
