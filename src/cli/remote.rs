//! Calls a running service.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::Method;
use serde_json::Value;

use super::progress::Progress;
use crate::config::{self, Env, RemoteConfig};
use crate::types::Secret;

/// A file takes as long as it takes, within reason, if something comes.
const LONGEST_FILE: Duration = Duration::from_hours(24);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A running service.
pub struct Remote {
    http: reqwest::Client,
    url: String,
    token: Secret,
}

impl Remote {
    /// As an operator: by `GATEHOUSE_URL` and `GATEHOUSE_ADMIN_TOKEN`.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::new(config::remote(&Env::process(), "GATEHOUSE_ADMIN_TOKEN")?)
    }

    /// As whoever holds the token in `GATEHOUSE_TOKEN`: a vendor's private key, or an access token.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn of_caller() -> anyhow::Result<Self> {
        Self::new(config::remote(&Env::process(), "GATEHOUSE_TOKEN")?)
    }

    /// By the path that is to be called: as an operator below `/api/admin/`, as the caller elsewhere.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn to(path: &str) -> anyhow::Result<Self> {
        if path.starts_with("/api/admin/") {
            Self::from_env()
        } else {
            Self::of_caller()
        }
    }

    /// By address and token.
    ///
    /// # Errors
    /// Where the HTTP client cannot be built.
    pub fn at(url: String, token: Secret) -> anyhow::Result<Self> {
        let ca_pem = None;
        Self::new(RemoteConfig { url, token, ca_pem })
    }

    fn new(config: RemoteConfig) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(pem) = &config.ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem);
            let authorities = authorities.context("reading GATEHOUSE_CA_FILE")?;
            builder = builder.tls_certs_only(authorities);
        }
        Ok(Self {
            http: builder.build()?,
            url: config.url,
            token: config.token,
        })
    }

    /// Sends a call and gives the answer's body. `path` is built from checked types.
    ///
    /// # Errors
    /// Says the service's own words where it refuses.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        answer_of(request).await
    }

    /// Sends a file of JSON lines, and gives the answer's body.
    ///
    /// # Errors
    /// Says the service's own words where it refuses.
    pub async fn send_lines(&self, path: &str, lines: String) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .bearer_auth(self.token.expose())
            .header("content-type", "application/x-ndjson")
            .timeout(LONGEST_FILE)
            .body(lines);
        let _progress = Progress::of_work("Sending, and waiting for what comes of it");
        answer_of(request).await
    }

    /// Gets a file, and hands its pieces on as they come.
    ///
    /// # Errors
    /// Says the service's own words where it refuses, and that the file was cut off where it was.
    pub async fn file(
        &self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .bearer_auth(self.token.expose())
            .timeout(LONGEST_FILE);
        let mut answer = request
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("calling the service")?;
        let status = answer.status();
        if !status.is_success() {
            let body: Value = answer
                .json()
                .await
                .map_err(reqwest::Error::without_url)
                .context("reading the answer")?;
            return Err(refusal(status, &body));
        }
        let progress = Progress::of_file();
        loop {
            let piece = tokio::time::timeout(LONGEST_PAUSE, answer.chunk()).await;
            let piece = piece
                .context("the file stopped coming")?
                .map_err(reqwest::Error::without_url)
                .context("the file was cut off")?;
            match piece {
                Some(piece) => {
                    progress.add(piece.len());
                    take(&piece)?;
                }
                None => return Ok(()),
            }
        }
    }
}

async fn answer_of(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let answer = request
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .context("calling the service")?;
    let status = answer.status();
    let body: Value = answer
        .json()
        .await
        .map_err(reqwest::Error::without_url)
        .context("reading the answer")?;
    if status.is_success() {
        return Ok(body);
    }
    Err(refusal(status, &body))
}

/// The service's own words.
fn refusal(status: reqwest::StatusCode, body: &Value) -> anyhow::Error {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = body["errors"].as_array().into_iter().flatten();
    let errors: Vec<_> = errors
        .map(|e| format!("; {} {}", text(&e["pointer"]), text(&e["detail"])))
        .collect();
    let errors = errors.concat();
    let suggestion = body["suggestion"]
        .as_str()
        .map(|s| format!("; try {s}"))
        .unwrap_or_default();
    let detail = body["detail"].as_str().unwrap_or("no detail");
    anyhow!(
        "{} {}: {detail}{errors}{suggestion}",
        status.as_u16(),
        body["code"].as_str().unwrap_or("?")
    )
}

/// The text of a file, or of standard input where it is called `-`.
///
/// # Errors
/// Where it cannot be read.
pub fn input(file: &Path) -> anyhow::Result<String> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    text.with_context(|| format!("reading {}", file.display()))
}
