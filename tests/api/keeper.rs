//! The service's own tokens: kept alive, fetched anew when they are lost or near their end, and never a root token.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gatehouse::app::StartError;
use gatehouse::config::Config;
use gatehouse::server;
use gatehouse::types::Secret;
use gatehouse::vault::{TokenSource, TokenSources, Unfit};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Place, TestApp, TestVendor, Wire, logs, servers};

/// A call as root before the service runs.
pub async fn as_root(place: &Place, method: Method, path: &str, body: Value) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http
        .request(method, format!("{}/v1/{path}", place.bao.addr))
        .header("x-vault-token", &place.bao_root)
        .header("x-vault-namespace", place.bao.namespace.as_ref().unwrap())
        .json(&body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// An orphan token with all the rights of the service.
async fn saas_token(place: &Place, mut life: Value) -> String {
    life["policies"] = json!(["saas-policy"]);
    life["no_default_policy"] = json!(true);
    let made = as_root(place, Method::POST, "auth/token/create-orphan", life).await;
    made["auth"]["client_token"].as_str().unwrap().to_owned()
}

pub fn one(config: Config, source: TokenSource) -> Config {
    let mut config = config;
    config.bao.tokens = TokenSources::One(source);
    config
}

pub async fn states(test: &TestApp) -> Vec<Value> {
    let answer = test
        .get("/api/admin/app-token")
        .bearer(&test.operator)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["tokens"].as_array().unwrap().clone()
}

async fn accessor_of(test: &TestApp, token: &str) -> Value {
    let answer = test
        .bao(Method::GET, "auth/token/lookup-self", token)
        .send()
        .await;
    answer.json["data"]["accessor"].clone()
}

async fn revoke(test: &TestApp, accessor: &Value) {
    let answer = test
        .bao_root(Method::POST, "auth/token/revoke-accessor")
        .json(&json!({ "accessor": accessor }))
        .send()
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Asks for write tokens until the time is over. Gives every status but 200, and how many there were.
pub async fn traffic(test: &TestApp, vendor: &TestVendor, time: Duration) -> (Vec<u16>, u32) {
    let (started, mut wrong, mut all) = (Instant::now(), Vec::new(), 0);
    while started.elapsed() < time {
        let answer = test
            .post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await;
        all += 1;
        if answer.status != 200 {
            wrong.push(answer.status);
        }
        // A steady rate, not as fast as it goes: other tests run beside this one.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    (wrong, all)
}

#[tokio::test]
async fn short_lived_app_tokens_are_followed_by_others_without_a_failed_request() {
    let place = Place::shared().await;
    let config = place.config().await;
    as_root(
        &place,
        Method::POST,
        "auth/approle/role/gatehouse-issuer",
        json!({ "token_ttl": 10, "token_max_ttl": 24 }),
    )
    .await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let first = states(&test).await[0].clone();
    assert_eq!(first["token"]["creation_ttl"], 10, "{first}");
    // Two whole lives, and a little.
    let time = Duration::from_secs(52);
    let (one, two) = tokio::join!(traffic(&test, &vendor, time), traffic(&test, &vendor, time));
    assert_eq!((one.0, two.0), (Vec::new(), Vec::new()), "failed requests");
    assert!(one.1 + two.1 > 200, "{} requests", one.1 + two.1);
    let last = states(&test).await[0].clone();
    let number = |name: &str| last[name].as_u64().unwrap();
    assert!(number("logins") >= 2, "{last}");
    assert!(number("renewals") >= 3, "{last}");
    assert_eq!(number("failures"), 0, "{last}");
    assert_ne!(last["token"]["accessor"], first["token"]["accessor"]);
    assert_eq!(test.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn revoked_issuer_token_is_replaced_before_any_caller_notices() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    for _ in 0..3 {
        let lost = states(&test).await[0]["token"]["accessor"].clone();
        let time = Duration::from_secs(2);
        let load = async {
            let many = (0..8).map(|_| traffic(&test, &vendor, time));
            futures_util::future::join_all(many).await
        };
        let (found, ()) = tokio::join!(load, revoke(&test, &lost));
        for (wrong, all) in found {
            assert_eq!(wrong, Vec::<u16>::new(), "of {all} requests");
        }
        assert_ne!(states(&test).await[0]["token"]["accessor"], lost);
    }
}

#[tokio::test]
async fn call_under_way_while_the_token_changed_is_made_again() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let lost = states(&test).await[0]["token"]["accessor"].clone();
    wire.forget();
    wire.delay("auth/token/create/gatehouse-write", Duration::from_secs(1));
    let issue = || test.post("/api/site").bearer(&vendor.public_key).send();
    let slow = issue();
    let quick = async {
        while wire.calls_to("auth/token/create").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        revoke(&test, &lost).await;
        issue().await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(quick.status, 200, "{quick:?}");
    assert_eq!(slow.status, 200, "{slow:?}");
    let statuses: Vec<_> = wire
        .calls_to("auth/token/create")
        .iter()
        .map(|seen| seen.status.unwrap())
        .collect();
    assert_eq!(statuses, [403, 403, 200, 200], "both met the dead token");
}

#[tokio::test]
async fn revoked_revoker_and_provisioner_tokens_are_replaced_in_the_call_that_needs_them() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let secret_id = "0123456789abcdef0123456789abcdef";
    test.site(&vendor, secret_id, "0123456789ABCDEF").await;
    for token in &states(&test).await[1..] {
        revoke(&test, &token["token"]["accessor"]).await;
    }
    test.vendor("another-one").await;
    let removed = test
        .delete(&format!("/sites/{secret_id}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(
        (removed.status, &removed.json["deleted"]),
        (200, &json!(true))
    );
    for token in states(&test).await {
        assert_eq!(
            token["token"]["policies"].as_array().unwrap().len(),
            1,
            "{token}"
        );
    }
}

/// Waits for `/readyz` to turn, and shows that the token lived when it did.
async fn turns_unready_before_its_end(test: &TestApp, token: &str, limit: Duration) {
    let started = Instant::now();
    loop {
        let ready = test.get("/readyz").send().await;
        if ready.status == 503 {
            assert!(test.is_alive(token).await, "too late: {ready:?}");
            let checks = ready.json["checks"].as_array().unwrap();
            let told = checks.iter().find(|check| check["name"] == "app_tokens");
            assert_eq!(told.unwrap()["problem"], "expiring", "{ready:?}");
            return;
        }
        assert!(started.elapsed() < limit, "still ready: {ready:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn static_token_that_cannot_be_renewed_makes_us_unready_before_its_end() {
    let place = Place::shared().await;
    let config = place.config().await;
    let life = json!({ "ttl": "20s", "renewable": false });
    let token = saas_token(&place, life).await;
    let config = one(config, TokenSource::Token(Secret::new(token.clone())));
    let test = TestApp::start_at(place, config).await;
    test.keep_secret(&token);
    turns_unready_before_its_end(&test, &token, Duration::from_secs(25)).await;
    assert!(states(&test).await[0]["failures"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn life_that_stops_growing_is_noticed() {
    let place = Place::shared().await;
    let config = place.config().await;
    let life = json!({ "ttl": "8s", "explicit_max_ttl": "24s" });
    let token = saas_token(&place, life).await;
    let config = one(config, TokenSource::Token(Secret::new(token.clone())));
    let log_start = logs::len();
    let test = TestApp::start_at(place, config).await;
    test.keep_secret(&token);
    turns_unready_before_its_end(&test, &token, Duration::from_secs(29)).await;
    let said = logs::lines_with(log_start, "cannot be renewed any further");
    assert!(!said.is_empty());
    // And it stays so when the token is dead: a life of no seconds is not one without an end.
    while test.is_alive(&token).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..20 {
        let ready = test.get("/readyz").send().await;
        assert_eq!(ready.status, 503, "{ready:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let state = states(&test).await[0].clone();
    let dead = state["token"].is_null() || state["ttl_seconds"] == 0;
    assert!(dead, "{state}");
}

/// A file with an app token in it, as an agent beside the service would write it.
struct TokenFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl TokenFile {
    fn new(token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = Self {
            _folder: folder,
            path,
        };
        file.replace(token);
        file
    }

    /// Agents write with a line feed at the end, and put the file in place whole.
    fn replace(&self, token: &str) {
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, format!("{token}\n")).unwrap();
        std::fs::rename(&fresh, &self.path).unwrap();
    }

    fn source(&self) -> TokenSource {
        TokenSource::File(self.path.clone())
    }
}

#[tokio::test]
async fn replaced_token_file_is_read_again_when_the_former_token_is_lost() {
    let place = Place::shared().await;
    let config = place.config().await;
    let former = saas_token(&place, json!({ "ttl": "1h" })).await;
    let next = saas_token(&place, json!({ "ttl": "1h" })).await;
    let file = TokenFile::new(&former);
    let test = TestApp::start_at(place, one(config, file.source())).await;
    for token in [&former, &next] {
        test.keep_secret(token);
    }
    let vendor = test.vendor("gravityview").await;
    file.replace(&next);
    revoke(&test, &accessor_of(&test, &former).await).await;
    let answer = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let state = states(&test).await[0].clone();
    assert_eq!(state["token"]["accessor"], accessor_of(&test, &next).await);
}

#[tokio::test]
async fn replaced_token_file_is_read_again_before_the_former_token_ends() {
    let place = Place::shared().await;
    let config = place.config().await;
    let life = json!({ "ttl": "6s", "explicit_max_ttl": "12s" });
    let former = saas_token(&place, life).await;
    let next = saas_token(&place, json!({ "ttl": "1h" })).await;
    let file = TokenFile::new(&former);
    let test = TestApp::start_at(place, one(config, file.source())).await;
    for token in [&former, &next] {
        test.keep_secret(token);
    }
    let vendor = test.vendor("gravityview").await;
    file.replace(&next);
    let (wrong, all) = traffic(&test, &vendor, Duration::from_secs(14)).await;
    assert_eq!(wrong, Vec::<u16>::new(), "of {all} requests");
    let state = states(&test).await[0].clone();
    assert_eq!(state["token"]["accessor"], accessor_of(&test, &next).await);
    assert!(!test.is_alive(&former).await);
}

#[tokio::test]
async fn root_token_is_refused_at_the_start_unless_this_is_a_trial() {
    let place = Place::shared().await;
    let config = place.config().await;
    let root = place.bao_root.clone();
    let file = TokenFile::new(&root);
    for source in [TokenSource::Token(Secret::new(root.clone())), file.source()] {
        let config = one(config.clone(), source);
        let started = servers::shared()
            .runtime
            .spawn(server::start(config))
            .await
            .unwrap();
        assert!(matches!(
            started,
            Err(StartError::AppToken {
                name: "saas",
                why: Unfit::Root
            })
        ));
    }
    let mut config = one(config, TokenSource::Token(Secret::new(root.clone())));
    config.trial = true;
    let test = TestApp::start_at(place, config).await;
    test.keep_secret(&root);
    test.vendor("gravityview").await;
}

#[tokio::test]
async fn root_token_that_comes_later_is_not_used() {
    let place = Place::shared().await;
    let config = place.config().await;
    let former = saas_token(&place, json!({ "ttl": "1h" })).await;
    let root = place.bao_root.clone();
    let file = TokenFile::new(&former);
    let test = TestApp::start_at(place, one(config, file.source())).await;
    test.keep_secret(&former);
    test.keep_secret(&root);
    let vendor = test.vendor("gravityview").await;
    file.replace(&root);
    revoke(&test, &accessor_of(&test, &former).await).await;
    let answer = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(answer.status, 503, "{answer:?}");
    test.until_not_ready().await;
}
