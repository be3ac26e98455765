//! Write tokens: from the service, from OpenBao itself, and through OpenBao's own proxy.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::load::load;
use crate::place::{Bench, ROUND, ROUNDS, bao};
use crate::report::{Bar, Report};

const MANY: usize = 32;

/// `bao proxy` with a token that it logs in for by itself.
struct Proxy {
    child: Child,
    url: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The rows of tokens.
pub async fn run(bench: &Bench, report: &mut Report) {
    let sample: Value = ours(bench)().send().await.unwrap().json().await.unwrap();
    let body = asked_for(&sample);
    let issuer = issuer_token(bench).await;
    let proxy = proxy(bench).await;
    let direct = at_openbao(bench, &bench.openbao.addr, Some(issuer), &body);
    let through = at_openbao(bench, &proxy.url, None, &body);
    // Nobody's first call.
    for call in [&direct, &through] {
        load(MANY, Duration::from_secs(1), 200, call.clone()).await;
    }
    load(MANY, Duration::from_secs(1), 200, ours(bench)).await;
    let (mut own, mut plain, mut proxied) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.push(load(MANY, ROUND, 200, direct.clone()).await.rate);
        own.push(load(MANY, ROUND, 200, ours(bench)).await.rate);
        proxied.push(load(MANY, ROUND, 200, through.clone()).await.rate);
    }
    let work = "write tokens at 32 connections";
    report.row(
        &format!("{work}, against OpenBao"),
        "a second",
        &own,
        &plain,
        Bar::Least(0.95),
    );
    report.row(
        &format!("{work}, against `bao proxy`"),
        "a second",
        &own,
        &proxied,
        Bar::Least(1.0),
    );
    let (mut own, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.push(load(1, ROUND, 200, direct.clone()).await.median * 1000.0);
        own.push(load(1, ROUND, 200, ours(bench)).await.median * 1000.0);
    }
    let work = "a write token at one connection, median latency";
    report.row(work, "ms", &own, &plain, Bar::Most(1.25));
}

fn ours(bench: &Bench) -> impl Fn() -> RequestBuilder + Clone + Send + use<> {
    let (http, key) = (bench.http.clone(), bench.vendor.public_key.clone());
    let url = format!("{}/api/site", bench.service.url);
    move || http.post(&url).bearer_auth(&key)
}

/// The same token, as the service asks OpenBao for it.
fn asked_for(sample: &Value) -> Value {
    json!({
        "policies": sample["policies"],
        "meta": sample["auth"]["metadata"],
        "ttl": format!("{}s", sample["ttl"]),
        "explicit_max_ttl": format!("{}s", sample["maxTtl"]),
        "renewable": sample["renewable"],
        "display_name": "gatehouse",
    })
}

fn at_openbao(
    bench: &Bench,
    addr: &str,
    token: Option<String>,
    body: &Value,
) -> impl Fn() -> RequestBuilder + Clone + Send + use<> {
    let (http, body) = (bench.http.clone(), body.clone());
    let url = format!("{addr}/v1/auth/token/create/gatehouse-write");
    move || {
        let call = http.post(&url).json(&body);
        match &token {
            Some(token) => call.header("x-vault-token", token),
            None => call,
        }
    }
}

/// A token with the rights of the service's own.
async fn issuer_token(bench: &Bench) -> String {
    let issuer = bench.issuer().await;
    let body = json!({ "role_id": issuer.role_id, "secret_id": issuer.secret_id.expose() });
    let url = format!("{}/v1/auth/approle/login", bench.openbao.addr);
    let answer = bench.http.post(url).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

async fn proxy(bench: &Bench) -> Proxy {
    let issuer = bench.issuer().await;
    let folder = bench.folder.join("proxy");
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let role = file("role", &issuer.role_id);
    let secret = file("secret", issuer.secret_id.expose());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let config = format!(
        r#"
        vault {{ address = "{}" }}
        auto_auth {{
          method "approle" {{
            config = {{
              role_id_file_path = "{}"
              secret_id_file_path = "{}"
              remove_secret_id_file_after_reading = false
            }}
          }}
        }}
        api_proxy {{ use_auto_auth_token = true }}
        listener "tcp" {{
          address = "{address}"
          tls_disable = true
        }}
        "#,
        bench.openbao.addr,
        role.display(),
        secret.display(),
    );
    let config = file("proxy.hcl", &config);
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let child = Command::new(bao())
        .arg("proxy")
        .arg(format!("-config={}", config.display()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let proxy = Proxy {
        child,
        url: format!("http://{address}"),
    };
    let look = format!("{}/v1/auth/token/lookup-self", proxy.url);
    for _ in 0..200 {
        let answer = bench.http.get(&look).send().await;
        if answer.is_ok_and(|answer| answer.status() == 200) {
            return proxy;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", std::fs::read_to_string(folder.join("log")).unwrap());
}
