//! The servers, the service, and a vendor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatehouse::bootstrap::{self, Role};
use gatehouse::db;
use gatehouse::dev::openbao::{OpenBao, OpenBaoOptions};
use gatehouse::dev::postgres::{Postgres, PostgresOptions};
use gatehouse::dev::tools;
use gatehouse::vault::approle::Credentials;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::Place;
use crate::support::app::{SIGNUP_SECRET, TestVendor, vendor_of};
use crate::support::process::{Process, serve, settings};

/// How many rounds a row has.
pub const ROUNDS: usize = 5;
/// Of one side of a round.
pub const ROUND: Duration = Duration::from_secs(6);

/// All that is measured.
pub struct Bench {
    pub http: Client,
    pub service: Process,
    pub settings: Vec<(String, String)>,
    pub place: Place,
    pub openbao: OpenBao,
    pub operator: String,
    pub vendor: TestVendor,
    pub folder: PathBuf,
    _postgres: Postgres,
}

impl Bench {
    /// Starts it all in a folder.
    pub async fn start(folder: &Path) -> Self {
        let postgres = PostgresOptions {
            dir: folder.join("postgres"),
            port: 0,
            bin_dir: tools::find_postgres(None).unwrap(),
            settings: Vec::new(),
        };
        let openbao = OpenBaoOptions {
            dir: folder.join("openbao"),
            port: 0,
            cluster_port: 0,
            bin: bao(),
        };
        let (postgres, openbao) = tokio::join!(Postgres::start(postgres), OpenBao::start(openbao));
        let (postgres, openbao) = (postgres.unwrap(), openbao.unwrap());
        let place = Place::alone(&postgres, &openbao).await;
        bootstrap::prepare_openbao(&place.administrator())
            .await
            .unwrap();
        let mut settings = settings(&place).await;
        settings.extend(wide());
        let http = Client::builder().no_proxy().build().unwrap();
        let service = serve(&settings, &http).await;
        let pool = db::Pool::new(&crate::support::app::db_settings(&place.database_url)).unwrap();
        let administrator = place.administrator();
        let operator = bootstrap::new_operator(&administrator, &pool, "bench", 3_650).await;
        let operator = operator.unwrap().expose().to_owned();
        let vendor = vendor(&http, &service.url, &operator, "bench-vendor").await;
        Self {
            http,
            service,
            settings,
            place,
            openbao,
            operator,
            vendor,
            folder: folder.to_owned(),
            _postgres: postgres,
        }
    }

    /// A call to the service.
    pub fn post(&self, path: &str, bearer: &str) -> RequestBuilder {
        let call = self.http.post(format!("{}{path}", self.service.url));
        call.bearer_auth(bearer)
    }

    /// A call to OpenBao itself.
    pub fn bao(&self, token: &str, path: &str) -> RequestBuilder {
        let call = self.http.get(format!("{}/v1/{path}", self.openbao.addr));
        call.header("x-vault-token", token)
    }

    /// What logs in as the service's issuer.
    pub async fn issuer(&self) -> Credentials {
        bootstrap::credentials(&self.place.administrator(), Role::Issuer)
            .await
            .unwrap()
    }
}

/// Where OpenBao is.
pub fn bao() -> PathBuf {
    tools::find_bao(None, &PathBuf::from(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Limits that nothing here meets: what is measured is the work.
fn wide() -> impl Iterator<Item = (String, String)> {
    let leases = [
        "GATEHOUSE_LEASES",
        "GATEHOUSE_LEASES_VENDOR",
        "GATEHOUSE_LEASES_ADDRESS",
    ];
    let rates = [
        "GATEHOUSE_LIMIT_ADDRESS",
        "GATEHOUSE_LIMIT_VENDOR",
        "GATEHOUSE_LIMIT_REFUSED",
    ];
    let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SIGNUP_SECRET);
    leases
        .map(|name| (name.to_owned(), "100000000".to_owned()))
        .into_iter()
        .chain(rates.map(|name| (name.to_owned(), "1000000/1000000".to_owned())))
        .chain([(
            "GATEHOUSE_SIGNUP_SECRET".to_owned(),
            format!("whsec_{secret}"),
        )])
}

/// A vendor, once it can be used.
pub async fn vendor(http: &Client, url: &str, operator: &str, namespace: &str) -> TestVendor {
    let body = json!({ "namespace": namespace, "name": "Bench" });
    loop {
        let made = http
            .post(format!("{url}/api/admin/vendors"))
            .bearer_auth(operator);
        let made = made.json(&body).send().await.unwrap();
        if made.status().as_u16() == 201 {
            let view: Value = made.json().await.unwrap();
            return vendor_of(&view);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
