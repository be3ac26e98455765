//! One vendor's keys against everything of another's: as if it were not there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

// The neighbour's name begins as ours does: a glob or a prefix that is one sign too short would show.
const THEIRS: &str = "site-of-b-0123456789";
const ABSENT: &str = "site-of-nobody-01234";
const THEIR_KEY: &str = "access-key-of-b-0123456789";
const NO_KEY: &str = "access-key-of-no-one-01234";

async fn start() -> (TestApp, TestVendor, TestVendor) {
    let test = TestApp::start().await;
    let (a, b) = (
        test.vendor("vendor-a").await,
        test.vendor("vendor-a-x").await,
    );
    test.site(&b, THEIRS, THEIR_KEY).await;
    (test, a, b)
}

/// Everything of an answer that does not differ from request to request, with the name that was asked for blanked.
pub fn blank(answer: &Answer, asked: &str) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "date" | "x-request-id" | "ratelimit" | "connection"
            )
        })
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let body = answer.text.replace(id, "").replace(asked, "");
    format!("{} {headers:?} {body}", answer.status)
}

/// The same call about what is B's, and about what is nobody's.
async fn compare(
    test: &TestApp,
    key: &str,
    method: Method,
    [theirs, absent]: [(&str, Value); 2],
    asked: [&str; 2],
) -> Answer {
    let send = async |(path, body): (&str, Value)| {
        let call = test.call(method.clone(), path).bearer(key);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        call.send().await
    };
    let about_theirs = send(theirs).await;
    let about_none = send(absent).await;
    assert_eq!(blank(&about_theirs, asked[0]), blank(&about_none, asked[1]));
    about_theirs
}

#[tokio::test]
async fn sites_of_another_vendor_are_not_there() {
    let (test, a, b) = start().await;
    let sk = &a.private_key;
    let ids = [THEIRS, ABSENT];
    for base in ["/sites", "/api/sites"] {
        let [theirs, absent] = ids.map(|id| format!("{base}/{id}"));
        let paths = [(theirs.as_str(), Value::Null), (&absent, Value::Null)];
        let shown = compare(&test, sk, Method::GET, paths, ids).await;
        shown.expect_problem(404, "not_found");
        let token = format!("{base}/token");
        let bodies = ids.map(|id| (token.as_str(), json!({ "secretId": id })));
        let read = compare(&test, sk, Method::POST, bodies, ids).await;
        read.expect_problem(404, "not_found");
        let search = format!("{base}/search");
        let keys = [THEIR_KEY, NO_KEY];
        let bodies = keys.map(|key| (search.as_str(), json!({ "searchKeys": [key] })));
        let found = compare(&test, sk, Method::POST, bodies, keys).await;
        assert_eq!(found.json, json!({ "sites": [] }));
        let list = test.get(base).bearer(sk).send().await;
        assert_eq!(list.json["items"], json!([]));
    }
    let accounts = [b.id, b.id + 1000].map(|id| format!("/api/v1/accounts/{id}"));
    let paths = [&accounts[0], &accounts[1]].map(|path| (path.as_str(), Value::Null));
    let account = compare(&test, sk, Method::GET, paths, ["", ""]).await;
    account.expect_refusal(404, "not_found");
}

#[tokio::test]
async fn removing_another_vendors_site_removes_nothing_of_it() {
    let (test, a, b) = start().await;
    let token = test.write_token_of_vendor(&b).await;
    let ids = [THEIRS, ABSENT];
    let paths = ids.map(|id| format!("/sites/{id}"));
    for key in [&a.public_key, &a.private_key] {
        let paths = [&paths[0], &paths[1]].map(|path| (path.as_str(), Value::Null));
        let removed = compare(&test, key, Method::DELETE, paths, ids).await;
        assert_eq!(removed.json, json!({ "deleted": true }));
    }
    let shown = test.get(&paths[0]).bearer(&b.private_key).send().await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let stored = format!("vendor-a-x-store/{THEIRS}");
    let read = test.bao_root(Method::GET, &stored).send().await;
    assert_eq!(read.json["data"]["identifier"], "canary");
    assert!(test.is_alive(&token).await);
}

#[tokio::test]
async fn issuances_of_another_vendor_are_not_there() {
    let (test, a, b) = start().await;
    let issued = test.post("/api/site").bearer(&b.public_key).send().await;
    let ids = [
        issued.text_of("issuanceId"),
        "018f0000-0000-7000-8000-000000000000".to_owned(),
    ];
    let bodies =
        [&ids[0], &ids[1]].map(|id| ("/sites", json!({ "secretId": ABSENT, "issuanceId": id })));
    let asked = [ids[0].as_str(), &ids[1]];
    let answer = compare(&test, &a.public_key, Method::POST, bodies, asked).await;
    answer.expect_problem(409, "issuance_not_bindable");
    assert!(test.is_alive(&issued.text_of("token")).await);
}

#[tokio::test]
async fn a_secret_id_of_another_vendor_is_free_to_use() {
    let (test, a, b) = start().await;
    let ids = [THEIRS, ABSENT];
    let bodies = ids.map(|id| ("/sites", json!({ "secretId": id })));
    let made = compare(&test, &a.public_key, Method::POST, bodies, ids).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mine = test
        .site(&a, "same-id-0123456789", "access-key-of-a-0123456789")
        .await;
    let theirs = test
        .site(&b, "same-id-0123456789", "access-key-2-of-b-01234567")
        .await;
    let path = "/sites/same-id-0123456789";
    let removed = test.delete(path).bearer(&a.public_key).send().await;
    assert_eq!(removed.json, json!({ "deleted": true }));
    assert!(!test.is_alive(&mine).await);
    assert!(test.is_alive(&theirs).await);
    let gone = test.get(path).bearer(&a.private_key).send().await;
    gone.expect_problem(404, "not_found");
    let shown = test.get(path).bearer(&b.private_key).send().await;
    assert!(shown.text_of("store").ends_with("/vendor-a-x-store"));
    let stored = "vendor-a-x-store/same-id-0123456789";
    let written = test.bao(Method::POST, stored, &theirs);
    let written = written.json(&json!({ "still": "mine" })).send().await;
    assert_eq!(written.status, 204, "{written:?}");
    let gone = "vendor-a-store/same-id-0123456789";
    assert_eq!(test.bao_root(Method::GET, gone).send().await.status, 404);
}

#[tokio::test]
async fn the_same_access_key_finds_each_vendor_its_own() {
    let (test, a, b) = start().await;
    test.site(&a, "site-of-a-0123456789", THEIR_KEY).await;
    let body = json!({ "searchKeys": [THEIR_KEY] });
    for (vendor, id) in [(&a, "site-of-a-0123456789"), (&b, THEIRS)] {
        let call = test.post("/sites/search").bearer(&vendor.private_key);
        let found = call.json(&body).send().await.json;
        let ids: Vec<_> = found["sites"].as_array().unwrap().iter().collect();
        assert_eq!(ids.len(), 1, "{found}");
        assert_eq!(ids[0]["secretId"], id);
    }
}

#[tokio::test]
async fn tokens_of_a_vendor_open_no_other_store() {
    let (test, a, b) = start().await;
    test.site(&a, THEIRS, "access-key-of-a-0123456789").await;
    let site_read = test.post("/sites/token").bearer(&a.private_key);
    let site_read = site_read.json(&json!({ "secretId": THEIRS })).send().await;
    let right_key = json!({ "secretId": THEIRS });
    let site_write = test.post("/api/site").bearer(&a.private_key);
    let site_write = site_write.json(&right_key).send().await;
    let tokens = [
        test.write_token_of_vendor(&a).await,
        test.read_token(&a).await,
        site_read.text_of("token"),
        site_write.text_of("token"),
    ];
    let list = Method::from_bytes(b"LIST").unwrap();
    let one = format!("{}-store/{THEIRS}", b.namespace);
    for token in &tokens {
        for (method, path) in [
            (Method::GET, one.as_str()),
            (Method::POST, &one),
            (Method::PUT, &one),
            (Method::DELETE, &one),
            (list.clone(), "vendor-a-x-store"),
            (Method::GET, "sys/mounts"),
            (Method::POST, "auth/token/create"),
            (list.clone(), "sys/policies/acl"),
        ] {
            let call = test.bao(method.clone(), path, token);
            let answer = call.json(&json!({ "a": "b" })).send().await;
            assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        }
    }
    let read = test.bao_root(Method::GET, &one).send().await;
    assert_eq!(read.json["data"]["identifier"], "canary");
}

impl TestApp {
    /// A store-wide write token.
    async fn write_token_of_vendor(&self, vendor: &TestVendor) -> String {
        let call = self.post("/api/site").bearer(&vendor.public_key);
        call.send().await.text_of("token")
    }
}
