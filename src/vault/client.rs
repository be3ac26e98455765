//! One connection pool to OpenBao, and handles on it that carry a token each.
//!
//! # Quirks
//! vaultrs's settings, answers and errors print secrets under `{:?}`, have no time limit by default, and its HTTP
//! client would follow a redirect to another host with the token. So the client is built by hand here, and neither
//! its settings nor its errors leave this folder.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use rustify::endpoint::Endpoint;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{Client, VaultClientSettings};

use super::Error;
use super::call::{Call, Place};
use super::watch::watched;
use crate::kill_point::kill_point;
use crate::types::{Secret, is_private};

const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const REQUEST_LIMIT: Duration = Duration::from_secs(4);

/// Where OpenBao is and how to trust it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Base address, `https://openbao.internal:8200`.
    pub addr: String,
    /// The OpenBao namespace this service is fenced into, if any.
    pub namespace: Option<String>,
    /// PEM bundle of the authorities to trust instead of the platform's.
    pub ca_pem: Option<Vec<u8>>,
}

impl Server {
    /// Whether nobody on the network reads along: TLS, or this machine.
    #[must_use]
    pub fn is_private(&self) -> bool {
        url::Url::parse(&self.addr).is_ok_and(|url| is_private(&url))
    }
}

/// The shared pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    http: rustify::clients::reqwest::Client,
    settings: VaultClientSettings,
    namespace: Option<String>,
}

impl Connection {
    /// Builds the pool; nothing is sent yet.
    ///
    /// # Errors
    /// Where the address is no http or https URL, or the authorities cannot be read.
    pub fn new(server: &Server) -> Result<Self, Error> {
        let bad = |what: String| Error::Malformed(format!("OpenBao address: {what}"));
        let url = url::Url::parse(&server.addr).map_err(|e| bad(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.path() != "/" {
            return Err(bad("must be http(s)://host:port without a path".to_owned()));
        }
        let mut builder = reqwest::Client::builder()
            .timeout(REQUEST_LIMIT)
            .connect_timeout(CONNECT_LIMIT)
            .pool_max_idle_per_host(128)
            .redirect(reqwest::redirect::Policy::none())
            // The library sends JSON without saying so; proxies and the documented calls want it said.
            .default_headers(HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )]))
            .no_proxy();
        if url.scheme() == "http" {
            builder = builder.tls_certs_only(Vec::new());
        } else if let Some(pem) = &server.ca_pem {
            let authorities =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|e| bad(e.to_string()))?;
            builder = builder.tls_certs_only(authorities);
        }
        let http = builder.build().map_err(|e| bad(e.to_string()))?;
        // Never read by the library's calls, but part of its client trait.
        let settings = VaultClientSettings {
            address: url,
            ca_certs: Vec::new(),
            identity: None,
            timeout: Some(REQUEST_LIMIT),
            token: String::new(),
            verify: true,
            version: 1,
            wrapping: false,
            namespace: None,
            proxy: None,
        };
        let http = rustify::clients::reqwest::Client::new(server.addr.trim_end_matches('/'), http);
        Ok(Self {
            shared: Arc::new(Shared {
                http,
                settings,
                namespace: server.namespace.clone(),
            }),
        })
    }

    /// A handle that sends `token` with each call.
    #[must_use]
    pub fn with_token(&self, token: &Secret) -> Handle {
        // The library panics on a header value it cannot send; such a text is no token of OpenBao's.
        let sendable = token.expose().bytes().all(|b| b.is_ascii_graphic());
        let token = if sendable {
            token.expose().to_owned()
        } else {
            String::new()
        };
        Handle {
            middle: EndpointMiddleware {
                token,
                version: "v1".to_owned(),
                wrap: None,
                namespace: self.shared.namespace.clone(),
            },
            shared: Arc::clone(&self.shared),
        }
    }

    /// A handle without a token, for log-in and seal status.
    #[must_use]
    pub fn anonymous(&self) -> Handle {
        self.with_token(&Secret::new(String::new()))
    }
}

/// A [`Connection`] with a token: what every call of this folder takes.
pub struct Handle {
    shared: Arc<Shared>,
    middle: EndpointMiddleware,
}

impl Handle {
    /// The same handle, whose next answers come wrapped for `seconds`.
    #[must_use]
    pub fn wrapping(mut self, seconds: u32) -> Self {
        self.middle.wrap = Some(format!("{seconds}s"));
        self
    }

    /// The same handle outside the OpenBao namespace: what is said of the server itself is said only there.
    #[must_use]
    pub fn outside(mut self) -> Self {
        self.middle.namespace = None;
        self
    }

    /// Sends `call` and reads the whole answer with our own types, as the library's need fields that OpenBao
    /// leaves out, and keep the text of an answer they cannot read.
    pub(super) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<Answer<T>, Error> {
        self.send_bare(call).await
    }

    /// The same for the few answers that come without a frame.
    pub(super) async fn send_bare<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let bytes = self.exec(call).await?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::Malformed(format!("{:?} at column {}", e.classify(), e.column())))
    }

    /// Sends `call`, whose answer has nothing to read.
    pub(super) async fn send_only(&self, call: Call) -> Result<(), Error> {
        self.exec(call).await.map(|_| ())
    }

    async fn exec(&self, call: Call) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        if !call.is_plain() {
            return Err(Error::Rejected("a path that is not plain".to_owned()));
        }
        let (method, path) = (format!("{:?}", call.method()), call.path());
        let call = call.with_middleware(&self.middle);
        kill_point(Place("before", &call));
        let result = watched(&method, &path, call.exec(&self.shared.http)).await;
        kill_point(Place("after", &call));
        Ok(zeroize::Zeroizing::new(result?.raw()))
    }
}

#[async_trait]
impl Client for Handle {
    fn http(&self) -> &rustify::clients::reqwest::Client {
        &self.shared.http
    }
    fn middle(&self) -> &EndpointMiddleware {
        &self.middle
    }
    fn settings(&self) -> &VaultClientSettings {
        &self.shared.settings
    }
    fn set_token(&mut self, token: &str) {
        token.clone_into(&mut self.middle.token);
    }
}

/// The frame around every JSON answer of OpenBao.
#[derive(Deserialize)]
pub(super) struct Answer<T> {
    #[serde(default)]
    pub request_id: String,
    pub data: Option<T>,
    pub auth: Option<super::tokens::Auth>,
    pub wrap_info: Option<super::tokens::WrapInfo>,
    #[serde(default)]
    pub warnings: Option<Vec<String>>,
}

impl<T> Answer<T> {
    pub fn into_data(self) -> Result<T, Error> {
        self.data
            .ok_or_else(|| Error::Malformed("no data".to_owned()))
    }

    pub fn into_auth(self) -> Result<super::tokens::Auth, Error> {
        self.auth
            .ok_or_else(|| Error::Malformed("no auth".to_owned()))
    }
}
