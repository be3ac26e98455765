//! Every route whose path names something, asked by everybody of one vendor about what is another's: as if it were not
//! there, to the byte; and nothing of the other's is touched, in the database and in OpenBao. The others are a neighbour, a
//! vendor of the same owner, one that was deleted, and one that is suspended.

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

const OURS: &str = "acmes";
/// Their namespaces begin with ours.
const THEIRS: [&str; 4] = ["acmes-x", SAME_OWNERS, DELETED, SUSPENDED];
const SAME_OWNERS: &str = "acmes2";
const DELETED: &str = "acmes-gone";
const SUSPENDED: &str = "acmes-shut";
/// Stands in everything that is the neighbour's.
const CANARY: &str = "canary-of-the-neighbour";

/// What a parameter of a path names: something of another vendor's, and nothing.
type Named = BTreeMap<&'static str, [String; 2]>;

/// Another vendor, and what it has.
struct Other {
    vendor: TestVendor,
    named: Named,
    before: BTreeMap<String, String>,
}

/// Everything another vendor has that a path can name.
async fn named(test: &TestApp, them: &TestVendor, admin: &TestUser) -> Named {
    let secret_id = secret_of(&them.namespace);
    let access_key = format!("access-key-of-{}-0123456789", them.namespace);
    test.site(them, &secret_id, &access_key).await;
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
            [secret_id, plain("site-of-nobodys-012345678")],
        ),
        ("{key}", [plain("only-theirs"), plain("only-nobody")]),
        (
            "{login}",
            [worker.login, plain("w0000000000000001@acmes-x")],
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

fn secret_of(namespace: &str) -> String {
    format!("site-of-{namespace}-0123456789")
}

/// The other vendors, as they are to be, with all that is to happen to them over.
async fn others(test: &TestApp, us: &TestVendor) -> Vec<Other> {
    let mut others = Vec::new();
    for namespace in THEIRS {
        let (vendor, admin) = test.lockbox(namespace).await;
        let named = named(test, &vendor, &admin).await;
        others.push((vendor, named));
    }
    for namespace in [us.namespace.as_str(), SAME_OWNERS] {
        let path = format!("/api/admin/vendors/{namespace}");
        let call = test.call(Method::PATCH, &path).bearer(&test.operator);
        let owner = json!({ "ownerName": "Erika", "ownerEmail": "erika@owner.example" });
        let changed = call.json(&owner).send().await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let suspended = test.operate(Method::POST, SUSPENDED, "/suspend").await;
    assert_eq!(suspended.json["status"], "suspended", "{suspended:?}");
    assert!(matches!(test.cancel(DELETED).await.status, 200 | 202));
    test.until_gone(DELETED).await;
    for task in [
        "revoke_tokens",
        "follow_workers",
        "tidy_credentials",
        "delete_entities",
    ] {
        test.pass(task).await;
    }
    let mut all = Vec::new();
    for (vendor, named) in others {
        let before = rows_of(test, &vendor).await;
        all.push(Other {
            vendor,
            named,
            before,
        });
    }
    all
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

/// What is asked about something, and what is answered.
struct Told {
    what: String,
    /// Without what differs from request to request.
    blank: String,
    fault: Option<String>,
}

async fn told(
    test: &TestApp,
    route: &Route,
    (path, name): (&str, &str),
    (who, shown): &(&'static str, Shown),
) -> Told {
    let answer = send(test, route, path, &body_of(route), shown).await;
    let what = format!("{} {path} as {who}", route.method);
    let is_fault = answer.text.contains(CANARY) || answer.status >= 500;
    Told {
        blank: blank(&answer, name),
        fault: is_fault.then(|| format!("{what}: {answer:?}")),
        what,
    }
}

/// A parameter of a path, and its place; a version is of the credential before it.
fn parameters(route: &Route) -> impl Iterator<Item = (usize, &'static str)> {
    let entry = route.path.starts_with("/api/v1/vault/");
    let parts = route.path.split('/').enumerate();
    parts
        .filter(|(_, part)| part.starts_with('{') && *part != "{version}")
        .map(move |(at, part)| (at, if entry { "{entry}" } else { part }))
}

#[tokio::test]
async fn what_is_anothers_is_not_there_for_anybody() {
    let (test, wire) = Wire::start().await;
    let _held = test.hold_deliveries().await;
    let (us, our_admin) = test.lockbox(OURS).await;
    test.credential(&us, "own", json!({ "type": "generic", "a": "b" }))
        .await;
    let others = others(&test, &us).await;
    let askers = askers(&test, &us, &our_admin).await;
    wire.forget();
    let (mut cells, mut faults) = (0, Vec::new());
    for route in ROUTES
        .iter()
        .filter(|route| !route.path.starts_with("/api/admin/"))
    {
        for (at, parameter) in parameters(route) {
            for asker in &askers {
                let [_, name] = &others[0].named[parameter];
                let path = path_of(route, &us, at, name);
                let nobodys = told(&test, route, (&path, name), asker).await;
                faults.extend(nobodys.fault);
                for other in &others {
                    let [name, _] = &other.named[parameter];
                    let path = path_of(route, &us, at, name);
                    let theirs = told(&test, route, (&path, name), asker).await;
                    faults.extend(theirs.fault);
                    cells += 1;
                    // The vendor's own story of that name, with these very calls; and the number of a new report.
                    let tells_own = route.path.ends_with("/access-logs")
                        || route.path.ends_with("/login-attempts");
                    let same = if tells_own {
                        theirs.blank[..3] == nobodys.blank[..3]
                    } else {
                        theirs.blank == nobodys.blank
                    };
                    if !same {
                        let (what, said) = (theirs.what, theirs.blank);
                        faults.push(format!("{what}:\n  {said}\n  {}", nobodys.blank));
                    }
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
    assert!(cells > 1000, "{cells}");
    for other in &others {
        let namespace = other.vendor.namespace.as_str();
        assert_eq!(
            rows_of(&test, &other.vendor).await,
            other.before,
            "{namespace}"
        );
        for engine in ["store", "credentials"] {
            let asked = wire.calls_to(&format!("{namespace}-{engine}"));
            assert!(asked.is_empty(), "{asked:?}");
        }
        let path = format!("{namespace}-store/{}", secret_of(namespace));
        let secret = test.bao_root(Method::GET, &path).send().await;
        let is_there = secret.json["data"]["identifier"] == "canary";
        assert_eq!(is_there, namespace != DELETED, "{namespace}");
    }
}
