//! An issuer of tokens for workloads: real keys, and a real HTTPS server that says them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatehouse::egress::authorities;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::http::Answer;
use super::{Place, TestApp, TestVendor};
use crate::probe::peers::{Certificate, head};

pub const DISCOVERY: &str = "/.well-known/openid-configuration";
pub const KEYS: &str = "/keys";

/// A key pair of an issuer.
pub struct Signer {
    kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn new(algorithm: &str, kid: &str) -> Self {
        let pair = match algorithm {
            "RS256" => Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())),
            "ES256" => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
                Pair::Ec(Box::new(pair.unwrap()))
            }
            _ => Pair::Ed(Box::new(Ed25519KeyPair::generate().unwrap())),
        };
        let kid = kid.to_owned();
        Self { kid, pair }
    }

    pub fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let n = pair.public_key().modulus();
                let e = pair.public_key().exponent();
                let n = n.big_endian_without_leading_zero();
                let e = e.big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": b64(n), "e": b64(e) })
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
            }
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key()) })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm());
        jwk["use"] = json!("sig");
        jwk
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": self.algorithm(), "kid": self.kid });
        self.sign_with(&header, claims)
    }

    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let (bytes, random) = (message.as_bytes(), SystemRandom::new());
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
        };
        format!("{message}.{}", b64(signature))
    }
}

#[derive(Default)]
struct State {
    discovery: Vec<u8>,
    keys: Vec<u8>,
    pause: Duration,
    asked: Vec<String>,
}

/// The server.
pub struct TestIssuer {
    /// As its tokens say it.
    pub url: String,
    pub certificate: Certificate,
    state: Arc<Mutex<State>>,
}

fn ok(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl TestIssuer {
    pub async fn start(signers: &[&Signer]) -> Self {
        let certificate = Certificate::of("localhost");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        let state = Arc::<Mutex<State>>::default();
        let (shared, acceptor) = (Arc::clone(&state), certificate.acceptor());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
            }
        });
        let issuer = Self {
            url,
            certificate,
            state,
        };
        issuer.describe(&json!({
            "issuer": issuer.url,
            "jwks_uri": format!("{}{KEYS}", issuer.url),
            "id_token_signing_alg_values_supported": ["RS256"],
        }));
        issuer.publish(signers);
        issuer
    }

    /// Has these keys from now on, and no others.
    pub fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.say(&ok(&json!({ "keys": keys })));
    }

    /// Describes itself so from now on.
    pub fn describe(&self, document: &Value) {
        self.state.lock().unwrap().discovery = ok(document);
    }

    /// Answers so, byte for byte, where its keys are asked for.
    pub fn say(&self, bytes: &[u8]) {
        self.state.lock().unwrap().keys = bytes.to_vec();
    }

    /// Waits so long before each answer.
    pub fn pause(&self, pause: Duration) {
        self.state.lock().unwrap().pause = pause;
    }

    /// How often its keys were asked for.
    pub fn asked(&self) -> usize {
        let state = self.state.lock().unwrap();
        let keys = state.asked.iter().filter(|path| *path == KEYS);
        keys.count()
    }

    /// Everything that was asked for.
    pub fn paths(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// A service that trusts its certificate.
    pub async fn service(&self) -> TestApp {
        self.beside(Place::shared().await).await
    }

    /// The same, on given servers.
    pub async fn beside(&self, place: Place) -> TestApp {
        let mut config = place.config().await;
        let pem = self.certificate.pem();
        config.egress.authorities = authorities(pem.as_bytes()).unwrap();
        TestApp::start_at(place, config).await
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = tls.accept(stream).await.ok()?;
    let head = head(&mut stream).await;
    let path = head.split(' ').nth(1)?.to_owned();
    let (answer, pause) = {
        let mut state = state.lock().unwrap();
        state.asked.push(path.clone());
        let answer = match path.as_str() {
            DISCOVERY => state.discovery.clone(),
            KEYS => state.keys.clone(),
            _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
        };
        (answer, state.pause)
    };
    tokio::time::sleep(pause).await;
    stream.write_all(&answer).await.ok()?;
    stream.shutdown().await.ok()
}

pub const AUDIENCE: &str = "https://gatehouse.example/acme";

/// What a job of GitHub Actions is told about itself, all of it.
pub fn github(test: &TestApp, issuer: &str) -> Value {
    let now = test.app.clock.now().as_second();
    json!({
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "repo:acme/app:ref:refs/heads/main",
        "jti": format!("{:032x}", rand::random::<u128>()),
        "exp": now + 300, "nbf": now - 300, "iat": now,
        "actor": "octocat", "actor_id": "12",
        "base_ref": "", "head_ref": "",
        "check_run_id": "77",
        "enterprise": "acme", "enterprise_id": "4",
        "environment": "production",
        "event_name": "push",
        "job_workflow_ref": "acme/app/.github/workflows/deploy.yml@refs/heads/main",
        "job_workflow_sha": "c0ffee",
        "ref": "refs/heads/main", "ref_protected": "true", "ref_type": "branch",
        "repository": "acme/app", "repository_id": "74",
        "repository_owner": "acme", "repository_owner_id": "65",
        "repository_visibility": "private",
        "run_attempt": "2", "run_id": "30433642", "run_number": "10",
        "runner_environment": "github-hosted",
        "sha": "c0ffee",
        "workflow": "deploy",
        "workflow_ref": "acme/app/.github/workflows/deploy.yml@refs/heads/main",
        "workflow_sha": "c0ffee",
    })
}

/// What a pod of Kubernetes is told about itself (a projected service-account token).
pub fn kubernetes(test: &TestApp, issuer: &str) -> Value {
    let now = test.app.clock.now().as_second();
    json!({
        "iss": issuer,
        "aud": [AUDIENCE],
        "sub": "system:serviceaccount:ingest:transcoder",
        "jti": "a3a7cb7f-0d16-4a2c-a2ff-1dcb6ebd3d54",
        "exp": now + 3600, "nbf": now, "iat": now,
        "kubernetes.io": {
            "namespace": "ingest",
            "node": { "name": "node-1", "uid": "9a0e1d6c-0000-4000-8000-000000000001" },
            "pod": { "name": "transcoder-7d9f", "uid": "9a0e1d6c-0000-4000-8000-000000000002" },
            "serviceaccount": { "name": "transcoder", "uid": "9a0e1d6c-0000-4000-8000-000000000003" },
            "warnafter": now + 3000,
        },
    })
}

impl TestApp {
    /// Lists an issuer, and gives its id.
    pub async fn issuer(&self, url: &str, algorithms: &[&str]) -> String {
        let body = json!({ "issuer": url, "algorithms": algorithms });
        let call = self.post("/api/admin/issuers").bearer(&self.operator);
        let made = call.json(&body).send().await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text_of("id")
    }

    /// Makes a policy for an issuer, and gives its id.
    pub async fn policy(&self, vendor: &TestVendor, issuer: &str, more: Value) -> String {
        let made = self.try_policy(vendor, issuer, more).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text_of("id")
    }

    /// Tries to.
    pub async fn try_policy(&self, vendor: &TestVendor, issuer: &str, more: Value) -> Answer {
        let mut body = json!({
            "name": format!("policy {:x}", rand::random::<u64>()),
            "issuer": issuer,
            "audience": AUDIENCE,
            "claims": { "repository": "acme/app", "ref": "refs/heads/main" },
            "grant": { "kind": "write" },
            "ttl": 600,
        });
        let Value::Object(more) = more else {
            panic!("{more}")
        };
        body.as_object_mut().unwrap().extend(more);
        let call = self.post("/api/trust-policies").bearer(&vendor.private_key);
        call.json(&body).send().await
    }

    /// Changes one.
    pub async fn change_policy(&self, vendor: &TestVendor, id: &str, body: Value) -> Answer {
        let path = format!("/api/trust-policies/{id}");
        let call = self.call(reqwest::Method::PATCH, &path);
        call.bearer(&vendor.private_key).json(&body).send().await
    }

    /// Exchanges a token, with further fields of the form.
    pub async fn exchange(&self, namespace: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        self.keep_secret(token);
        let fields = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", token),
            ("audience", namespace),
        ];
        self.token_form(&[&fields, more].concat()).await
    }

    /// Sends a form to the token endpoint.
    pub async fn token_form(&self, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let call = self.post("/oauth/token");
        call.header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish())
            .send()
            .await
    }

    /// The vendor's events of this action, the newest first.
    pub async fn told(&self, vendor: &TestVendor, action: &str) -> Vec<Value> {
        let sql = "SELECT jsonb_build_object('actor', actor, 'outcome', outcome, 'code', code, 'details', details) AS told \
                   FROM events WHERE vendor_id = $1 AND action = $2 ORDER BY at DESC, id DESC";
        let rows = self.sql().await.query(sql, &[&vendor.id, &action]).await;
        rows.unwrap().iter().map(|row| row.get("told")).collect()
    }
}

/// A service, an issuer on its list with a key, and a vendor.
pub struct Federated {
    pub test: TestApp,
    pub issuer: TestIssuer,
    pub listed: String,
    pub signer: Signer,
    pub a: TestVendor,
}

impl Federated {
    pub async fn up() -> Self {
        let signer = Signer::new("EdDSA", "first");
        let issuer = TestIssuer::start(&[&signer]).await;
        let test = issuer.service().await;
        let a = test.vendor("vendor-a").await;
        let listed = test.issuer(&issuer.url, &["EdDSA"]).await;
        Self {
            test,
            issuer,
            listed,
            signer,
            a,
        }
    }

    pub fn subject(&self) -> String {
        self.signer.sign(&github(&self.test, &self.issuer.url))
    }

    pub async fn exchange(&self) -> Answer {
        let subject = self.subject();
        self.test.exchange("vendor-a", &subject, &[]).await
    }

    pub async fn policy(&self, more: Value) -> String {
        self.test.policy(&self.a, &self.issuer.url, more).await
    }
}
