//! What `gatehouse dev` keeps between its starts: credentials and the demo vendor's keys, in a file of mode 0600.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::remote::Remote;
use crate::auth::new_ring_key;
use crate::bootstrap::{self, Role};
use crate::config;
use crate::db::Pool;
use crate::dev::folder::Folder;
use crate::types::Secret;
use crate::vault::Handle;

/// The vendor that is there from the start.
pub const DEMO_NAMESPACE: &str = "demo-vendor";
const FILE: &str = "kept.json";
const DEMO_WEBHOOK: &str = "gatehouse-dev-demo-vendor";

/// All that is kept.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// Of the operator `dev`.
    pub admin_token: String,
    /// `whsec_…`.
    pub signup_secret: String,
    /// Credentials of the issuer.
    pub issuer: KeptAppRole,
    /// Credentials of the revoker.
    pub revoker: KeptAppRole,
    /// Credentials of the provisioner.
    pub provisioner: KeptAppRole,
    /// The demo vendor, once it is made.
    pub demo: Option<Demo>,
    /// Its worker, once it is made.
    #[serde(default)]
    pub worker: Option<DemoWorker>,
    /// Its administrator, once it is made.
    #[serde(default)]
    pub user: Option<DemoUser>,
}

/// The demo vendor's administrator.
#[derive(Serialize, Deserialize)]
pub struct DemoUser {
    /// Within the vendor.
    pub name: String,
    /// As it was in the beginning.
    pub password: String,
}

/// The demo vendor's worker, which may read all its credentials.
#[derive(Serialize, Deserialize)]
pub struct DemoWorker {
    /// Its log-in name.
    pub login: String,
    /// `gwk_…`.
    pub key: String,
}

/// AppRole credentials.
#[derive(Serialize, Deserialize)]
pub struct KeptAppRole {
    /// Role id.
    pub role_id: String,
    /// Secret id.
    pub secret_id: String,
}

/// The demo vendor.
#[derive(Serialize, Deserialize)]
pub struct Demo {
    /// Account id.
    pub account_id: i64,
    /// `pk_…`.
    pub public_key: String,
    /// `sk_…`.
    pub private_key: String,
}

/// Reads what an earlier start kept, or makes it.
///
/// # Errors
/// Where OpenBao or the database does not answer, or the file cannot be used.
pub async fn load_or_make(folder: &Folder, handle: &Handle, pool: &Pool) -> anyhow::Result<Kept> {
    let path = folder.path().join(FILE);
    if path.exists() {
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        return serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what this program writes", path.display()));
    }
    let approle = async |role| {
        let credentials = bootstrap::credentials(handle, role).await?;
        let secret_id = credentials.secret_id.expose().to_owned();
        anyhow::Ok(KeptAppRole {
            role_id: credentials.role_id,
            secret_id,
        })
    };
    let kept = Kept {
        admin_token: bootstrap::new_operator(handle, pool, "dev", 3_650)
            .await?
            .expose()
            .to_owned(),
        signup_secret: config::new_signup_secret(new_ring_key().expose()),
        issuer: approle(Role::Issuer).await?,
        revoker: approle(Role::Revoker).await?,
        provisioner: approle(Role::Provisioner).await?,
        demo: None,
        worker: None,
        user: None,
    };
    keep(folder, &kept)?;
    Ok(kept)
}

fn keep(folder: &Folder, kept: &Kept) -> anyhow::Result<()> {
    folder.write_private(FILE, &serde_json::to_vec_pretty(kept)?)
}

/// Waits until the service says it is ready.
///
/// # Errors
/// Where that takes more than half a minute: with what it said last.
pub async fn wait_until_ready(url: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    let mut said = String::new();
    for _ in 0..300 {
        if let Ok(answer) = http.get(format!("{url}/readyz")).send().await {
            if answer.status().is_success() {
                return Ok(());
            }
            said = answer.text().await.unwrap_or_default();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the service is not ready: {said}")
}

/// Signs the demo vendor up and claims its keys, as a billing system and a vendor would. A start that was killed in
/// between does it again: the webhook gives the same answer, and the keys can be claimed until they are used.
///
/// # Errors
/// What the service says.
pub async fn ensure_demo(url: &str, kept: &mut Kept, folder: &Folder) -> anyhow::Result<()> {
    if kept.demo.is_some() {
        return Ok(());
    }
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()?;
    let body = json!({
        "type": "vendor.created",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": { "namespace": DEMO_NAMESPACE, "name": "Demo Vendor" }
    });
    let body = serde_json::to_vec(&body)?;
    let secret = config::signing_secret("GATEHOUSE_SIGNUP_SECRET", &kept.signup_secret)?;
    let now = jiff::Timestamp::now().as_second();
    let request = http
        .post(format!("{url}/webhooks/vendor-signup"))
        .header("webhook-id", DEMO_WEBHOOK)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", secret.sign(DEMO_WEBHOOK, now, &body))
        .header("content-type", "application/json")
        .body(body);
    let signed_up: Value = request.send().await?.error_for_status()?.json().await?;
    let claim = json!({ "claimToken": signed_up["claimToken"] });
    let claim = http
        .post(format!("{url}/api/vendors/claim"))
        .json(&claim)
        .send()
        .await?;
    let claimed: Value = claim.error_for_status()?.json().await?;
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .context("an answer of another shape")
    };
    kept.demo = Some(Demo {
        account_id: claimed["vendor"]["id"]
            .as_i64()
            .context("an answer of another shape")?,
        public_key: text(&claimed["publicKey"])?,
        private_key: text(&claimed["privateKey"])?,
    });
    keep(folder, kept)
}

/// Makes the demo vendor's worker.
///
/// # Errors
/// What the service says.
pub async fn ensure_worker(url: &str, kept: &mut Kept, folder: &Folder) -> anyhow::Result<()> {
    if kept.worker.is_some() {
        return Ok(());
    }
    let remote = Remote::at(url.to_owned(), Secret::new(kept.admin_token.clone()))?;
    let path = format!("/api/admin/vendors/{DEMO_NAMESPACE}/workers");
    let body = json!({ "name": "Demo worker", "keys": ["*"] });
    let made = remote.call(Method::POST, &path, Some(&body)).await?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (login, key) = text(&made["worker"]["login"])
        .zip(text(&made["workerKey"]))
        .context("an answer of another shape")?;
    kept.worker = Some(DemoWorker { login, key });
    keep(folder, kept)
}

/// Makes the demo vendor's administrator. A start that was killed meanwhile finds it made.
///
/// # Errors
/// What the service says.
pub async fn ensure_user(url: &str, kept: &mut Kept, folder: &Folder) -> anyhow::Result<()> {
    if kept.user.is_some() {
        return Ok(());
    }
    let remote = Remote::at(url.to_owned(), Secret::new(kept.admin_token.clone()))?;
    let path = format!("/api/admin/vendors/{DEMO_NAMESPACE}/users");
    let (name, password) = ("admin", "foobaz");
    let one = format!("{path}/{name}");
    if remote.call(Method::GET, &one, None).await.is_err() {
        let body = json!({ "name": name, "password": password, "groups": ["Administrators"] });
        remote.call(Method::POST, &path, Some(&body)).await?;
    }
    kept.user = Some(DemoUser {
        name: name.to_owned(),
        password: password.to_owned(),
    });
    keep(folder, kept)
}
