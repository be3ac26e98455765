//! A vendor's Connector: a real HTTP server that says its key, unless it is told otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatehouse::types::VendorId;
use gatehouse::vendors::Vendor;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{TestApp, TestVendor};
use crate::probe::peers::head;

/// What is answered.
#[derive(Clone)]
enum Answer {
    /// The key.
    Key,
    /// Byte for byte this.
    Bytes(Vec<u8>),
    /// This, and then the other without end, with a pause before each.
    Endless(String, Vec<u8>, Duration),
}

struct State {
    pair: Ed25519KeyPair,
    answer: Answer,
    asked: Vec<String>,
}

/// A Connector.
pub struct TestConnector {
    /// As it is registered.
    pub endpoint: String,
    state: Arc<Mutex<State>>,
    written: Arc<AtomicUsize>,
}

impl TestConnector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/wp-json/", listener.local_addr().unwrap());
        Self::of(listener, url, None)
    }

    /// With the key of a seed in hexadecimal digits.
    pub async fn start_with(seed: &str) -> Self {
        let connector = Self::start().await;
        let seed = hex::decode(seed).unwrap();
        connector.lock().pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        connector
    }

    /// With TLS, as `localhost`.
    pub async fn with_tls(acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}/wp-json/");
        Self::of(listener, url, Some(acceptor))
    }

    fn of(listener: TcpListener, endpoint: String, tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(Mutex::new(State {
            pair: Ed25519KeyPair::generate().unwrap(),
            answer: Answer::Key,
            asked: Vec::new(),
        }));
        let written = Arc::<AtomicUsize>::default();
        let (shared, count) = (Arc::clone(&state), Arc::clone(&written));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state, count) = (tls.clone(), Arc::clone(&shared), Arc::clone(&count));
                tokio::spawn(serve(stream, tls, state, count));
            }
        });
        Self {
            endpoint,
            state,
            written,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has another key from now on.
    pub fn reinstall(&self) {
        self.lock().pair = Ed25519KeyPair::generate().unwrap();
    }

    /// Answers with its key again.
    pub fn mend(&self) {
        self.lock().answer = Answer::Key;
    }

    /// Answers so from now on: a status line's status, further headers, and a body.
    pub fn answer(&self, status: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
        self.lock().answer = Answer::Bytes([head.as_bytes(), body].concat());
    }

    /// Answers so from now on, byte for byte.
    pub fn say(&self, bytes: &[u8]) {
        self.lock().answer = Answer::Bytes(bytes.to_vec());
    }

    /// Answers this from now on, and goes on with the other without end, with a pause before each.
    pub fn endless(&self, start: &str, more: &[u8], pause: Duration) {
        self.lock().answer = Answer::Endless(start.to_owned(), more.to_vec(), pause);
    }

    /// The first lines of what it was asked.
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    /// How much of answers without end was taken.
    pub fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }

    /// Its key, in hexadecimal digits.
    pub fn key(&self) -> String {
        hex::encode(self.lock().pair.public_key())
    }

    /// A nonce and its signature, both in base64, as the plugin sends them.
    pub fn sign(&self, nonce: &[u8]) -> (String, String) {
        let signed = self.lock().pair.sign(nonce);
        (
            BASE64_STANDARD.encode(nonce),
            BASE64_STANDARD.encode(signed),
        )
    }

    /// The same of a fresh one: the plugin signs 48 hexadecimal digits.
    pub fn nonce(&self) -> (String, String) {
        self.sign(hex::encode(rand::random::<[u8; 24]>()).as_bytes())
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    state: Arc<Mutex<State>>,
    written: Arc<AtomicUsize>,
) -> Option<()> {
    match tls {
        None => answer(stream, state, written).await,
        Some(tls) => answer(tls.accept(stream).await.ok()?, state, written).await,
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    state: Arc<Mutex<State>>,
    written: Arc<AtomicUsize>,
) -> Option<()> {
    let head = head(&mut stream).await;
    let (answer, key) = {
        let mut state = state.lock().unwrap();
        state.asked.push(head.lines().next()?.to_owned());
        (state.answer.clone(), hex::encode(state.pair.public_key()))
    };
    match answer {
        Answer::Key => {
            let body = json!({ "signatureKey": key }).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\n";
            let text = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(text.as_bytes()).await.ok()?;
        }
        Answer::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
        Answer::Endless(start, more, pause) => {
            stream.write_all(start.as_bytes()).await.ok()?;
            loop {
                tokio::time::sleep(pause).await;
                stream.write_all(&more).await.ok()?;
                written.fetch_add(more.len(), Ordering::Relaxed);
            }
        }
    }
    stream.shutdown().await.ok()
}

impl TestApp {
    /// Registers an address as the plugin does, and gives the status.
    pub async fn connect(&self, vendor: &TestVendor, endpoint: &str) -> u16 {
        let path = format!("/api/v1/accounts/{}", vendor.id);
        let body = json!({ "api_endpoint": endpoint });
        let call = self.post(&path).trusted_login(vendor);
        call.json(&body).send().await.status
    }

    /// A Connector that the vendor has registered.
    pub async fn connector(&self, vendor: &TestVendor) -> TestConnector {
        let connector = TestConnector::start().await;
        assert_eq!(self.connect(vendor, &connector.endpoint).await, 200);
        connector
    }

    /// A vendor as the service knows it now.
    pub fn known(&self, vendor: &TestVendor) -> Arc<Vendor> {
        self.app.directory.by_id(VendorId(vendor.id)).unwrap()
    }
}
