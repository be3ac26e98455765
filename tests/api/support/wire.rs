//! A recording forwarder between the service and the real OpenBao: what went out, byte for byte, and what came back.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Shutdown, TcpListener};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reqwest::Method;
use serde_json::Value;

use super::{Place, TestApp, servers};

/// A call that passed.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// With its query, as it stood in the request line.
    pub path: String,
    /// Those a test may want to see; never the token.
    pub headers: BTreeMap<String, String>,
    /// Tells tokens apart without being one; `None` where none was sent.
    pub token_mark: Option<u64>,
    pub body: Vec<u8>,
    /// `None` while OpenBao has not answered.
    pub status: Option<u16>,
    answer: Vec<u8>,
}

impl Seen {
    /// `METHOD path`, as tests list them.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// OpenBao's answer. Hand what is secret in it to `TestApp::keep_secret`.
    pub fn answer(&self) -> Value {
        serde_json::from_slice(&self.answer).unwrap_or(Value::Null)
    }
}

/// What happens to the next call of a path.
#[derive(Clone, Copy)]
enum Fault {
    /// OpenBao gets it and answers; the service never hears of it.
    DropReply,
    /// It reaches OpenBao so much later.
    Delay(Duration),
    /// OpenBao gets it at once; its answer comes so much later.
    DelayReply(Duration),
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    faults: HashMap<String, VecDeque<Fault>>,
}

/// The forwarder.
pub struct Wire {
    /// Where the service is to look for OpenBao.
    pub addr: String,
    state: Arc<Mutex<State>>,
    server: ServerHandle,
}

#[derive(Clone)]
struct Forwarder {
    upstream: String,
    state: Arc<Mutex<State>>,
    http: reqwest::Client,
}

/// A second handle on the connection, by which it can be cut.
struct Line(std::net::TcpStream);

const SHOWN: [&str; 4] = [
    "content-type",
    "x-vault-namespace",
    "x-vault-wrap-ttl",
    "x-vault-request",
];
/// Of one connection only, or made anew by the client.
const OWN_TO_A_HOP: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];

impl Wire {
    /// A forwarder to the OpenBao at `upstream`, on a free port.
    pub async fn to(upstream: &str) -> Self {
        let (upstream, state) = (upstream.to_owned(), Arc::<Mutex<State>>::default());
        let shared = Arc::clone(&state);
        let started = servers::shared().runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = format!("http://{}", listener.local_addr().unwrap());
            let server = HttpServer::new(move || {
                // One client to a worker: connections belong to the runtime that made them.
                let http = reqwest::Client::builder()
                    .no_proxy()
                    .redirect(reqwest::redirect::Policy::none())
                    .build()
                    .unwrap();
                let forwarder = Forwarder {
                    upstream: upstream.clone(),
                    state: Arc::clone(&shared),
                    http,
                };
                App::new()
                    .app_data(web::Data::new(forwarder))
                    .app_data(web::PayloadConfig::new(8 << 20))
                    .default_service(web::to(forward))
            })
            .on_connect(|connection, data: &mut Extensions| {
                let stream: &TcpStream = connection.downcast_ref().unwrap();
                data.insert(Line(stream.as_fd().try_clone_to_owned().unwrap().into()));
            })
            .workers(1)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
            let handle = server.handle();
            tokio::spawn(server);
            (addr, handle)
        });
        let (addr, server) = started.await.unwrap();
        Self {
            addr,
            state,
            server,
        }
    }

    /// A service on the servers of the run whose calls to OpenBao pass here. The test's own calls do not.
    pub async fn start() -> (TestApp, Self) {
        let place = Place::shared().await;
        let wire = Self::to(&place.bao.addr).await;
        let mut config = place.config().await;
        config.bao.server.addr.clone_from(&wire.addr);
        (TestApp::start_at(place, config).await, wire)
    }

    /// All calls so far, in the order they came.
    pub fn calls(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The calls whose path begins with `/v1/` and `start`.
    pub fn calls_to(&self, start: &str) -> Vec<Seen> {
        let start = format!("/v1/{start}");
        let mut calls = self.calls();
        calls.retain(|seen| seen.path.starts_with(&start));
        calls
    }

    /// The calls but those that background work makes at any time: the sweeper's, the look at our own rights, and those
    /// for the keys that sign the trail and access tokens.
    pub fn deliberate(&self) -> Vec<Seen> {
        let by_itself = [
            "/v1/auth/token/accessors",
            "/v1/auth/token/lookup-accessor",
            "/v1/sys/capabilities-self",
            "/v1/gatehouse-keys/data/event-chain",
            "/v1/gatehouse-keys/data/event-head",
            "/v1/gatehouse-keys/data/token-signing",
        ];
        let mut calls = self.calls();
        calls.retain(|seen| !by_itself.contains(&seen.path.as_str()));
        calls
    }

    /// Starts the record anew.
    pub fn forget(&self) {
        self.state.lock().unwrap().seen.clear();
    }

    /// The next call to `/v1/<path>` is carried out, and its answer lost with the connection.
    pub fn drop_reply(&self, path: &str) {
        self.arm(path, Fault::DropReply);
    }

    /// The next call to `/v1/<path>` waits before it goes on.
    pub fn delay(&self, path: &str, time: Duration) {
        self.arm(path, Fault::Delay(time));
    }

    /// The next call to `/v1/<path>` is carried out, and its answer waits.
    pub fn delay_reply(&self, path: &str, time: Duration) {
        self.arm(path, Fault::DelayReply(time));
    }

    fn arm(&self, path: &str, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        let path = format!("/v1/{path}");
        state.faults.entry(path).or_default().push_back(fault);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        servers::shared().runtime.spawn(self.server.stop(false));
    }
}

/// What tells one token from another in a [`Seen`].
pub fn mark_of(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

async fn forward(
    request: HttpRequest,
    body: web::Bytes,
    forwarder: web::Data<Forwarder>,
) -> HttpResponse {
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let text_of = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|v| v.to_str().unwrap().to_owned())
    };
    let (index, fault) = {
        let mut state = forwarder.state.lock().unwrap();
        state.seen.push(Seen {
            method: request.method().to_string(),
            path: path.clone(),
            headers: SHOWN
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), text_of(name)?)))
                .collect(),
            token_mark: text_of("x-vault-token").map(|token| mark_of(&token)),
            body: body.to_vec(),
            status: None,
            answer: Vec::new(),
        });
        let fault = state.faults.get_mut(&path).and_then(VecDeque::pop_front);
        (state.seen.len() - 1, fault)
    };
    if let Some(Fault::Delay(time)) = fault {
        tokio::time::sleep(time).await;
    }
    let method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut onward = forwarder
        .http
        .request(method, format!("{}{path}", forwarder.upstream));
    for (name, value) in request.headers() {
        if !OWN_TO_A_HOP.contains(&name.as_str()) {
            onward = onward.header(name.as_str(), value.as_bytes());
        }
    }
    if !body.is_empty() {
        onward = onward.body(body);
    }
    let Ok(answer) = onward.send().await else {
        cut(&request);
        return HttpResponse::BadGateway().finish();
    };
    let status = answer.status().as_u16();
    let mut back = HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap());
    for (name, value) in answer.headers() {
        if !OWN_TO_A_HOP.contains(&name.as_str()) {
            back.append_header((name.as_str(), value.as_bytes()));
        }
    }
    let bytes = answer.bytes().await.unwrap_or_default();
    if let Some(seen) = forwarder.state.lock().unwrap().seen.get_mut(index) {
        // The record may have been started anew meanwhile.
        if seen.path == path {
            seen.status = Some(status);
            seen.answer = bytes.to_vec();
        }
    }
    match fault {
        Some(Fault::DropReply) => cut(&request),
        Some(Fault::DelayReply(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    back.body(bytes)
}

fn cut(request: &HttpRequest) {
    let line = request.conn_data::<Line>().unwrap();
    line.0.shutdown(Shutdown::Both).ok();
}
