//! Boots the real server on a free port, with a database and an OpenBao namespace of its own.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::app::App;
use gatehouse::bootstrap::{self, Role};
use gatehouse::config::{BaoConfig, Config, HttpConfig, LeaseCaps, LimitConfig, Rate};
use gatehouse::db;
use gatehouse::dev::openbao::OpenBao;
use gatehouse::dev::postgres::Postgres;
use gatehouse::egress;
use gatehouse::server::{self, Running};
use gatehouse::types::Secret;
use gatehouse::vault::{Handle, Server, TokenSource, TokenSources};
use gatehouse::webhooks::SigningSecret;
use reqwest::Method;
use serde_json::{Value, json};

use super::http::{Answer, Call};
use super::{logs, servers};

/// The sign-up secret of every test.
pub const SIGNUP_SECRET: [u8; 32] = [42; 32];

/// A running service and what it runs on.
pub struct TestApp {
    pub url: String,
    pub app: Arc<App>,
    /// Address of OpenBao as tests reach it, and a root token.
    pub bao_addr: String,
    pub bao_root: String,
    pub namespace: Option<String>,
    pub database_url: String,
    /// Of an operator.
    pub operator: String,
    http: reqwest::Client,
    secrets: Mutex<Vec<String>>,
    log_start: usize,
    running: Option<Running>,
}

/// A vendor with its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct TestVendor {
    pub id: i64,
    pub namespace: String,
    pub public_key: String,
    pub private_key: String,
}

/// Where a test's service is to run.
pub struct Place {
    pub bao: Server,
    pub bao_root: String,
    pub database_url: String,
}

impl Place {
    /// On the servers of the run: a fresh database and a fresh OpenBao namespace.
    pub async fn shared() -> Self {
        let shared = servers::shared();
        Self::on(&shared.bao_addr, &shared.bao_root).await
    }

    /// The same, on the OpenBao whose audit log is shipped.
    pub async fn audited() -> Self {
        let audited = servers::audited();
        Self::on(&audited.addr, &audited.root).await
    }

    async fn on(bao_addr: &str, bao_root: &str) -> Self {
        logs::capture();
        let shared = servers::shared();
        let name = format!("t{}-{}", std::process::id(), servers::number());
        let database = name.replace('-', "_");
        servers::database(&database).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{bao_addr}/v1/sys/namespaces/{name}");
        let made = http
            .post(url)
            .header("x-vault-token", bao_root)
            .send()
            .await
            .unwrap();
        assert!(made.status().is_success(), "{:?}", made.text().await);
        Self {
            bao: Server {
                addr: bao_addr.to_owned(),
                namespace: Some(name),
                ca_pem: None,
            },
            bao_root: bao_root.to_owned(),
            database_url: servers::with_database(&shared.database_url, &database),
        }
    }

    /// On servers that nothing else is on: the root namespace, and the one database.
    pub async fn alone(postgres: &Postgres, openbao: &OpenBao) -> Self {
        servers::migrate_template(postgres).await;
        Self {
            bao: Server {
                addr: openbao.addr.clone(),
                namespace: None,
                ca_pem: None,
            },
            bao_root: openbao.root_token.clone(),
            database_url: servers::with_database(&postgres.url, servers::TEMPLATE),
        }
    }

    /// A handle with the root token.
    pub fn administrator(&self) -> Handle {
        bootstrap::administrator(&self.bao, &Secret::new(self.bao_root.clone())).unwrap()
    }

    /// Bootstraps, and gives the settings of a service with three AppRoles apart.
    pub async fn config(&self) -> Config {
        let handle = self.administrator();
        bootstrap::prepare_openbao(&handle).await.unwrap();
        let tokens = TokenSources::Apart {
            issuer: approle(&handle, Role::Issuer).await,
            revoker: approle(&handle, Role::Revoker).await,
            provisioner: approle(&handle, Role::Provisioner).await,
        };
        Config {
            http: HttpConfig {
                listen: "127.0.0.1:0".parse().unwrap(),
                tls: None,
                stop_delay: Duration::ZERO,
                trusted_proxies: Vec::new(),
            },
            bao: BaoConfig {
                public_url: "https://vault.example".to_owned(),
                server: self.bao.clone(),
                tokens,
            },
            db: db_settings(&self.database_url),
            signup_secrets: vec![SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap()],
            audit: None,
            limits: limits(100_000),
            egress: egress::Settings::new(
                vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
                rustls::RootCertStore::empty(),
            ),
            lockbox: gatehouse::config::LockboxConfig {
                kdf: gatehouse::lockbox::crypto::Kdf::FLOOR,
            },
            logs: gatehouse::config::LogConfig {
                retention_days: 365,
            },
            users: gatehouse::config::UserConfig {
                base_domain: Some("gatehouse.test".to_owned()),
                default_vendor: None,
                strength_waived: false,
            },
            access_tokens: gatehouse::config::AccessTokenConfig {
                issuer: "https://gatehouse.test".to_owned(),
                life: 600,
                key_days: 90,
            },
            trial: false,
        }
    }
}

/// An AppRole as the source of an app token.
pub async fn approle(handle: &Handle, role: Role) -> TokenSource {
    let credentials = bootstrap::credentials(handle, role).await.unwrap();
    TokenSource::AppRole {
        role_id: credentials.role_id,
        secret_id: credentials.secret_id,
    }
}

/// The same rate for everything.
pub fn limits(per_second: u32) -> LimitConfig {
    let rate = Rate {
        per_second,
        burst: per_second,
    };
    LimitConfig {
        address: rate,
        vendor: rate,
        refused: rate,
        leases: LeaseCaps::WIDE,
    }
}

/// Settings of a database, as the role of the service.
pub fn db_settings(superuser_url: &str) -> db::Settings {
    db::Settings {
        url: Secret::new(servers::of_service(superuser_url)),
        ca_pem: None,
        pool_size: 8,
    }
}

impl TestApp {
    /// A service on the servers of the run.
    pub async fn start() -> Self {
        let place = Place::shared().await;
        let config = place.config().await;
        Self::start_at(place, config).await
    }

    /// A service on given servers with given settings.
    pub async fn start_at(place: Place, config: Config) -> Self {
        logs::capture();
        let log_start = logs::len();
        let runtime = &servers::shared().runtime;
        let running = runtime.spawn(server::start(config)).await.unwrap();
        let running = running.unwrap_or_else(|error| panic!("the service must start: {error}"));
        let pool = db::Pool::new(&db_settings(&place.database_url)).unwrap();
        let operator = bootstrap::new_operator(&place.administrator(), &pool, "test", 3_650)
            .await
            .unwrap();
        let test = Self {
            url: format!("http://{}", running.address),
            app: Arc::clone(&running.app),
            bao_addr: place.bao.addr.clone(),
            bao_root: place.bao_root.clone(),
            namespace: place.bao.namespace.clone(),
            database_url: place.database_url.clone(),
            operator: operator.expose().to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(30))
                // Less than the service keeps a connection: a call must not go out on one that is just being closed.
                .pool_idle_timeout(Duration::from_secs(2))
                .build()
                .unwrap(),
            secrets: Mutex::default(),
            log_start,
            running: Some(running),
        };
        test.keep_secret(operator.expose());
        test.until_ready().await;
        test
    }

    /// The servers that this one is on, for another one beside it.
    pub fn place(&self) -> Place {
        Place {
            bao: Server {
                addr: self.bao_addr.clone(),
                namespace: self.namespace.clone(),
                ca_pem: None,
            },
            bao_root: self.bao_root.clone(),
            database_url: self.database_url.clone(),
        }
    }

    /// Another service on the same servers.
    pub async fn replica(&self) -> Self {
        let place = self.place();
        let config = place.config().await;
        Self::start_at(place, config).await
    }

    /// Waits until `/readyz` says so.
    pub async fn until_ready(&self) {
        let mut last = None;
        for _ in 0..300 {
            let answer = self.get("/readyz").send().await;
            if answer.status == 200 {
                return;
            }
            last = Some(answer);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not ready: {last:?}");
    }

    /// Waits until `/readyz` says that it is not: what it found is kept for a second.
    pub async fn until_not_ready(&self) {
        for _ in 0..60 {
            if self.get("/readyz").send().await.status == 503 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("still ready");
    }

    /// A secret that must never be logged.
    pub fn keep_secret(&self, secret: &str) {
        // OpenBao leaves `client_token` empty in answers about an accessor; the seed's example of a password is the word,
        // which stands in paths of other tests.
        if secret.is_empty() || secret == "password" {
            return;
        }
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// A call to the service.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(
            self,
            self.http.request(method, format!("{}{path}", self.url)),
        )
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// A call straight to OpenBao with a token, as plugins make it.
    pub fn bao(&self, method: Method, path: &str, token: &str) -> Call<'_> {
        let mut request = self
            .http
            .request(method, format!("{}/v1/{path}", self.bao_addr));
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        Call::new(self, request.header("x-vault-token", token))
    }

    /// The same as root.
    pub fn bao_root(&self, method: Method, path: &str) -> Call<'_> {
        let token = self.bao_root.clone();
        self.bao(method, path, &token)
    }

    /// A connection to the service's database.
    pub async fn sql(&self) -> tokio_postgres::Client {
        servers::client(&self.database_url).await
    }

    /// A vendor with claimed keys, made by an operator.
    pub async fn vendor(&self, namespace: &str) -> TestVendor {
        let body = json!({ "namespace": namespace, "name": "A Vendor" });
        let made = self
            .post("/api/admin/vendors")
            .bearer(&self.operator)
            .json(&body)
            .send()
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        let vendor = vendor_of(&made.json);
        assert_eq!(made.json["vendor"]["provisioned"], true);
        self.keep_secret(&vendor.public_key);
        self.keep_secret(&vendor.private_key);
        vendor
    }

    /// Sends a signed webhook to `/webhooks/vendor-signup`.
    pub async fn webhook(&self, id: &str, body: &Value) -> Answer {
        self.webhook_bytes(id, &serde_json::to_vec(body).unwrap())
            .await
    }

    /// The same, byte for byte.
    pub async fn webhook_bytes(&self, id: &str, body: &[u8]) -> Answer {
        let now = self.app.clock.now().as_second();
        let secret = SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap();
        let signature = secret.sign(id, now, body);
        self.post("/webhooks/vendor-signup")
            .header("webhook-id", id)
            .header("webhook-timestamp", &now.to_string())
            .header("webhook-signature", &signature)
            .body(body.to_vec())
            .send()
            .await
    }

    /// A write token for one site.
    pub async fn write_token(&self, vendor: &TestVendor, secret_id: &str) -> String {
        let body = json!({ "secretId": secret_id });
        let answer = self
            .post("/api/site")
            .bearer(&vendor.public_key)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text_of("token")
    }

    /// A store-wide read token.
    pub async fn read_token(&self, vendor: &TestVendor) -> String {
        let answer = self
            .post("/sites/token")
            .bearer(&vendor.private_key)
            .send()
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text_of("token")
    }

    /// A site: its secret written with a token of its own, and registered.
    pub async fn site(&self, vendor: &TestVendor, secret_id: &str, access_key: &str) -> String {
        let token = self.write_token(vendor, secret_id).await;
        let path = format!("{}-store/{secret_id}", vendor.namespace);
        let written = self
            .bao(Method::POST, &path, &token)
            .json(&json!({ "identifier": "canary" }))
            .send()
            .await;
        assert_eq!(written.status, 204, "{written:?}");
        let body = json!({ "secretId": secret_id, "accessKey": access_key, "siteUrl": "https://customer.example" });
        let registered = self
            .post("/sites")
            .bearer(&vendor.public_key)
            .json(&body)
            .send()
            .await;
        assert_eq!(registered.status, 201, "{registered:?}");
        self.keep_secret(access_key);
        token
    }

    /// Whether a token of OpenBao lives.
    pub async fn is_alive(&self, token: &str) -> bool {
        let looked = self
            .bao(Method::GET, "auth/token/lookup-self", token)
            .send()
            .await;
        assert!(matches!(looked.status, 200 | 403), "{looked:?}");
        looked.status == 200
    }

    /// One pass of a background task, now: after the service's own, where that is at it.
    pub async fn pass(&self, task: &str) -> Value {
        let task = gatehouse::tasks::Task::named(task).unwrap();
        for _ in 0..500 {
            let app = Arc::clone(&self.app);
            let passed = servers::shared()
                .runtime
                .spawn(async move { task.pass(&app).await });
            if let Some(report) = passed.await.unwrap().unwrap() {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the task {} is never free", task.name);
    }

    /// Stops the service as SIGTERM does, and waits for it. What it ran on can still be looked at.
    pub async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        servers::shared()
            .runtime
            .spawn(running.stop())
            .await
            .unwrap();
    }
}

/// The vendor in an answer that holds its key pair.
pub fn vendor_of(answer: &Value) -> TestVendor {
    TestVendor {
        id: answer["vendor"]["id"].as_i64().unwrap(),
        namespace: answer["vendor"]["namespace"].as_str().unwrap().to_owned(),
        public_key: answer["publicKey"].as_str().unwrap().to_owned(),
        private_key: answer["privateKey"].as_str().unwrap().to_owned(),
    }
}

impl Drop for TestApp {
    /// Ends the service, and fails the test if anything secret that it saw was logged.
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            servers::shared().runtime.spawn(running.stop());
        }
        if std::thread::panicking() {
            for line in logs::lines_with(self.log_start, "\"error")
                .iter()
                .rev()
                .take(10)
            {
                writeln!(std::io::stderr(), "logged meanwhile: {line}").ok();
            }
            return;
        }
        let secrets = self.secrets.lock().unwrap();
        if let Some(line) = logs::find_secret(self.log_start, &secrets) {
            panic!("a secret was logged: {line}");
        }
    }
}
