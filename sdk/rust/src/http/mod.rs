//! HTTP: one request, its attempts, and what the answer means.

mod problem;
mod retry;

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH, RETRY_AFTER};
use ureq::http::{HeaderName, HeaderValue, Method, Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use zeroize::Zeroizing;

use crate::base_url::BaseUrl;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::settings::Settings;

/// No answer of either server is near this.
const MAX_BODY: u64 = 1024 * 1024;

/// Below what servers keep an idle connection for, so that none is used that the server is just closing.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// Whether a call may be sent again when it is not known what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing, or the same again changes nothing more.
    Safe,
    /// Once only.
    Never,
}

/// The limits that all requests of one call share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    until: Instant,
    attempts: u32,
}

impl Effort {
    /// What a client's settings say.
    pub(crate) fn full(settings: &Settings) -> Self {
        Self {
            until: Instant::now() + settings.total_timeout,
            attempts: settings.attempts.max(1),
        }
    }

    /// One attempt, for background work that has a rhythm of its own.
    pub(crate) fn once(settings: &Settings) -> Self {
        Self {
            until: Instant::now() + settings.attempt_timeout,
            attempts: 1,
        }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// What proves who calls.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// Nothing.
    None,
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// `X-Vault-Token: …`.
    VaultToken(Secret),
}

/// A request.
pub(crate) struct Call {
    method: Method,
    url: String,
    host: String,
    body: Option<Zeroizing<Vec<u8>>>,
    if_match: Option<u32>,
    repeat: Repeat,
}

/// Without the body, which may hold secrets.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("if_match", &self.if_match)
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A call that changes nothing.
    pub(crate) fn get(base: &BaseUrl, path: &str) -> Self {
        Self::new(Method::GET, base, path, Repeat::Safe)
    }

    /// Any call.
    pub(crate) fn new(method: Method, base: &BaseUrl, path: &str, repeat: Repeat) -> Self {
        Self {
            method,
            url: base.join(path),
            host: base.host().to_owned(),
            body: None,
            if_match: None,
            repeat,
        }
    }

    /// With a JSON body.
    pub(crate) fn json<T: serde::Serialize>(mut self, body: &T) -> Result<Self> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        serde_json::to_writer(&mut *bytes, body)
            .map_err(|_| Error::InvalidArgument("the body cannot be written as JSON".to_owned()))?;
        self.body = Some(bytes);
        Ok(self)
    }

    /// Only where the object still has this version.
    pub(crate) fn if_match(mut self, version: Option<u32>) -> Self {
        self.if_match = version;
        self
    }

    fn request(&self, proof: &Proof) -> Result<Request<&[u8]>> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.url);
        match proof {
            Proof::None => {}
            Proof::Bearer(token) => {
                let text = Zeroizing::new(format!("Bearer {}", token.expose()));
                request = request.header(AUTHORIZATION, sensitive(&text)?);
            }
            Proof::VaultToken(token) => {
                let name = HeaderName::from_static("x-vault-token");
                request = request.header(name, sensitive(token.expose())?);
            }
        }
        if let Some(version) = self.if_match {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = self.body.as_ref().map_or(&[][..], |body| body.as_slice());
        request
            .body(body)
            .map_err(|_| Error::InvalidArgument("the address is no URL".to_owned()))
    }
}

fn sensitive(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::InvalidArgument("a key or token holds what no header may".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A successful answer.
pub(crate) struct Answer {
    /// The HTTP status, 200 to 299.
    pub(crate) status: u16,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The body as `T`. A body that is none says where, and never what it held.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::Malformed(format!(
                "not the expected JSON in line {}, column {}",
                error.line(),
                error.column()
            ))
        })
    }
}

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    settings: Settings,
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let settings = settings.bounded();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_age(MAX_IDLE)
            .timeout_connect(Some(settings.connect_timeout))
            .user_agent(concat!("gatehouse-client/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(&settings)?)
            .build();
        Ok(Self {
            agent: Agent::new_with_config(config),
            settings,
        })
    }

    /// What was given, bounded.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends the call, again where it may and should be, and gives the answer if it is a success.
    pub(crate) fn send(&self, call: &Call, proof: &Proof, effort: &Effort) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let error = match self.attempt(call, proof, effort) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if call.repeat == Repeat::Never
                || attempt >= effort.attempts
                || !retry::is_passing(&error)
            {
                return Err(error);
            }
            let asked = error.refusal().and_then(|refusal| refusal.retry_after);
            let pause = retry::pause(self.settings.first_pause, attempt, asked, fastrand::f64());
            if pause >= effort.left() {
                return Err(error);
            }
            std::thread::sleep(pause);
            attempt += 1;
        }
    }

    fn attempt(&self, call: &Call, proof: &Proof, effort: &Effort) -> Result<Answer> {
        let limit = effort.left().min(self.settings.attempt_timeout);
        let timeout = || Error::Timeout {
            host: call.host.clone(),
        };
        if limit.is_zero() {
            return Err(timeout());
        }
        let request = call.request(proof)?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(limit))
            .build();
        let response = self
            .agent
            .run(request)
            .map_err(|error| retry::failure(&error, &call.host))?;
        read(response, &call.host)
    }
}

fn read(mut response: Response<ureq::Body>, host: &str) -> Result<Answer> {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| retry::retry_after(text, Timestamp::now()));
    let mut body = Zeroizing::new(Vec::with_capacity(8192));
    let mut reader = response.body_mut().as_reader().take(MAX_BODY + 1);
    let failed = match reader.read_to_end(&mut body) {
        Ok(_) if body.len() as u64 > MAX_BODY => {
            return Err(Error::Malformed("it is too long".to_owned()));
        }
        Ok(_) => None,
        Err(error) => Some(retry::failure(&ureq::Error::from(error), host)),
    };
    match (status, failed) {
        (200..=299, None) => Ok(Answer { status, body }),
        (200..=299, Some(error)) => Err(error),
        _ => Err(problem::refused(status, &body, retry_after)),
    }
}

fn tls(settings: &Settings) -> Result<TlsConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = match &settings.ca_pem {
        Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
        None => RootCerts::PlatformVerifier,
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn certificates(pem: &str) -> Result<Vec<Certificate<'static>>> {
    let wrong = || Error::InvalidArgument("ca_pem holds no certificate as PEM".to_owned());
    let mut found = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| wrong())? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(wrong());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use ureq::http::Method;

    use super::{Call, Repeat};
    use crate::base_url::BaseUrl;

    #[test]
    fn debug_shows_no_body() {
        let base = BaseUrl::parse("https://gatehouse.example", false).unwrap();
        let call = Call::new(Method::POST, &base, "sites", Repeat::Safe);
        let shown = format!("{:?}", call.json(&"s3cret").unwrap());
        assert!(shown.contains("https://gatehouse.example/sites"), "{shown}");
        let bytes = format!("{:?}", b"s3cret").replace(['[', ']'], "");
        assert!(
            !shown.contains("s3cret") && !shown.contains(&bytes),
            "{shown}"
        );
    }
}
