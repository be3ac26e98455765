//! A receiver of webhooks, and what it needs of the service.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatehouse::webhooks::deliver::{self, Passed};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{TestApp, TestVendor, servers};

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Got {
    head: String,
    pub body: Vec<u8>,
    /// When it was there.
    pub at: Instant,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().unwrap_or_else(|| panic!("no {name}")).1
    }

    /// Where it was sent to.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether this secret signed it, by the rules of Standard Webhooks.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = secret.strip_prefix("whsec_").unwrap();
        let key = BASE64_STANDARD.decode(key).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(&self.body);
        let right = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let mut signatures = self.header("webhook-signature").split(' ');
        signatures.any(|one| one == right)
    }
}

/// What the receiver does next: answers with a status and further headers, after a while.
#[derive(Clone, Debug)]
pub struct Reply(pub u16, pub String, pub Duration);

impl Reply {
    pub fn status(status: u16) -> Self {
        Self(status, String::new(), Duration::ZERO)
    }

    /// No answer while anybody waits for one.
    pub fn never() -> Self {
        Self(200, String::new(), Duration::from_mins(1))
    }
}

#[derive(Default)]
struct State {
    got: Vec<Got>,
    next: VecDeque<Reply>,
    otherwise: Option<Reply>,
}

/// A real HTTP server that takes everything, unless it is told otherwise.
pub struct Receiver {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    /// At a given address.
    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        Self::of(listener, url, None)
    }

    /// With TLS, as `localhost`.
    pub async fn with_tls(acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}/hook");
        Self::of(listener, url, Some(acceptor))
    }

    fn of(listener: TcpListener, url: String, tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        Some(tls) => serve(tls.accept(stream).await.ok()?, shared).await,
                    }
                });
            }
        });
        Self { url, state }
    }

    /// Answers so to the next messages, one each.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().next.extend(replies);
    }

    /// Answers so from now on.
    pub fn always(&self, reply: Reply) {
        self.state.lock().unwrap().otherwise = Some(reply);
    }

    pub fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap().got.clone()
    }

    /// How much came.
    pub fn len(&self) -> usize {
        self.state.lock().unwrap().got.len()
    }

    /// Ids of what came, in order.
    pub fn ids(&self) -> Vec<String> {
        let got = self.got();
        let ids = got.iter().map(|one| one.header("webhook-id").to_owned());
        ids.collect()
    }
}

async fn serve<S>(mut stream: S, state: Arc<Mutex<State>>) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        (stream.read_buf(&mut read).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let mut got = Got {
        head,
        body: Vec::new(),
        at: Instant::now(),
    };
    let length: usize = got.header("content-length").parse().ok()?;
    while read.len() < end + length {
        (stream.read_buf(&mut read).await.ok()? > 0).then_some(())?;
    }
    got.body = read.split_off(end);
    let Reply(status, headers, after) = {
        let mut state = state.lock().unwrap();
        state.got.push(got);
        let next = state.next.pop_front().or_else(|| state.otherwise.clone());
        next.unwrap_or_else(|| Reply::status(200))
    };
    tokio::time::sleep(after).await;
    let answer =
        format!("HTTP/1.1 {status} X\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// A webhook with its secret.
#[derive(Clone, Debug)]
pub struct TestHook {
    pub id: String,
    pub secret: String,
}

impl TestApp {
    /// A vendor's webhook that wants to hear of everything.
    pub async fn hook(&self, vendor: &TestVendor, url: &str) -> TestHook {
        self.hook_at("/api/webhooks", &vendor.private_key, url)
            .await
    }

    /// The same of the platform.
    pub async fn platform_hook(&self, url: &str) -> TestHook {
        self.hook_at("/api/admin/webhooks", &self.operator, url)
            .await
    }

    async fn hook_at(&self, path: &str, key: &str, url: &str) -> TestHook {
        let call = self.post(path).bearer(key);
        let made = call.json(&json!({ "url": url })).send().await;
        assert_eq!(made.status, 201, "{made:?}");
        TestHook {
            id: made.json["webhook"]["id"].as_str().unwrap().to_owned(),
            secret: made.text_of("signingSecret"),
        }
    }

    /// Puts a test message into the queue, and gives its id.
    pub async fn knock(&self, vendor: &TestVendor, hook: &TestHook) -> String {
        let path = format!("/api/webhooks/{}/test", hook.id);
        let queued = self.post(&path).bearer(&vendor.private_key).send().await;
        assert_eq!(queued.status, 202, "{queued:?}");
        queued.text_of("id")
    }

    /// Puts many messages to a vendor's only webhook into the queue, straight into its table.
    pub async fn fill(&self, vendor: &TestVendor, number: i64) {
        let sql = "INSERT INTO webhook_deliveries (id, vendor_id, endpoint_id, type, body, created_at, next_attempt_at) \
                   SELECT ('00000000-0000-7000-8' || lpad(vendor_id::text, 3, '0') || '-' || lpad(n::text, 12, '0'))::uuid, \
                       vendor_id, id, 'test', '{}', now(), now() \
                   FROM webhook_endpoints, generate_series(1, $2::bigint) AS n WHERE vendor_id = $1";
        let client = self.sql().await;
        let filled = client.execute(sql, &[&vendor.id, &number]).await.unwrap();
        assert_eq!(filled, u64::try_from(number).unwrap());
    }

    /// What was and is to be sent to a webhook, the newest first.
    pub async fn deliveries(&self, vendor: &TestVendor, hook: &TestHook) -> Vec<Value> {
        let path = format!("/api/webhooks/{}/deliveries", hook.id);
        let found = self.get(&path).bearer(&vendor.private_key).send().await;
        assert_eq!(found.status, 200, "{found:?}");
        found.json["items"].as_array().unwrap().clone()
    }

    /// From now on only the test itself sends, with [`TestApp::deliver`], as long as the connection lives.
    pub async fn hold_deliveries(&self) -> tokio_postgres::Client {
        let client = self.sql().await;
        let hold = "SELECT pg_advisory_lock(hashtextextended('deliver_webhooks', 0))";
        client.batch_execute(hold).await.unwrap();
        client
    }

    /// A pass of a service that may die under way.
    pub fn delivering(&self) -> tokio::task::JoinHandle<Passed> {
        let app = Arc::clone(&self.app);
        let pass = async move { deliver::pass(&app).await.unwrap() };
        servers::shared().runtime.spawn(pass)
    }

    /// Sends what is due, without the task's lock.
    pub async fn deliver(&self) -> Passed {
        self.delivering().await.unwrap()
    }
}
