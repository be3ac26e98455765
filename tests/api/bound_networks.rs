//! Tokens that work from some networks only: OpenBao refuses them from everywhere else. Their roles: `bound_roles.rs`.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::{live_tokens, recorded};
use crate::ledger_events::events;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
/// Routes that hand out tokens.
const ROUTES: [&str; 3] = ["/api/site", "/sites/token", "/api/credentials/token"];
/// An address of this machine that nobody uses unasked.
pub const NEAR: &str = "127.0.0.2";
pub const HOME: &str = "127.0.0.1";

pub async fn ask(test: &TestApp, key: &str, path: &str, body: &Value) -> Answer {
    test.post(path).bearer(key).json(body).send().await
}

pub async fn bound(test: &TestApp, vendor: &TestVendor, networks: &[&str]) -> Answer {
    let body = json!({ "boundCidrs": networks });
    ask(test, &vendor.private_key, "/sites/token", &body).await
}

/// What OpenBao answers a client at an address.
pub async fn at(
    test: &TestApp,
    from: &str,
    method: Method,
    path: &str,
    token: &str,
) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .local_address(from.parse::<std::net::IpAddr>().unwrap());
    let mut call = client
        .build()
        .unwrap()
        .request(method, format!("{}/v1/{path}", test.bao_addr))
        .header("x-vault-token", token);
    if let Some(namespace) = &test.namespace {
        call = call.header("x-vault-namespace", namespace);
    }
    let answer = call.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

pub async fn works(test: &TestApp, from: &str, token: &str) -> bool {
    let (status, said) = at(test, from, Method::GET, "auth/token/lookup-self", token).await;
    assert!(matches!(status, 200 | 403), "{said}");
    status == 200
}

/// Names of the roles of networks that stand.
pub async fn roles(test: &TestApp) -> Vec<String> {
    let list = Method::from_bytes(b"LIST").unwrap();
    let listed = test.bao_root(list, "auth/token/roles").send().await;
    let names: Vec<String> =
        serde_json::from_value(listed.json["data"]["keys"].clone()).unwrap_or_default();
    let bound = names.into_iter();
    bound
        .filter(|name| name.starts_with("gatehouse-bound"))
        .collect()
}

pub async fn rows(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM bound_roles";
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn bound_tokens_of_each_kind_work_from_their_networks_only() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.site(&vendor, SITE, &"a".repeat(64)).await;
    test.credential(&vendor, "one", json!({ "type": "generic", "a": "b" }))
        .await;
    let networks = json!(["127.0.0.2/32", "2001:0DB8::/32", "127.0.0.2/32"]);
    let written = json!(["127.0.0.2/32", "2001:db8::/32"]);
    for (path, more) in [
        ("/api/site", json!({})),
        ("/api/site", json!({ "secretId": SITE })),
        ("/sites/token", json!({})),
        ("/sites/token", json!({ "secretId": SITE })),
        ("/api/credentials/token", json!({})),
        ("/api/credentials/token", json!({ "key": "one" })),
    ] {
        let mut body = more;
        body["boundCidrs"] = networks.clone();
        body["ttl"] = json!(600);
        let answer = ask(&test, &vendor.private_key, path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.json["boundCidrs"], written, "{path}");
        let token = answer.text_of("token");
        assert!(!works(&test, HOME, &token).await, "{path} {body}");
        assert!(works(&test, NEAR, &token).await, "{path} {body}");
        // It is what others of its kind are, and can be renewed, by its holder and by the service.
        let (status, renewed) =
            at(&test, NEAR, Method::POST, "auth/token/renew-self", &token).await;
        assert_eq!(status, 200, "{path}: {renewed}");
        let row = format!("/api/issuances/{}", answer.text_of("issuanceId"));
        let row = test.get(&row).bearer(&vendor.private_key).send().await;
        assert_eq!(row.json["boundCidrs"], written, "{row:?}");
    }
    // A use: what is done with it is bound too.
    let body = json!({ "boundCidrs": networks, "uses": 2 });
    let twice = ask(&test, &vendor.private_key, "/sites/token", &body).await;
    let token = twice.text_of("token");
    let path = format!("vendor-a-store/{SITE}");
    for (from, status) in [
        (HOME, 403),
        (NEAR, 200),
        (HOME, 403),
        (NEAR, 200),
        (NEAR, 403),
    ] {
        // What is refused for its address is no use.
        let (got, said) = at(&test, from, Method::GET, &path, &token).await;
        assert_eq!(got, status, "{from}: {said}");
    }
    let told = events(&test, "token.issued").await;
    let told = told
        .iter()
        .filter(|e| e["details"]["boundCidrs"] == written);
    assert_eq!(told.count(), 7);
    // One role of each kind: the next token of a set is one call again.
    assert_eq!(roles(&test).await.len(), 5);
    let free = ask(&test, &vendor.private_key, "/sites/token", &json!({})).await;
    assert_eq!(free.json.get("boundCidrs"), None);
    assert!(works(&test, HOME, &free.text_of("token")).await);
    let row = format!("/api/issuances/{}", free.text_of("issuanceId"));
    let row = test.get(&row).bearer(&vendor.private_key).send().await;
    assert_eq!(row.json["boundCidrs"], Value::Null, "{row:?}");
}

#[tokio::test]
async fn wrapped_and_kept_alive_tokens_are_bound_too() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let body = json!({ "boundCidrs": ["127.0.0.2/32"], "wrapTtl": 60 });
    let wrapped = ask(&test, &vendor.public_key, "/api/site", &body).await;
    assert_eq!(wrapped.status, 200, "{wrapped:?}");
    // Whoever holds the wrapping token can exchange it; what is inside is bound.
    let wrap = wrapped.text_of("wrapToken");
    let (status, inside) = at(&test, HOME, Method::POST, "sys/wrapping/unwrap", &wrap).await;
    assert_eq!(status, 200, "{inside}");
    let token = inside["auth"]["client_token"].as_str().unwrap();
    test.keep_secret(token);
    assert!(works(&test, NEAR, token).await);
    assert!(!works(&test, HOME, token).await);

    let body = json!({ "boundCidrs": ["127.0.0.2/32"], "keepAlive": true, "ttl": 600 });
    let kept = ask(&test, &vendor.private_key, "/api/credentials/token", &body).await;
    assert_eq!(kept.status, 200, "{kept:?}");
    test.app.clock.advance(400);
    crate::support::wait::until("it is renewed", || async {
        test.pass("renew_tokens").await;
        let id = kept.text_of("issuanceId");
        let sql = "SELECT expires_at > issued_at + interval '700 seconds' FROM issuances WHERE id = $1::text::uuid";
        let id = id.rsplit('_').next().unwrap().to_owned();
        let row = test.sql().await.query_one(sql, &[&id]).await.unwrap();
        row.get(0)
    })
    .await;
    assert!(works(&test, NEAR, &kept.text_of("token")).await);
}

#[tokio::test]
async fn what_is_no_network_is_refused_item_by_item() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let many: Vec<String> = (0..9).map(|n| format!("10.{n}.0.0/16")).collect();
    for path in ROUTES {
        let cases = [
            (json!(["10.0.0.0/8", "203.0.113.7/24"]), "/boundCidrs/1"),
            (json!(["203.0.113.7"]), "/boundCidrs/0"),
            (json!(["0.0.0.0/0"]), "/boundCidrs/0"),
            (json!(["::/0"]), "/boundCidrs/0"),
            (json!(["::ffff:10.0.0.0/104"]), "/boundCidrs/0"),
            (json!(["10.0.0.0/33"]), "/boundCidrs/0"),
            (json!(["localhost"]), "/boundCidrs/0"),
            (json!(["10.0.0.0/8,0.0.0.0/0"]), "/boundCidrs/0"),
            (json!(["10.0.0.0/8", 7]), "/boundCidrs/1"),
            (json!([]), "/boundCidrs"),
            (json!(many), "/boundCidrs"),
            (json!("10.0.0.0/8"), "/boundCidrs"),
        ];
        for (networks, pointer) in cases {
            let body = json!({ "boundCidrs": networks });
            let answer = ask(&test, &vendor.private_key, path, &body).await;
            answer.expect_problem(422, "invalid_field");
            let errors = answer.json["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{answer:?}");
            assert_eq!(errors[0]["pointer"], pointer, "{path} {networks}");
        }
        let both = json!({ "boundCidrs": ["x", "10.0.0.0/8", "203.0.113.7/24"] });
        let answer = ask(&test, &vendor.private_key, path, &both).await;
        let pointers = [0, 1].map(|n| answer.json["errors"][n]["pointer"].clone());
        assert_eq!(pointers, ["/boundCidrs/0", "/boundCidrs/2"]);
    }
    assert!(live_tokens(&test).await.is_empty());
    assert_eq!((rows(&test).await, roles(&test).await.len()), (0, 0));
    // And it is explained.
    let explain = async |networks: Value| {
        let token = json!({ "kind": "read", "boundCidrs": networks });
        let body = json!({ "vendor": "vendor-a", "caller": { "kind": "vendor" }, "token": token });
        let call = test.post("/api/admin/explain").bearer(&test.operator);
        call.json(&body).send().await
    };
    let good = explain(json!(["10.0.0.0/8"])).await;
    assert_eq!(
        good.json["token"]["boundCidrs"],
        json!(["10.0.0.0/8"]),
        "{good:?}"
    );
    let bad = explain(json!(["10.0.0.1/8"])).await;
    bad.expect_problem(422, "invalid_field");
    assert_eq!(bad.json["errors"][0]["pointer"], "/token/boundCidrs/0");
    assert_eq!(rows(&test).await, 0);
}

#[tokio::test]
async fn sets_of_networks_are_shared_and_limited() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let other = test.vendor("vendor-b").await;
    // Many at once make one role, whatever the order they name it in.
    let asked = (0..12).map(|n| {
        let mut networks = ["10.0.0.0/8", "203.0.113.0/24"];
        networks.rotate_left(n % 2);
        let (test, vendor) = (&test, &vendor);
        async move { bound(test, vendor, &networks).await }
    });
    for answer in join_all(asked).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!((rows(&test).await, roles(&test).await.len()), (1, 1));
    // Others have their own.
    assert_eq!(
        bound(&test, &other, &["10.0.0.0/8", "203.0.113.0/24"])
            .await
            .status,
        200
    );
    assert_eq!(roles(&test).await.len(), 2);

    let fill = "INSERT INTO bound_roles (vendor_id, kind, networks, last_used_at) \
                SELECT $1, 'read', ARRAY['10.1.' || n || '.0/24'], $2 FROM generate_series(1, $3::int) n";
    let (sql, now) = (test.sql().await, test.app.clock.now());
    sql.execute(fill, &[&vendor.id, &now, &31]).await.unwrap();
    let public = json!({ "boundCidrs": ["198.51.100.0/24"] });
    let refused = ask(&test, &vendor.public_key, "/api/site", &public).await;
    refused.expect_problem(429, "network_sets_exhausted");
    assert_eq!(refused.headers["retry-after"], "300");
    // The vendor itself may go on, and a set that is there is anybody's.
    let own = ask(&test, &vendor.private_key, "/api/site", &public).await;
    assert_eq!(own.status, 200, "{own:?}");
    let now_there = ask(&test, &vendor.public_key, "/api/site", &public).await;
    assert_eq!(now_there.status, 200, "{now_there:?}");
    let fill = fill.replace("10.1.", "10.2.");
    sql.execute(&fill, &[&vendor.id, &now, &31]).await.unwrap();
    let refused = bound(&test, &vendor, &["192.0.2.0/24"]).await;
    refused.expect_problem(429, "network_sets_exhausted");
    assert_eq!(
        bound(&test, &vendor, &["10.0.0.0/8", "203.0.113.0/24"])
            .await
            .status,
        200
    );
    assert_eq!(bound(&test, &other, &["192.0.2.0/24"]).await.status, 200);
    // Nothing was left half done.
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
    // When nobody uses them any more, there is room again.
    test.app.clock.advance(3700);
    test.pass("remove_bound_roles").await;
    assert_eq!(bound(&test, &vendor, &["192.0.2.0/24"]).await.status, 200);
}
