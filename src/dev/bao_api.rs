//! The three calls that bring a fresh or sealed OpenBao up. Everything else is `vault/`'s.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Client, Method, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(50);

/// The one unseal key and the root token. Both secret: no `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Keys {
    pub(super) unseal_key: String,
    pub(super) root_token: String,
}

/// What `sys/health` says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Active,
    Sealed,
    Uninitialised,
    /// No answer, or one that will change.
    Waiting,
}

pub(super) struct Api {
    client: Client,
    addr: String,
}

impl Api {
    pub(super) fn new(addr: &str) -> anyhow::Result<Self> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Self {
            client,
            addr: addr.to_owned(),
        })
    }

    /// Resolves to the server's state once it has one.
    pub(super) async fn answer(&self) -> Health {
        loop {
            match self.health().await {
                Health::Waiting => sleep(POLL).await,
                known => return known,
            }
        }
    }

    /// Resolves when the server takes requests.
    pub(super) async fn active(&self) {
        while self.health().await != Health::Active {
            sleep(POLL).await;
        }
    }

    async fn health(&self) -> Health {
        let answer = self.client.get(format!("{}/v1/sys/health", self.addr));
        match answer.send().await.map(|answer| answer.status()) {
            Ok(StatusCode::OK) => Health::Active,
            Ok(StatusCode::SERVICE_UNAVAILABLE) => Health::Sealed,
            Ok(StatusCode::NOT_IMPLEMENTED) => Health::Uninitialised,
            _ => Health::Waiting,
        }
    }

    pub(super) async fn initialise(&self) -> anyhow::Result<Keys> {
        #[derive(Deserialize)]
        struct Answer {
            keys_base64: Vec<String>,
            root_token: String,
        }
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let mut answer: Answer = self.put("sys/init", &shares).await?;
        Ok(Keys {
            unseal_key: answer
                .keys_base64
                .pop()
                .context("sys/init gave no unseal key")?,
            root_token: answer.root_token,
        })
    }

    pub(super) async fn unseal(&self, keys: &Keys) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Answer {
            sealed: bool,
        }
        let body = json!({"key": keys.unseal_key});
        let answer: Answer = self.put("sys/unseal", &body).await?;
        ensure!(!answer.sealed, "OpenBao is still sealed after its one key");
        Ok(())
    }

    /// Quotes nothing of the answer but its `errors`: the rest may hold keys.
    async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> anyhow::Result<T> {
        let url = format!("{}/v1/{path}", self.addr);
        let answer = self
            .client
            .request(Method::PUT, url)
            .json(body)
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            let errors = serde_json::from_str::<Value>(&text).unwrap_or_default();
            anyhow::bail!("OpenBao's {path} answered {status}: {}", errors["errors"]);
        }
        serde_json::from_str(&text)
            .ok()
            .with_context(|| format!("OpenBao's {path} answered something unknown"))
    }
}
