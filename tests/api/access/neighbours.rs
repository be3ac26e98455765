//! Every route whose path names something, asked by everybody of one vendor about what is another's: as if it were not
//! there, to the byte; and nothing of the other's is touched, in the database and in OpenBao.

use std::collections::BTreeMap;

use gatehouse::routes::{ROUTES, Route};
use reqwest::Method;
use serde_json::{Value, json};

use super::send;
use crate::isolation::blank;
use crate::support::callers::Shown;
use crate::support::signer::Signer;
use crate::support::trustedlogin::message;
use crate::support::{TestApp, TestUser, TestVendor, Wire};

/// The neighbour's namespace begins with ours.
const OURS: &str = "vendor-a";
const THEIRS: &str = "vendor-a-x";
/// Stands in everything that is the neighbour's.
const CANARY: &str = "canary-of-the-neighbour";

/// What a parameter of a path names: something of the neighbour's, and nothing.
type Named = BTreeMap<&'static str, [String; 2]>;

/// Everything the neighbour has that a path can name.
async fn named(test: &TestApp, them: &TestVendor, admin: &TestUser) -> Named {
    let secret_id = "site-of-theirs-0123456789";
    test.site(them, secret_id, "access-key-of-theirs-0123456789")
        .await;
    let value = json!({ "type": "generic", "a": CANARY });
    test.credential(them, "only-theirs", value).await;
    let worker = test.worker(them, &["*"]).await;
    let target = test.user(them, "only-theirs", &[]).await;
    let session = test.user_session(&target).await;
    let sessions = test.get("/api/user/sessions").bearer(&session).send().await;
    let issued = test.post("/api/site").bearer(&them.public_key).send().await;
    let hook = test
        .hook(them, &format!("http://127.0.0.1:9/?{CANARY}"))
        .await;
    let delivery = test.knock(them, &hook).await;
    let pairs = test
        .get("/api/key-pairs")
        .bearer(&them.private_key)
        .send()
        .await;
    let entry = (0..5).map(|n| format!("{CANARY}-{n}"));
    let mut last = 0;
    for key in entry {
        last = test.entry(admin, &key, json!({})).await;
    }
    let path = format!("/api/v1/accounts/{}/messages", them.id);
    let posted = test.post(&path).bearer(&them.public_key);
    assert_eq!(posted.json(&message(CANARY)).send().await.status, 201);
    let read = "SELECT max(id) FROM client_messages";
    let posted: i64 = test.sql().await.query_one(read, &[]).await.unwrap().get(0);
    let first = |list: &Value| list["items"][0]["id"].as_str().unwrap().to_owned();
    let plain = str::to_owned;
    let nobodys = plain("00000000-0000-7000-8000-000000000000");
    BTreeMap::from([
        (
            "{secretId}",
            [plain(secret_id), plain("site-of-nobodys-012345678")],
        ),
        ("{key}", [plain("only-theirs"), plain("only-nobody")]),
        (
            "{login}",
            [worker.login, format!("w0000000000000001@{THEIRS}")],
        ),
        ("{user}", [plain("only-theirs"), plain("only-nobody")]),
        (
            "{session}",
            [first(&sessions.json), plain("00000000000000ff")],
        ),
        (
            "{issuance}",
            [issued.text_of("issuanceId"), nobodys.clone()],
        ),
        ("{webhook}", [hook.id, plain("wh00000000000000ff")]),
        ("{delivery}", [delivery, nobodys]),
        ("{pair}", [first(&pairs.json), plain("00000000000000ff")]),
        (
            "{jwtKey}",
            [
                test.register_key(them, &Signer::ed25519()).await,
                plain("jk00000000000000ff"),
            ],
        ),
        ("{entry}", [last.to_string(), plain("4711")]),
        ("{message}", [posted.to_string(), plain("4711")]),
        ("{account}", [them.id.to_string(), plain("4711")]),
        ("{id}", [them.id.to_string(), plain("4711")]),
        // `federation_policies.rs`.
        (
            "{policy}",
            [plain("tp0000000000000001"), plain("tp0000000000000001")],
        ),
    ])
}

/// Everybody of the vendor who asks.
async fn askers(test: &TestApp, us: &TestVendor, admin: &TestUser) -> Vec<(&'static str, Shown)> {
    let worker = test.worker(us, &["*"]).await;
    let plain = test.user(us, "plain", &[]).await;
    vec![
        ("public key", Shown::Bearer(us.public_key.clone())),
        ("private key", Shown::Bearer(us.private_key.clone())),
        ("pair", Shown::TrustedLogin(us.clone())),
        ("version 2", Shown::Version2(us.clone())),
        ("worker", Shown::Bearer(test.session(&worker).await)),
        ("user", Shown::Bearer(test.user_session(&plain).await)),
        (
            "administrator",
            Shown::Bearer(test.user_session(admin).await),
        ),
    ]
}

/// A digest of each table's rows that are the vendor's.
async fn rows_of(test: &TestApp, vendor: &TestVendor) -> BTreeMap<String, String> {
    let client = test.sql().await;
    let tables = "SELECT c.table_name::text FROM information_schema.columns c JOIN information_schema.tables t \
                  USING (table_schema, table_name) WHERE c.column_name = 'vendor_id' AND c.table_schema = 'public' \
                  AND t.table_type = 'BASE TABLE'";
    let mut all = BTreeMap::new();
    for row in client.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        // Written by the service's own tasks, whoever asks.
        if [
            "event_blocks",
            "event_chains",
            "events_to_chain",
            "api_key_uses",
            "lockbox_handovers",
            "lockbox_holders",
            "vendor_checks",
            "webhook_deliveries",
            "webhook_endpoints",
        ]
        .contains(&table.as_str())
        {
            continue;
        }
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') \
             FROM {table} t WHERE vendor_id = {}",
            vendor.id
        );
        let digest: String = client.query_one(&sql, &[]).await.unwrap().get(0);
        all.insert(table, digest);
    }
    all
}

/// The request to a route about something: of its parameters, one names it, and others are the vendor's own.
fn path_of(route: &Route, us: &TestVendor, at: usize, name: &str) -> String {
    let parts = route
        .path
        .split('/')
        .enumerate()
        .map(|(n, part)| match part {
            _ if n == at => name.to_owned(),
            "{account}" | "{id}" => us.id.to_string(),
            "{key}" => "own".to_owned(),
            "{version}" => "1".to_owned(),
            "{user}" => "plain".to_owned(),
            part => part.to_owned(),
        });
    parts.collect::<Vec<_>>().join("/")
}

/// A body that gets as far as the thing itself.
fn body_of(route: &Route) -> Value {
    match (route.method, route.path) {
        ("GET" | "DELETE", _) => Value::Null,
        (_, path) if path.ends_with("/login-attempts") => {
            crate::support::trustedlogin::login_attempt()
        }
        (_, path) if path.ends_with("/destroy") || path.ends_with("/undelete") => {
            json!({ "versions": [1] })
        }
        (_, path) if path.ends_with("/rollback") => json!({ "version": 1 }),
        (_, path) if path.ends_with("/messages") => message("x"),
        (_, path) if path.contains("/vault/") || path.contains("/entries/") => {
            json!({ "key": "one", "value": "v", "type": "text" })
        }
        ("PUT", path) if path.contains("/credentials/") => {
            json!({ "value": { "type": "generic", "a": "b" } })
        }
        (_, path) if path.contains("/accounts/") => {
            json!({ "searchKeys": ["unknown_access-key_0001"], "api_endpoint": "http://127.0.0.1:9/" })
        }
        _ => json!({}),
    }
}

#[tokio::test]
async fn what_is_the_neighbours_is_not_there_for_anybody() {
    let (test, wire) = Wire::start().await;
    let _held = test.hold_deliveries().await;
    let (us, our_admin) = test.lockbox(OURS).await;
    let (them, their_admin) = test.lockbox(THEIRS).await;
    test.credential(&us, "own", json!({ "type": "generic", "a": "b" }))
        .await;
    let named = named(&test, &them, &their_admin).await;
    let askers = askers(&test, &us, &our_admin).await;
    let before = rows_of(&test, &them).await;
    wire.forget();
    let (mut cells, mut faults) = (0, Vec::new());
    for route in ROUTES
        .iter()
        .filter(|route| !route.path.starts_with("/api/admin/"))
    {
        for (at, parameter) in route.path.split('/').enumerate() {
            // A version is of the credential before it.
            if !parameter.starts_with('{') || parameter == "{version}" {
                continue;
            }
            let pair = if route.path.starts_with("/api/v1/vault/") {
                &named["{entry}"]
            } else {
                &named[parameter]
            };
            for (who, shown) in &askers {
                let mut answers = Vec::new();
                for name in pair {
                    let path = path_of(route, &us, at, name);
                    let answer = send(&test, route, &path, &body_of(route), shown).await;
                    let what = format!("{} {path} as {who}", route.method);
                    if answer.text.contains(CANARY) || answer.status >= 500 {
                        faults.push(format!("{what}: {answer:?}"));
                    }
                    answers.push((what, blank(&answer, name)));
                }
                cells += 1;
                let [(what, theirs), (_, nobodys)] = &answers[..] else {
                    unreachable!()
                };
                // The vendor's own story of that name, with these very calls; and the number of a new report.
                let tells_own =
                    route.path.ends_with("/access-logs") || route.path.ends_with("/login-attempts");
                let same = if tells_own {
                    theirs[..3] == nobodys[..3]
                } else {
                    theirs == nobodys
                };
                if !same {
                    faults.push(format!("{what}:\n  {theirs}\n  {nobodys}"));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(cells > 250, "{cells}");
    assert_eq!(rows_of(&test, &them).await, before);
    for engine in ["store", "credentials"] {
        let asked = wire.calls_to(&format!("{THEIRS}-{engine}"));
        assert!(asked.is_empty(), "{asked:?}");
    }
    let read = test.bao_root(
        Method::GET,
        &format!("{THEIRS}-store/site-of-theirs-0123456789"),
    );
    assert_eq!(read.send().await.json["data"]["identifier"], "canary");
}
