//! The ledger as vendors and operators see it.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

use serde_json::{Value, json};

use crate::access::{Case, case};
use crate::cli::{json_of, refusal};
use crate::ledger::ask;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
/// The issuance that [`name_first`] names.
const FIRST: &str = "0194fdc2-fa2f-7cc0-81d3-ff12045b73c8";

/// Gives the oldest row of the ledger, vendor A's, a name that the table of routes knows.
pub async fn name_first(test: &TestApp) {
    let sql = format!("UPDATE issuances SET id = '{FIRST}' WHERE seq = 1");
    test.sql().await.batch_execute(&sql).await.unwrap();
}

/// The table of `access.rs` for the ledger.
pub fn access(method: &str, path: &str) -> Option<Case> {
    // Nothing is that old: the tokens of other callers live on.
    let old = json!({ "issuedBefore": "1971-01-01T00:00:00Z" });
    let path = path
        .replace("{issuance}", FIRST)
        .replace("{namespace}", "vendor-a");
    Some(match method {
        "POST" => case(&path, old, 202, 202),
        "GET" | "DELETE" if path.ends_with(FIRST) => case(&path, Value::Null, 200, 404),
        "GET" => case(&path, Value::Null, 200, 200),
        _ => return None,
    })
}

/// Says how long something took, where a run is about that.
pub fn figure(text: &str) {
    if std::env::var("FIGURES").is_ok() {
        writeln!(std::io::stderr(), "{text}").ok();
    }
}

async fn listed(test: &TestApp, bearer: &str, path: &str) -> Vec<Value> {
    let answer = test.get(path).bearer(bearer).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["items"].as_array().unwrap().clone()
}

fn id(answer: &Answer) -> String {
    answer.text_of("issuanceId")
}

/// A write token for a site, one for the store, and a read token; their ids.
async fn three(test: &TestApp, vendor: &TestVendor) -> [String; 3] {
    let site = ask(test, vendor, &json!({ "secretId": SITE })).await;
    let store = ask(test, vendor, &json!({})).await;
    let read = test.post("/sites/token").bearer(&vendor.private_key);
    let read = read.send().await;
    [id(&site), id(&store), id(&read)]
}

#[tokio::test]
async fn ledger_is_listed_by_what_is_asked_for() {
    let test = TestApp::start().await;
    let (vendor, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let [site, store, read] = three(&test, &vendor).await;
    let theirs = three(&test, &other).await;
    let before_last = test.app.clock.now();
    test.app.clock.advance(3600);
    let last = id(&ask(&test, &vendor, &json!({ "secretId": SITE })).await);
    let ids = async |query: &str| -> Vec<String> {
        let path = format!("/api/issuances?{query}");
        let items = listed(&test, &vendor.private_key, &path).await;
        let id = |item: &Value| item["issuanceId"].as_str().unwrap().to_owned();
        items.iter().map(id).collect()
    };
    let all = [&last, &read, &store, &site].map(Clone::clone);
    let (only_last, only_read) = (all[..1].to_vec(), all[1..2].to_vec());
    assert_eq!(ids("").await, all);
    assert_eq!(ids("state=revoked").await, all[3..]);
    assert_eq!(ids("state=live").await, all[..3]);
    assert!(ids("state=ending").await.is_empty() && ids("state=expired").await.is_empty());
    assert_eq!(ids("kind=write_site").await, [last.clone(), site.clone()]);
    let path = format!("site={SITE}&state=live");
    assert_eq!(ids(&path).await, only_last);
    assert_eq!(ids("caller=vendor").await, only_read);
    assert!(ids("caller=vendor:x").await.is_empty());
    assert_eq!(
        ids(&format!("issuedBefore={before_last}")).await,
        all[1..].to_vec()
    );
    assert_eq!(ids(&format!("issuedAfter={before_last}")).await, only_last);
    test.app.clock.advance(29 * 24 * 3600);
    assert_eq!(ids("state=expired").await, all[..3]);
    assert!(ids("state=live").await.is_empty());

    for bad in [
        "state=dead",
        "kind=root",
        "site=x",
        "caller=A",
        "issuedBefore=yesterday",
        "issuedAfter=1",
        "vendor=vendor-b",
        "kind=read&kind=read",
        "cursor=AAAA",
    ] {
        let path = format!("/api/issuances?{bad}");
        let refused = test.get(&path).bearer(&vendor.private_key).send().await;
        refused.expect_problem(400, "invalid_parameter");
    }
    // Nobody sees another's.
    for id in &theirs {
        let path = format!("/api/issuances/{id}");
        let call = test.get(&path).bearer(&vendor.private_key);
        call.send().await.expect_problem(404, "not_found");
        let call = test.delete(&path).bearer(&vendor.private_key);
        call.send().await.expect_problem(404, "not_found");
        let path = format!("/api/admin/vendors/vendor-a/issuances/{id}");
        let call = test.get(&path).bearer(&test.operator);
        call.send().await.expect_problem(404, "not_found");
    }
    let everything = listed(&test, &test.operator, "/api/admin/issuances").await;
    assert_eq!(everything.len(), 7);
    let path = format!("/api/admin/issuances?site={SITE}");
    assert_eq!(listed(&test, &test.operator, &path).await.len(), 3);
}

#[tokio::test]
async fn item_tells_all_but_what_opens_something() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let asked = ask(&test, &vendor, &json!({ "secretId": SITE })).await;
    ask(&test, &vendor, &json!({ "secretId": SITE })).await;
    let path = format!("/api/issuances/{}", id(&asked));
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    let revoke = &shown.json["revoke"];
    assert_eq!(revoke["reason"], "superseded");
    assert_eq!(revoke["by"], "public-key");
    assert!(revoke["askedAt"].is_string() && revoke["revokedAt"].is_string());
    let mut rest = shown.json.clone();
    rest["revoke"] = Value::Null;
    assert_eq!(
        rest,
        json!({
            "issuanceId": id(&asked),
            "boundCidrs": null,
            "ttl": 604_800,
            "uses": null,
            "kind": "write_site",
            "state": "revoked",
            "secretId": SITE,
            "caller": "public-key",
            "issuedAt": rest["issuedAt"],
            "expiresAt": rest["expiresAt"],
            "maxExpiresAt": rest["maxExpiresAt"],
            "lastUsedAt": null,
            "clientAddress": "127.0.0.1",
            "requestId": asked.headers["x-request-id"].to_str().unwrap(),
            "worker": null,
            "credential": null,
            "revoke": null,
        })
    );
    let (shown, answered) = (rest["expiresAt"].to_string(), &asked.json["expiresAt"]);
    assert_eq!(shown[..24], answered.to_string()[..24]);
    let path = format!("/api/admin/vendors/vendor-a{}", &path[4..]);
    let shown = test.get(&path).bearer(&test.operator).send().await;
    assert_eq!(shown.json["vendor"], "vendor-a");
    assert_eq!(shown.json["accessor"], asked.json["accessor"]);
}

/// Adds rows of a vendor, an hour apart from the next; every 4,000th reads, all others write.
async fn fill(test: &TestApp, vendor: &TestVendor, rows: i64) {
    let sql = "INSERT INTO issuances (id, vendor_id, kind, accessor, caller, request_id, issued_at, expires_at, max_expires_at) \
               SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 19))::uuid, \
               $1, CASE WHEN n % 4000 = 0 THEN 'read' ELSE 'write' END, md5(n::text), 'vendor', '', at, at, at \
               FROM (SELECT n, now() - make_interval(mins => n) AS at FROM generate_series(1, $2::int) n) rows";
    let rows = i32::try_from(rows).unwrap();
    let client = test.sql().await;
    client.execute(sql, &[&vendor.id, &rows]).await.unwrap();
    client
        .batch_execute("VACUUM ANALYZE issuances")
        .await
        .unwrap();
}

/// `LEDGER_ROWS` says how long the ledger is.
#[tokio::test]
async fn rare_tokens_are_found_in_pages_that_look_at_few_rows() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let rows = std::env::var("LEDGER_ROWS").map_or(20_000, |rows| rows.parse().unwrap());
    fill(&test, &vendor, rows).await;
    for (place, bearer) in [
        ("/api/issuances", &vendor.private_key),
        ("/api/admin/issuances", &test.operator),
    ] {
        let (mut found, mut pages, mut slowest) = (BTreeSet::new(), 0, 0.0_f64);
        let mut cursor = String::new();
        loop {
            let path = format!("{place}?kind=read&limit=100{cursor}");
            let began = std::time::Instant::now();
            let answer = test.get(&path).bearer(bearer).send().await;
            slowest = slowest.max(began.elapsed().as_secs_f64());
            assert_eq!(answer.status, 200, "{answer:?}");
            pages += 1;
            for item in answer.json["items"].as_array().unwrap() {
                assert!(found.insert(item["issuanceId"].to_string()), "seen twice");
            }
            match answer.json["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(i64::try_from(found.len()).unwrap(), rows / 4000);
        assert!(pages <= rows / 5000 + 1, "{pages} pages");
        assert!(slowest < 2.0, "{slowest} s");
        figure(&format!(
            "{place}: {pages} pages over {rows} rows, the slowest in {slowest:.3} s"
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_looks_and_revokes_from_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let [site, store, _] = three(&test, &vendor).await;
    let count = |args: &[&str]| json_of(&env, args)["items"].as_array().unwrap().len();
    assert_eq!(count(&["token", "list"]), 3);
    assert_eq!(
        count(&[
            "token", "list", "vendor-a", "--kind", "write", "--state", "live"
        ]),
        1
    );
    assert_eq!(
        count(&["token", "list", "--issued-before", "2020-01-01T00:00:00Z"]),
        0
    );
    let shown = json_of(&env, &["token", "show", "vendor-a", &site]);
    assert_eq!(shown["secretId"], SITE);
    let revoked = json_of(&env, &["token", "revoke", "vendor-a", &store]);
    assert_eq!(revoked, json!({ "revoked": true }));
    assert!(refusal(&env, &["token", "revoke-all"]).contains("/all must be true"));
    assert!(refusal(&env, &["token", "show", "vendor-a", "x"]).contains("issuance's id"));
    let args = ["token", "revoke-all", "vendor-a", "--caller", "public-key"];
    let one = json!({ "matched": 1, "revoked": 1, "queued": 0 });
    assert_eq!(json_of(&env, &args), one);
    assert_eq!(json_of(&env, &["token", "revoke-all", "--all"]), one);
}

#[tokio::test]
async fn calls_that_take_no_query_refuse_one() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let asked = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    let path = format!("/api/issuances/{}?x=1", asked.text_of("issuanceId"));
    let all = json!({ "all": true });
    let calls = [
        test.get(&path).bearer(&vendor.private_key),
        test.delete(&path).bearer(&vendor.private_key),
        test.post("/api/issuances/revoke?kind=write")
            .bearer(&vendor.private_key)
            .json(&all),
        test.post("/api/admin/issuances/revoke?vendor=gravityview")
            .bearer(&test.operator)
            .json(&all),
        test.post("/api/admin/explain?vendor=gravityview")
            .bearer(&test.operator)
            .json(&json!({ "vendor": "gravityview", "caller": { "kind": "vendor" }, "token": { "kind": "read" } })),
    ];
    for call in calls {
        call.send().await.expect_problem(400, "invalid_parameter");
    }
    assert!(test.is_alive(&asked.text_of("token")).await);
}
