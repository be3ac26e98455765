//! What no route takes, tried on each of them as its rightful caller: B, D and G over the whole route table.

use std::collections::BTreeSet;

use gatehouse::routes::{Caller, ROUTES, Route};
use reqwest::Method;
use serde_json::{Value, json};

use super::known_fields::{NO_PAGES, fields};
use super::{JSON, LOGGED, fault, report};
use crate::access::{self, Case};
use crate::support::callers::Shown;
use crate::support::http::Answer;
use crate::support::receiver::TestHook;
use crate::support::wire::Seen;
use crate::support::{TestApp, TestVendor, TestWorker, Wire};
use crate::{access_users, issuances};

/// Everybody who may call anything, of one vendor.
pub struct Bench {
    test: TestApp,
    wire: Wire,
    vendor: TestVendor,
    worker: TestWorker,
    hook: TestHook,
    /// Of a user in `Administrators`.
    session: String,
    /// Of an operator who logged in.
    person: String,
}

impl Bench {
    async fn start() -> Self {
        let (test, wire) = Wire::start().await;
        let (vendor, admin) = test.lockbox("vendor-a").await;
        test.site(
            &vendor,
            "site-of-a-0123456789",
            "access-key-of-a-0123456789",
        )
        .await;
        issuances::name_first(&test).await;
        let other = test.vendor("vendor-b").await;
        test.vendor("vendor-c").await;
        let worker = test.worker(&vendor, &["*"]).await;
        let hook = test.hook(&vendor, "http://127.0.0.1:9/").await;
        for key in ["cred", "taken"] {
            let value = json!({ "type": "generic", "a": "b" });
            test.credential(&vendor, key, value).await;
        }
        test.entry(&admin, "one", json!({})).await;
        access_users::prepare(&test, &vendor, &other).await;
        let session = test.user_session(&admin).await;
        let person = test.person("erika").await;
        let person = test.operator_session(&person).await;
        test.keep_secret(LOGGED);
        Self {
            test,
            wire,
            vendor,
            worker,
            hook,
            session,
            person,
        }
    }

    fn case(&self, route: &Route) -> Case {
        let case = access::lockbox::request(route)
            .filter(|_| access::lockbox::has(route))
            .or_else(|| access::request(route, &self.vendor, &self.worker, &self.hook));
        case.unwrap_or_else(|| panic!("{} {} is not in the table", route.method, route.path))
    }

    fn rightful(&self, route: &Route) -> Shown {
        let bearer = |text: &str| Shown::Bearer(text.to_owned());
        match route.caller {
            Caller::Anyone | Caller::Billing | Caller::ClaimHolder | Caller::LogIn => {
                Shown::Nothing
            }
            Caller::PluginOrVendor
            | Caller::StorerOrBody
            | Caller::Remover
            | Caller::Vendor
            | Caller::Reader
            | Caller::UserAdmin => bearer(&self.vendor.private_key),
            Caller::User | Caller::EnrollingUser | Caller::LockboxAdmin => bearer(&self.session),
            Caller::Connector => Shown::TrustedLogin(self.vendor.clone()),
            Caller::Operator => bearer(&self.test.operator),
            Caller::Person | Caller::EnrollingPerson => bearer(&self.person),
            Caller::Visitor
            | Caller::Entrant
            | Caller::Holder
            | Caller::SignedIn
            | Caller::Member
            | Caller::Agent
            | Caller::Colleague
            | Caller::Steward => {
                panic!("no page is in this table: {}", route.path)
            }
        }
    }

    pub async fn send(
        &self,
        route: &Route,
        path: &str,
        kind: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let mut call = self.test.call(method, path).shown(&self.rightful(route));
        if let Some(kind) = kind {
            call = call.header("content-type", kind);
        }
        call.body(body).send().await
    }

    /// Wrong passwords would shut the user out.
    async fn forgive(&self) {
        let reset = "DELETE FROM login_tries";
        self.test.sql().await.batch_execute(reset).await.unwrap();
    }
}

/// The routes, those last that end the session of whoever calls them. What a vendor and an operator have in common is one
/// handler, and stands here once.
fn routes() -> impl Iterator<Item = &'static Route> {
    let mut seen = BTreeSet::new();
    let (last, first): (Vec<_>, Vec<_>) = ROUTES
        .iter()
        .filter(|route| seen.insert((route.operation)()))
        .partition(|route| access_users::logs_out(route));
    first.into_iter().chain(last)
}

pub fn is_borrowed(route: &Route) -> bool {
    route.path.starts_with("/api/v1/")
}

/// What is sent where a route has no body, and what its case has otherwise.
fn body_of(case: &Case) -> (Option<&'static str>, Vec<u8>) {
    if case.body.is_null() {
        (None, Vec::new())
    } else {
        (JSON, case.body.to_string().into_bytes())
    }
}

/// What is told of a path whose parameter is no name of anything.
fn of_no_name(route: &Route, parameter: &str) -> &'static [u16] {
    match (route.method, route.path, parameter) {
        // Plugins give up a site that nobody knows, and messages go once: both are done, by TrustedLogin's contract.
        ("DELETE", "/api/v1/sites/{secretId}", _) => &[200, 404],
        // RPort says so of ids that are no numbers.
        (_, "/api/v1/vault/{id}", _) => &[400, 404],
        _ => &[404],
    }
}

/// B-02 to B-20 and G-17, for each parameter of each path.
#[tokio::test]
async fn no_path_names_anything_that_breaks_its_grammar() {
    let bench = Bench::start().await;
    let long = "a".repeat(6000);
    let logged = format!("%09{LOGGED}");
    let bad = [
        "..%2fsys%2fmounts",
        "%2e%2e%2fcanary-store%2fs1",
        "%09..%2fcanary-store%2fs1",
        "%252e%252e%252f",
        "%c0%ae%c0%ae",
        "%00",
        "canary0123456789%00",
        "%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff",
        "*",
        "canary0123456789%3flist=true",
        "%e2%80%aecanary0123456789",
        "%d9%a1%d9%a2%d9%a3",
        "1.0",
        "%20",
        &logged,
        &long,
    ];
    let mut faults = Vec::new();
    for route in ROUTES {
        let case = bench.case(route);
        let (kind, body) = body_of(&case);
        for (at, parameter) in route.path.split('/').enumerate() {
            if !parameter.starts_with('{') {
                continue;
            }
            bench.wire.forget();
            for text in bad {
                let mut parts: Vec<&str> = case.path.split('/').collect();
                parts[at] = text;
                let path = parts.join("/");
                let answer = bench.send(route, &path, kind, body.clone()).await;
                let wanted = of_no_name(route, parameter);
                if let Some(fault) = fault(&path, &answer, wanted) {
                    faults.push(format!("{} {path:.90}: {fault}", route.method));
                }
            }
            let out: Vec<String> = bench.wire.deliberate().iter().map(Seen::line).collect();
            if !out.is_empty() {
                let place = format!("{} {}", route.method, route.path);
                faults.push(format!("{place}: OpenBao was asked: {out:?}"));
            }
        }
    }
    report(&faults);
}

/// The routes that read no body. One that comes is not looked at.
fn reads_none(route: &Route) -> bool {
    let ends = [
        "/access-tokens/revoke",
        "/app-token/renew",
        "/purge/run",
        "/{task}/run",
        "/token-keys",
        "/private-key",
        "/repair",
        "/resume",
        "/suspend",
        "/replay",
        "/lockbox/lock",
        "/credentials/{key}/test",
    ];
    let has_none = |path: &str| ends.iter().any(|end| path.ends_with(end));
    match route.method {
        "GET" => true,
        // A second factor is given up with its code.
        "DELETE" => route.path != "/api/user/totp",
        _ => {
            has_none(route.path)
                || (route.path.contains("/webhooks/") && route.path.ends_with("/test"))
        }
    }
}

/// D-01 to D-21 for the body of each route, whatever it is.
#[tokio::test]
async fn no_body_is_taken_that_is_not_what_it_says() {
    let bench = Bench::start().await;
    let logged = format!("{{\"{LOGGED}\"");
    let bad: [&[u8]; 14] = [
        b"{",
        b"canary",
        b"{} canary",
        b"{}\n{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"{\"canary\":\"\xff\"}",
        b"{\"canary\":1,}",
        b"{'canary':1}",
        b"// canary\n{}",
        b"[]",
        b"\"canary\"",
        b"null",
        logged.as_bytes(),
    ];
    // 401: the signature of a sign-up is looked at first. 415: what takes a form or a file of lines.
    let refused: &[u16] = &[400, 401, 415, 422];
    let mut faults = Vec::new();
    for route in routes().filter(|route| !reads_none(route)) {
        let path = bench.case(route).path;
        let name = format!("{} {}", route.method, route.path);
        for bytes in bad {
            let answer = bench.send(route, &path, JSON, bytes.to_vec()).await;
            if let Some(fault) = fault(&path, &answer, refused) {
                let text = String::from_utf8_lossy(bytes);
                faults.push(format!("{name} {text:?}: {fault}"));
            }
        }
        for kind in [
            None,
            Some("text/plain"),
            Some("application/vnd.canary+json"),
        ] {
            let answer = bench.send(route, &path, kind, b"{}".to_vec()).await;
            // RPort's API takes whatever its clients call it.
            let vault = route.path.starts_with("/api/v1/vault");
            let wanted: &[u16] = if vault { &[400] } else { &[415, 401] };
            if let Some(fault) = fault(&path, &answer, wanted) {
                faults.push(format!("{name} as {kind:?}: {fault}"));
            }
        }
        let answer = bench.send(route, &path, JSON, vec![b' '; 600 * 1024]).await;
        if let Some(fault) = fault(&path, &answer, &[413, 415]) {
            faults.push(format!("{name} too large: {fault}"));
        }
        bench.forgive().await;
    }
    report(&faults);
}

/// D-09, D-11, D-12 and D-21 for each field of each body.
#[tokio::test]
async fn no_field_takes_down_the_service_or_comes_back() {
    let bench = Bench::start().await;
    let nul = format!("{LOGGED}\0");
    let bad = [
        json!("\u{0}canary"),
        json!(nul),
        json!("canary\r\nX-Canary: canary"),
        json!("canary".repeat(5000)),
        json!(""),
        json!(-1),
        json!(1e300),
        Value::Null,
        json!([nul]),
        json!({ "other": nul }),
    ];
    let (any, errors): (Vec<u16>, Vec<u16>) = ((200..500).collect(), (400..500).collect());
    let (mut faults, mut tried) = (Vec::new(), 0);
    for route in routes().filter(|route| !reads_none(route)) {
        let case = bench.case(route);
        let known = fields(&bench, route, &case.path).await;
        // Forms, files of lines, and what is signed: `oauth.rs`, `credential_file.rs`, `lockbox_backup.rs`, `fields.rs`.
        let other = matches!(
            route.path,
            "/oauth/token"
                | "/oauth/revoke"
                | "/api/credential-file"
                | "/api/lockbox/restore"
                | "/webhooks/vendor-signup"
        );
        if known.is_empty() != other {
            faults.push(format!("{} {}: {known:?}", route.method, route.path));
        }
        for field in known {
            for value in &bad {
                let mut body = case.body.clone();
                if body.is_null() {
                    body = json!({});
                }
                body[&field] = value.clone();
                let bytes = body.to_string().into_bytes();
                let answer = bench.send(route, &case.path, JSON, bytes).await;
                // Fields that a borrowed dialect does not know are let be.
                let has_nul = value.to_string().contains("\\u0000") && !is_borrowed(route);
                let wanted = if has_nul { &errors } else { &any };
                if let Some(fault) = fault(&case.path, &answer, wanted) {
                    let name = format!("{} {}", route.method, route.path);
                    faults.push(format!("{name} {field}: {value:.60}: {fault}"));
                }
                tried += 1;
            }
        }
        bench.forgive().await;
    }
    report(&faults);
    assert!(tried > 1000, "{tried}");
}

/// G-22 for each route; G-13, G-14 and G-19 for each list.
#[tokio::test]
async fn no_route_takes_a_query_that_it_does_not_know() {
    let bench = Bench::start().await;
    let (mut faults, mut lists) = (Vec::new(), 0);
    let logged = format!("{LOGGED}=1");
    for route in routes() {
        // Probes and caches may add what they like, and so do clients of borrowed dialects.
        let ignores = route.caller == Caller::Anyone || is_borrowed(route);
        let case = bench.case(route);
        let (kind, body) = body_of(&case);
        let mut queries = vec!["canary=canary", "%00=1", "a[]=canary", "%ff", &logged];
        if route.method == "GET" && !ignores {
            let plain = bench.send(route, &case.path, None, Vec::new()).await;
            if plain.json.get("nextCursor").is_some() {
                queries.extend(NO_PAGES);
                lists += 1;
            }
        }
        for query in queries {
            let sign = if case.path.contains('?') { '&' } else { '?' };
            let path = format!("{}{sign}{query}", case.path);
            let answer = bench.send(route, &path, kind, body.clone()).await;
            let wrong = if ignores {
                (answer.status >= 500).then(|| answer.text.clone())
            } else {
                // Where the body is bad too, either may be told.
                let own = if case.own < 400 { 400 } else { case.own };
                fault(&case.path, &answer, &[400, own])
            };
            if let Some(fault) = wrong {
                faults.push(format!("{} {path}: {fault}", route.method));
            }
        }
    }
    report(&faults);
    assert!(lists > 15, "{lists}");
}
