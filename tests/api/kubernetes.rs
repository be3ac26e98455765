//! The service's own tokens by a Kubernetes service account: OpenBao's real method, which asks an API server whose review
//! of tokens the test answers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::config::Config;
use gatehouse::vault::{Kubernetes, TokenSource, TokenSources};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::keeper::{as_root, states};
use crate::probe::peers::Certificate;
use crate::support::issuer::Signer;
use crate::support::{Place, TestApp, servers};

/// An API server that knows one token.
struct Cluster {
    url: String,
    known: Arc<Mutex<String>>,
    signer: Signer,
    file: PathBuf,
}

async fn review(mut stream: TcpStream, known: Arc<Mutex<String>>) -> Option<()> {
    let mut bytes = Vec::new();
    let body = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(
            head.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews "),
            "{head}"
        );
        if let Ok(body) = serde_json::from_str::<Value>(body) {
            break body;
        }
    };
    let is_known = body["spec"]["token"] == **known.lock().unwrap();
    let mut status = json!({ "authenticated": is_known });
    if is_known {
        let user = "system:serviceaccount:gatehouse:gatehouse";
        status["audiences"] = body["spec"]["audiences"].clone();
        status["user"] = json!({ "username": user, "uid": "0d4c8f4e-0001" });
    }
    let answer = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status,
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(answer.as_bytes()).await.ok()
}

impl Cluster {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let known = Arc::<Mutex<String>>::default();
        let shared = Arc::clone(&known);
        servers::shared().runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(review(stream, Arc::clone(&shared)));
            }
        });
        let folder = servers::folder(&format!("pod-{}", servers::number()));
        std::fs::create_dir_all(&folder).unwrap();
        let cluster = Self {
            url,
            known,
            signer: Signer::new("RS256", "cluster"),
            file: folder.join("token"),
        };
        cluster.replace_token();
        cluster
    }

    /// As the kubelet does; the former one is not known any more.
    fn replace_token(&self) {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"],
            "sub": "system:serviceaccount:gatehouse:gatehouse", "iat": now, "nbf": now, "exp": now + 3600,
            "jti": servers::number().to_string(),
            "kubernetes.io": {
                "namespace": "gatehouse", "serviceaccount": { "name": "gatehouse", "uid": "0d4c8f4e-0001" },
            },
        });
        let token = self.signer.sign(&claims);
        std::fs::write(&self.file, format!("{token}\n")).unwrap();
        *self.known.lock().unwrap() = token;
    }

    /// OpenBao's method at a mount, with the roles of the operator's guide.
    async fn enable(&self, place: &Place, mount: &str) {
        let method = json!({ "type": "kubernetes" });
        as_root(place, Method::POST, &format!("sys/auth/{mount}"), method).await;
        // It is asked for, and not used: the API server of the test speaks HTTP.
        let authority = Certificate::of("localhost").pem();
        let config = json!({
            "kubernetes_host": self.url, "disable_local_ca_jwt": true, "kubernetes_ca_cert": authority,
        });
        as_root(place, Method::POST, &format!("auth/{mount}/config"), config).await;
        for role in ["issuer", "revoker", "provisioner"] {
            let path = format!("auth/{mount}/role/gatehouse-{role}");
            let body = json!({
                "bound_service_account_names": "gatehouse", "bound_service_account_namespaces": "gatehouse",
                "token_policies": format!("{role}-policy"), "token_no_default_policy": true,
                "token_ttl": "42h", "token_max_ttl": "768h",
            });
            as_root(place, Method::POST, &path, body).await;
        }
    }

    async fn config(&self, place: &Place, mount: &str) -> Config {
        let source = |role: &str| {
            TokenSource::Kubernetes(Kubernetes {
                mount: mount.to_owned(),
                role: format!("gatehouse-{role}"),
                token_file: self.file.clone(),
            })
        };
        let mut config = place.config().await;
        config.bao.tokens = TokenSources::Apart {
            issuer: source("issuer"),
            revoker: source("revoker"),
            provisioner: source("provisioner"),
        };
        config
    }
}

#[tokio::test]
async fn service_account_logs_in_and_again_with_the_token_it_has_then() {
    let (place, cluster) = (Place::shared().await, Cluster::start().await);
    cluster.enable(&place, "k8s/eu").await;
    let config = cluster.config(&place, "k8s/eu").await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, "0123456789abcdef", "accesskey-0123456789")
        .await;
    for (state, role) in states(&test)
        .await
        .iter()
        .zip(["issuer", "revoker", "provisioner"])
    {
        assert_eq!(state["token"]["path"], "auth/k8s/eu/login", "{state}");
        assert_eq!(
            state["token"]["policies"],
            json!([format!("{role}-policy")])
        );
    }
    // The token of the pod is another one when the service's own is lost.
    cluster.replace_token();
    let lost = states(&test).await[0]["token"]["accessor"].clone();
    let call = test.bao_root(Method::POST, "auth/token/revoke-accessor");
    let revoked = call.json(&json!({ "accessor": lost })).send().await;
    assert_eq!(revoked.status, 204);
    test.read_token(&vendor).await;
    let state = states(&test).await[0].clone();
    assert_ne!(state["token"]["accessor"], lost);
    assert_eq!(state["logins"], 2, "{state}");
}

#[tokio::test]
async fn service_account_that_is_refused_is_tried_again_until_it_is_known() {
    let (place, cluster) = (Place::shared().await, Cluster::start().await);
    cluster.enable(&place, "kubernetes").await;
    let config = cluster.config(&place, "kubernetes").await;
    let known = std::mem::take(&mut *cluster.known.lock().unwrap());
    let running = servers::shared()
        .runtime
        .spawn(gatehouse::server::start(config));
    let running = running.await.unwrap().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = async || {
        let url = format!("http://{}/readyz", running.address);
        http.get(url).send().await.unwrap().status().as_u16()
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ready().await, 503);
    *cluster.known.lock().unwrap() = known;
    for _ in 0..300 {
        if ready().await == 200 {
            servers::shared()
                .runtime
                .spawn(running.stop())
                .await
                .unwrap();
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never ready");
}
