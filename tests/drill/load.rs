//! Callers of several kinds, steadily, and what they were told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::support::TestVendor;

pub const CALLERS: usize = 6;
/// Every request is answered in less, or its connection closed: the service's ten seconds, and the way there and back on a
/// busy machine.
pub const LIMIT: Duration = Duration::from_millis(10_500);
const PAUSE: Duration = Duration::from_millis(40);

/// How a request ended.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// With a status, and the code of the problem.
    Answered(u16, String),
    /// The connection was refused or closed.
    Closed,
    /// Nothing came in time.
    Late,
}

/// A request.
#[derive(Clone)]
pub struct Record {
    pub kind: &'static str,
    pub began: Instant,
    pub took: Duration,
    pub outcome: Outcome,
    /// What is wrong with the answer by itself.
    pub wrong: Option<String>,
}

impl Record {
    pub fn is_good(&self) -> bool {
        matches!(self.outcome, Outcome::Answered(200..=299, _))
    }
}

/// Whether something was asked, and acknowledged.
#[derive(Clone, Copy, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Asked {
    #[default]
    No,
    /// The answer is not known, or was a refusal.
    Tried,
    Acknowledged,
}

/// A token that was handed out.
#[derive(Clone)]
pub struct Held {
    pub accessor: String,
    pub site: Option<String>,
    pub revoke: Asked,
}

/// A site that was acknowledged.
#[derive(Clone, Default)]
pub struct Site {
    /// Never removed: what searches look for.
    pub stays: bool,
    /// Whether its secret was written to OpenBao for certain.
    pub is_written: bool,
    pub remove: Asked,
}

/// What the callers know.
#[derive(Default)]
pub struct Known {
    /// By issuance.
    pub tokens: BTreeMap<String, Held>,
    /// By secret id.
    pub sites: BTreeMap<String, Site>,
}

/// The callers.
pub struct Load {
    pub http: Client,
    pub urls: Mutex<Vec<String>>,
    pub vendor: TestVendor,
    pub known: Mutex<Known>,
    pub records: Mutex<Vec<Record>>,
    pub is_over: AtomicBool,
    bao: String,
    number: AtomicUsize,
}

impl Load {
    pub fn new(http: Client, url: &str, vendor: TestVendor, bao: String) -> Self {
        Self {
            http,
            urls: Mutex::new(vec![url.to_owned()]),
            vendor,
            known: Mutex::default(),
            records: Mutex::default(),
            is_over: AtomicBool::new(false),
            bao,
            number: AtomicUsize::new(1),
        }
    }

    /// One caller, until it is over.
    pub async fn call(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            match number % 8 {
                0 => self.mint().await,
                1 | 5 => self.store(number).await,
                2 => self.search(number).await,
                3 => self.read().await,
                4 => self.remove().await,
                6 => self.revoke().await,
                _ => self.register(number, false).await,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn url(&self, number: usize) -> String {
        let urls = self.urls.lock().unwrap();
        urls[number % urls.len()].clone()
    }

    /// Sends a request and keeps what came of it; gives what a good answer says.
    async fn ask(&self, kind: &'static str, call: RequestBuilder) -> Option<Value> {
        let began = Instant::now();
        let call = call.timeout(LIMIT + Duration::from_secs(3));
        let answer = async {
            let answer = call.send().await?;
            let status = answer.status().as_u16();
            let has_pause = answer.headers().contains_key("retry-after");
            Ok::<_, reqwest::Error>((status, has_pause, answer.text().await?))
        }
        .await;
        let took = began.elapsed();
        let (mut said, mut wrong) = (None, None);
        let outcome = match answer {
            Ok((status, has_pause, body)) => {
                let body: Value = serde_json::from_str(&body).unwrap_or_default();
                let code = body["code"].as_str().unwrap_or_default().to_owned();
                match status {
                    200..=299 => said = Some(body),
                    429 | 503 if has_pause => {}
                    _ => {
                        wrong = Some(format!(
                            "{kind}: answered {status} {code}, pause {has_pause}"
                        ));
                    }
                }
                Outcome::Answered(status, code)
            }
            Err(error) if error.is_timeout() => Outcome::Late,
            Err(_) => Outcome::Closed,
        };
        let record = Record {
            kind,
            began,
            took,
            outcome,
            wrong,
        };
        self.records.lock().unwrap().push(record);
        said
    }

    fn post(&self, path: &str, bearer: &str, body: &Value) -> RequestBuilder {
        let url = self.url(self.number.load(Ordering::Relaxed));
        let call = self.http.post(format!("{url}{path}"));
        call.bearer_auth(bearer).json(body)
    }

    fn hold(&self, said: &Value, site: Option<String>) {
        let held = Held {
            accessor: said["accessor"].as_str().unwrap().to_owned(),
            site,
            revoke: Asked::No,
        };
        let issuance = said["issuanceId"].as_str().unwrap().to_owned();
        self.known.lock().unwrap().tokens.insert(issuance, held);
    }

    async fn mint(&self) {
        let call = self.post("/api/site", &self.vendor.public_key, &json!({}));
        if let Some(said) = self.ask("write token", call).await {
            self.hold(&said, None);
        }
    }

    /// As a plugin does: a token, the secret at OpenBao, the site.
    async fn store(&self, number: usize) {
        let id = id(number);
        let body = json!({ "secretId": id });
        let call = self.post("/api/site", &self.vendor.public_key, &body);
        let Some(said) = self.ask("write token of a site", call).await else {
            return;
        };
        self.hold(&said, Some(id.clone()));
        let path = format!("{}/v1/{}-store/{id}", self.bao, self.vendor.namespace);
        let write = self.http.post(path).json(&json!({ "identifier": "drill" }));
        let write = write.header("x-vault-token", said["token"].as_str().unwrap());
        let written = write.timeout(Duration::from_secs(3)).send().await;
        let is_written = written.is_ok_and(|answer| answer.status() == 204);
        self.register(number, is_written).await;
    }

    async fn register(&self, number: usize, is_written: bool) {
        let id = id(number);
        let body = json!({ "secretId": id, "accessKey": access_key(&id) });
        let call = self.post("/sites", &self.vendor.public_key, &body);
        if self.ask("register", call).await.is_some() {
            let site = Site {
                stays: number % 32 == 7,
                is_written,
                remove: Asked::No,
            };
            self.known.lock().unwrap().sites.insert(id, site);
        }
    }

    async fn search(&self, number: usize) {
        let stays: Vec<String> = {
            let known = self.known.lock().unwrap();
            let sites = known.sites.iter().filter(|(_, site)| site.stays);
            sites.map(|(id, _)| id.clone()).collect()
        };
        let Some(id) = stays.get(number % stays.len().max(1)) else {
            return;
        };
        let body = json!({ "searchKeys": [access_key(id)] });
        let call = self.post("/sites/search", &self.vendor.private_key, &body);
        if let Some(said) = self.ask("search", call).await
            && said["sites"].as_array().is_none_or(Vec::is_empty)
        {
            let mut records = self.records.lock().unwrap();
            let searched = records.iter_mut().rev().find(|one| one.kind == "search");
            searched.unwrap().wrong = Some(format!("an acknowledged site was not found: {id}"));
        }
    }

    async fn read(&self) {
        let call = self.post("/sites/token", &self.vendor.private_key, &json!({}));
        if let Some(said) = self.ask("read token", call).await {
            self.hold(&said, None);
        }
    }

    async fn remove(&self) {
        let id = {
            let mut known = self.known.lock().unwrap();
            let free = |site: &Site| !site.stays && site.remove < Asked::Acknowledged;
            let mut found = known.sites.iter_mut().filter(|(_, site)| free(site));
            let Some((id, site)) = found.next_back() else {
                return;
            };
            site.remove = Asked::Tried;
            id.clone()
        };
        let url = self.url(self.number.load(Ordering::Relaxed));
        let call = self.http.delete(format!("{url}/sites/{id}"));
        let call = call.bearer_auth(&self.vendor.private_key);
        if self.ask("remove", call).await.is_some() {
            let mut known = self.known.lock().unwrap();
            known.sites.get_mut(&id).unwrap().remove = Asked::Acknowledged;
        }
    }

    async fn revoke(&self) {
        let id = {
            let mut known = self.known.lock().unwrap();
            let mut found = known.tokens.iter_mut();
            let Some((id, held)) = found.rfind(|(_, held)| held.revoke < Asked::Acknowledged)
            else {
                return;
            };
            held.revoke = Asked::Tried;
            id.clone()
        };
        let url = self.url(self.number.load(Ordering::Relaxed));
        let call = self.http.delete(format!("{url}/api/issuances/{id}"));
        let call = call.bearer_auth(&self.vendor.private_key);
        if self.ask("revoke", call).await.is_some() {
            let mut known = self.known.lock().unwrap();
            known.tokens.get_mut(&id).unwrap().revoke = Asked::Acknowledged;
        }
    }
}

fn id(number: usize) -> String {
    format!("site-of-the-drill-{number:08}")
}

/// What a site is found by.
pub fn access_key(id: &str) -> String {
    let number: usize = id.rsplit('-').next().unwrap().parse().unwrap();
    format!("{number:064x}")
}
