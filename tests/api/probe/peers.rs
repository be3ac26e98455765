//! What a test connects to.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio_rustls::TlsAcceptor;

use super::CANARY;

/// Answers each connection with its own task, as long as the test runs.
pub async fn peer<F: Future<Output = ()> + Send + 'static>(
    answer: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    peer_at("127.0.0.1:0".parse().unwrap(), answer).await
}

async fn peer_at<F: Future<Output = ()> + Send + 'static>(
    address: SocketAddr,
    answer: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// How many connections there were.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU32>);

impl Counter {
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Takes connections, and says nothing.
pub async fn counting() -> (SocketAddr, Counter) {
    count_at("127.0.0.1:0".parse().unwrap()).await
}

/// The same at a given address.
pub async fn counting_at(address: SocketAddr) -> Counter {
    count_at(address).await.1
}

async fn count_at(address: SocketAddr) -> (SocketAddr, Counter) {
    let counter = Counter::default();
    let taken = counter.clone();
    let listening = peer_at(address, move |mut stream| {
        taken.0.fetch_add(1, Ordering::Relaxed);
        async move { until_gone(&mut stream).await }
    });
    (listening.await, counter)
}

/// Says the same to everybody, and waits until they go.
pub async fn saying(text: Vec<u8>) -> SocketAddr {
    let text = Arc::new(text);
    peer(move |mut stream| {
        let text = Arc::clone(&text);
        async move {
            stream.write_all(&text).await.ok();
            until_gone(&mut stream).await;
        }
    })
    .await
}

/// Reads until the other side closes.
pub async fn until_gone(stream: &mut TcpStream) {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.ok();
}

/// Repeats itself for ever.
pub async fn endless(start: &str) -> SocketAddr {
    let text = Arc::new(start.repeat(100));
    peer(move |mut stream| {
        let text = Arc::clone(&text);
        async move { while stream.write_all(text.as_bytes()).await.is_ok() {} }
    })
    .await
}

/// A port where nothing listens.
pub async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A port that drops what wants to connect: its queue is full.
pub struct Full {
    pub port: u16,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Full {
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        let brief = std::time::Duration::from_millis(300);
        while let Ok(Ok(stream)) = tokio::time::timeout(brief, TcpStream::connect(address)).await {
            queued.push(stream);
        }
        Self {
            port: address.port(),
            _listener: listener,
            _queued: queued,
        }
    }
}

/// A certificate that is its own authority.
pub struct Certificate(CertifiedKey<KeyPair>);

impl Certificate {
    pub fn of(name: &str) -> Self {
        Self(generate_simple_self_signed([name.to_owned()]).unwrap())
    }

    pub fn new(cert: rcgen::Certificate, signing_key: KeyPair) -> Self {
        Self(CertifiedKey { cert, signing_key })
    }

    /// One whose time is over.
    pub fn expired(name: &str) -> Self {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        Self::new(params.self_signed(&pair).unwrap(), pair)
    }

    pub fn pem(&self) -> String {
        self.0.cert.pem()
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_of(ServerConfig::builder().with_no_client_auth())
    }

    /// Wants a certificate of the client too.
    pub fn strict_acceptor(&self) -> TlsAcceptor {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
        let verifier = verifier.build().unwrap();
        self.acceptor_of(ServerConfig::builder().with_client_cert_verifier(verifier))
    }

    fn acceptor_of(&self, builder: ConfigBuilder<ServerConfig, WantsServerCert>) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.0.signing_key.serialize_der()).unwrap();
        let chain = vec![self.0.cert.der().clone()];
        TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
    }
}

/// Reads the head of an HTTP request, without its last line end.
pub async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(read @ 1..) => head.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    String::from_utf8(head).unwrap().trim_end().to_owned()
}

/// Answers an HTTP request and closes.
pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, status: u16, more: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} {CANARY}\r\nx-text: {CANARY}\r\n{more}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

/// pyftpdlib as a child.
pub struct FtpServer {
    pub port: u16,
    _child: Child,
    _input: ChildStdin,
    _folder: TempDir,
}

impl FtpServer {
    pub async fn start(certificate: Option<&Certificate>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("certificate.pem");
        if let Some(Certificate(made)) = certificate {
            let both = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
            std::fs::write(&pem, both).unwrap();
        }
        let given = json!({
            "home": folder.path(),
            "password": CANARY,
            "certificate": certificate.map(|_| &pem)
        });
        let mut child = Command::new(root.join(".tools/openbao/bin/python"))
            .arg(root.join("tests/ftp/server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Python must be there: run `make tools`");
        let mut input = child.stdin.take().unwrap();
        let line = format!("{given}\n");
        input.write_all(line.as_bytes()).await.unwrap();
        let mut told = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut told).await.unwrap();
        Self {
            port: told
                .trim()
                .parse()
                .expect("pyftpdlib must start: run `make tools`"),
            _child: child,
            _input: input,
            _folder: folder,
        }
    }
}
