//! Every route as every caller.

mod ended;
mod federation;
pub mod lockbox;
mod neighbours;
mod oauth;
mod operators;
mod persons;
mod trustedlogin;

use std::collections::BTreeSet;

use gatehouse::routes::{Caller, ROUTES, Route, paths};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::callers::{Shown, delete_key, revoked_operator};
use crate::support::http::Answer;
use crate::support::receiver::TestHook;
use crate::support::{TestApp, TestVendor, TestWorker};
use crate::{access_credentials, access_users, issuances, key_pairs, webhooks};

const SITE: &str = "site-of-a-0123456789";

/// A request that its rightful callers are served: path, body, and the answers to vendor A and to vendor B.
pub struct Case {
    pub path: String,
    pub body: Value,
    pub own: u16,
    pub others: u16,
}

pub fn case(path: &str, body: Value, own: u16, others: u16) -> Case {
    let path = path.to_owned();
    Case {
        path,
        body,
        own,
        others,
    }
}

/// The request to a route; `None` where the table below does not know it.
#[expect(clippy::match_same_arms, reason = "one line a route, or a rule")]
pub fn request(
    route: &Route,
    a: &TestVendor,
    worker: &TestWorker,
    hook: &TestHook,
) -> Option<Case> {
    let none = || Value::Null;
    Some(match (route.method, route.path) {
        ("GET", "/healthz" | "/readyz" | "/metrics" | "/openapi.json" | "/docs") => {
            case(route.path, none(), 200, 200)
        }
        ("POST", "/webhooks/vendor-signup") => case(route.path, json!({}), 401, 401),
        ("POST", "/api/vendors/claim") => case(route.path, json!({ "claimToken": "x" }), 401, 401),
        ("POST", "/api/site" | "/sites/token") => case(route.path, none(), 200, 200),
        ("POST", "/sites") => {
            let body = json!({ "secretId": "registered-anew-01" });
            case(route.path, body, 201, 201)
        }
        ("GET", "/sites") => case(route.path, none(), 200, 200),
        ("POST", "/sites/search") => {
            let body = json!({ "searchKeys": ["unknown_access-key_0001"] });
            case(route.path, body, 200, 200)
        }
        ("GET", "/sites/{secretId}") => case(&format!("/sites/{SITE}"), none(), 200, 404),
        ("DELETE", "/sites/{secretId}") => case("/sites/unknown-secret-id-1", none(), 200, 200),
        (_, path) if path.contains("/key-pairs") && !path.ends_with("/private-key") => {
            return key_pairs::request(route);
        }
        (method, path) if path.contains("/issuances") => issuances::access(method, path)?,
        ("GET", path) if path.ends_with("/access-logs") || path.ends_with("/login-attempts") => {
            let path = path.replace("{namespace}", "vendor-a");
            case(&path.replace("{secretId}", SITE), none(), 200, 200)
        }
        (method, path) if path.contains("/webhooks") => {
            let (path, body, own, others) = webhooks::access(method, path, hook)?;
            case(&path, body, own, others)
        }
        (_, path) if path.contains("/user") || path.contains("/groups") => {
            return access_users::request(route);
        }
        (_, path) if path.contains("credential") || path.contains("worker") => {
            return access_credentials::request(route, worker);
        }
        _ => {
            let found = federation::request(route).or_else(|| persons::request(route));
            let found = found.or_else(|| operators::request(route));
            return found.or_else(|| trustedlogin::request(route, a));
        }
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Who {
    Nobody,
    /// Of no known form, revoked, or forged.
    Refused,
    PublicKey,
    Vendor,
    OtherPublicKey,
    OtherVendor,
    Operator,
    /// An operator who logged in.
    Person,
    /// The same, before all is done that the first log-in is for.
    EnrollingPerson,
    DeleteKey,
    /// Of vendor A; may read what it has.
    Worker,
    OtherWorker,
    /// Of vendor A.
    User,
    TokenUser,
    EnrollingUser,
    Administrator,
    TokenAdministrator,
    OtherUser,
    OtherAdministrator,
}

impl Who {
    fn is_user(self) -> bool {
        matches!(
            self,
            Self::User
                | Self::TokenUser
                | Self::EnrollingUser
                | Self::Administrator
                | Self::TokenAdministrator
                | Self::OtherUser
                | Self::OtherAdministrator
        )
    }

    /// Of vendor B.
    fn is_other(self) -> bool {
        matches!(
            self,
            Self::OtherPublicKey
                | Self::OtherVendor
                | Self::OtherWorker
                | Self::OtherUser
                | Self::OtherAdministrator
        )
    }
}

/// What a kind of route answers to somebody. `None`: as to its rightful caller.
#[expect(clippy::match_same_arms, reason = "one line a route, or a rule")]
fn refusal(route: Caller, who: Who) -> Option<u16> {
    use Who::{
        Administrator, DeleteKey, EnrollingPerson, EnrollingUser, Nobody, Operator,
        OtherAdministrator, OtherPublicKey, OtherVendor, OtherWorker, Person, PublicKey, Refused,
        TokenAdministrator, Vendor, Worker,
    };
    match (route, who) {
        (Caller::Anyone | Caller::Billing | Caller::ClaimHolder | Caller::LogIn, _) => None,
        (Caller::Connector, Vendor | OtherVendor) => None,
        // TrustedLogin's dialect knows no 401.
        (Caller::Connector, _) => Some(403),
        (_, Nobody | Refused) => Some(401),
        (Caller::Person | Caller::EnrollingPerson | Caller::Operator, Person) => None,
        (Caller::EnrollingPerson, EnrollingPerson) => None,
        (Caller::Person | Caller::EnrollingPerson, _) | (_, Person | EnrollingPerson) => Some(403),
        (Caller::User, EnrollingUser) => Some(403),
        (Caller::User | Caller::EnrollingUser, who) => (!who.is_user()).then_some(403),
        (Caller::UserAdmin, Administrator | TokenAdministrator | OtherAdministrator) => None,
        (Caller::UserAdmin, Vendor | OtherVendor) => None,
        (Caller::UserAdmin, _) => Some(403),
        (_, who) if who.is_user() => Some(403),
        // It is good at its own path only.
        (Caller::Remover, DeleteKey) => Some(401),
        (Caller::Reader, Worker | OtherWorker | Vendor | OtherVendor) => None,
        (Caller::Reader, _) | (_, Worker | OtherWorker) => Some(403),
        (Caller::Operator, Operator) => None,
        (Caller::Operator, _) | (_, Operator | DeleteKey) => Some(403),
        (Caller::Vendor, PublicKey | OtherPublicKey) => Some(403),
        _ => None,
    }
}

async fn callers(
    test: &TestApp,
    a: &TestVendor,
    b: &TestVendor,
    worker: &TestWorker,
) -> Vec<(Who, &'static str, Shown)> {
    let bearer = |text: &str| Shown::Bearer(text.to_owned());
    let forged = |key: &str| {
        let last = if key.ends_with('0') { "1" } else { "0" };
        Shown::Bearer(format!("{}{last}", &key[..key.len() - 1]))
    };
    let sign_up = json!({
        "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
        "data": { "namespace": "vendor-c", "name": "C" },
    });
    let claim = test.webhook("msg_1", &sign_up).await.text_of("claimToken");
    let hook = test.hook(a, "http://127.0.0.1:9/secret").await;
    let session = test.session(worker).await;
    let other = test.session(&test.worker(b, &["*"]).await).await;
    let mut crossed = a.clone();
    crossed.public_key.clone_from(&b.public_key);
    vec![
        (Who::Nobody, "nobody", Shown::Nothing),
        (Who::Refused, "garbage", bearer("garbage")),
        (Who::Refused, "a worker's key", bearer(&worker.key)),
        (Who::Worker, "worker of A", bearer(&session)),
        (
            Who::Worker,
            "bare worker of A",
            Shown::Bare(session.clone()),
        ),
        (Who::OtherWorker, "worker of B", bearer(&other)),
        (
            Who::Refused,
            "bare operator",
            Shown::Bare(test.operator.clone()),
        ),
        (Who::Refused, "basic", Shown::Bare("Basic YQ==".to_owned())),
        (Who::Refused, "wrong public key", forged(&a.public_key)),
        (Who::Refused, "wrong private key", forged(&a.private_key)),
        (Who::Refused, "half of a pair", bearer(&"a".repeat(64))),
        (
            Who::Refused,
            "crossed pair",
            Shown::TrustedLogin(crossed.clone()),
        ),
        (Who::Refused, "crossed version 2", Shown::Version2(crossed)),
        (Who::Refused, "claim token", bearer(&claim)),
        (Who::Refused, "a webhook's secret", bearer(&hook.secret)),
        (
            Who::Refused,
            "revoked operator",
            bearer(&revoked_operator(test).await),
        ),
        (Who::PublicKey, "pk of A", bearer(&a.public_key)),
        (Who::Vendor, "sk of A", bearer(&a.private_key)),
        (Who::Vendor, "pair of A", Shown::TrustedLogin(a.clone())),
        (Who::Vendor, "version 2 of A", Shown::Version2(a.clone())),
        (Who::OtherPublicKey, "pk of B", bearer(&b.public_key)),
        (Who::OtherVendor, "sk of B", bearer(&b.private_key)),
        (
            Who::OtherVendor,
            "pair of B",
            Shown::TrustedLogin(b.clone()),
        ),
        (Who::Operator, "operator", bearer(&test.operator)),
        (
            Who::DeleteKey,
            "delete key",
            Shown::Bare(delete_key(test, a, "site-with-delete-key").await),
        ),
    ]
}

pub async fn send(
    test: &TestApp,
    route: &Route,
    path: &str,
    body: &Value,
    shown: &Shown,
) -> Answer {
    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
    let call = test.call(method, path).shown(shown);
    let call = if body.is_null() {
        call
    } else {
        call.json(body)
    };
    call.send().await
}

/// The places a route answers at, for one request to it.
pub fn places(route: &Route, case: &Case) -> Vec<String> {
    let place = |path: String| {
        let (before, behind) = path.split_once(route.path).unwrap();
        format!("{before}{}{behind}", case.path)
    };
    paths(route).map(place).collect()
}

/// A body without what differs from request to request.
fn blank(answer: &Answer) -> Value {
    let mut body = answer.json.clone();
    body["request_id"] = Value::Null;
    body
}

#[tokio::test]
async fn every_route_serves_its_callers_and_nobody_else() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    test.site(&a, SITE, "access-key-of-a-0123456789").await;
    issuances::name_first(&test).await;
    let worker = test.worker(&a, &["*"]).await;
    let hook = test.hook(&a, "http://127.0.0.1:9/").await;
    let value = json!({ "type": "generic", "a": "b" });
    test.credential(&a, "cred", value.clone()).await;
    for vendor in [&a, &b] {
        test.credential(vendor, "taken", value.clone()).await;
    }
    access_users::prepare(&test, &a, &b).await;
    let machines = callers(&test, &a, &b, &worker).await;
    let users = async |round: usize| access_users::callers(&test, &a, &b, round).await;
    let people = async |round: usize| persons::callers(&test, round).await;
    let mut callers = [machines.clone(), people(0).await, users(0).await].concat();
    let mut unauthorized = Vec::new();
    for route in ROUTES.iter().filter(|route| !lockbox::has(route)) {
        let case = request(route, &a, &worker, &hook)
            .unwrap_or_else(|| panic!("{} {} is not in the table", route.method, route.path));
        for path in places(route, &case) {
            let asked = callers
                .iter()
                .filter(|(who, ..)| !persons::passes(route, *who));
            for (who, name, shown) in asked {
                let who = &trustedlogin::seen_as(route, *who, shown);
                let right = if who.is_other() {
                    case.others
                } else {
                    case.own
                };
                let refused = refusal(route.caller, *who);
                let refused = refused.or_else(|| access_users::refusal(route, *who));
                let refused = refused.or_else(|| persons::refusal(route, *who));
                let expected = refused.unwrap_or(right);
                let answer = send(&test, route, &path, &case.body, shown).await;
                let what = format!("{} {path} as {name}", route.method);
                assert_eq!(answer.status, expected, "{what}: {answer:?}");
                let kept = oauth::cache_control(route);
                assert_eq!(answer.headers["cache-control"], kept, "{what}");
                assert_eq!(
                    answer.headers["x-content-type-options"], "nosniff",
                    "{what}"
                );
                if answer.status >= 400 {
                    answer.expect_error(&path, expected, answer.code());
                }
                if answer.status == 401 && *who == Who::Refused {
                    unauthorized.push((route.caller, blank(&answer)));
                }
            }
        }
        if access_users::logs_out(route) {
            callers = [machines.clone(), people(1).await, users(1).await].concat();
        }
        if persons::logs_out(route) {
            callers = [machines.clone(), people(2).await, users(2).await].concat();
        }
    }
    // Unknown, forged, revoked: nobody is told which.
    let of_keys = unauthorized.iter().filter(|(caller, _)| {
        !matches!(
            caller,
            Caller::Billing | Caller::ClaimHolder | Caller::LogIn
        )
    });
    let bodies: BTreeSet<String> = of_keys.map(|(_, body)| body.to_string()).collect();
    let (own, borrowed): (Vec<_>, Vec<_>) = bodies.iter().partition(|body| body.contains("title"));
    assert_eq!((own.len(), borrowed.len()), (1, 1), "{bodies:?}");
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_are_allowed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let worker = test.worker(&vendor, &["*"]).await;
    let hook = test.hook(&vendor, "http://127.0.0.1:9/").await;
    for route in ROUTES {
        let case = request(route, &vendor, &worker, &hook);
        let case = case.or_else(|| lockbox::request(route)).unwrap();
        for path in places(route, &case) {
            for method in ["TRACE", "PROPFIND", "get"] {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let call = test.call(method.clone(), &path).bearer(&test.operator);
                let answer = call.send().await;
                assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
                answer.expect_error(&path, 405, "method_not_allowed");
                let allow = answer.headers["allow"].to_str().unwrap();
                let allowed: BTreeSet<&str> = allow.split(", ").collect();
                assert!(allowed.contains(route.method), "{path}: {allow}");
            }
        }
    }
    let nowhere = test.get("/api/nowhere").bearer(&test.operator).send().await;
    nowhere.expect_problem(404, "not_found");
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let call = test.get("/sites").bearer(&vendor.private_key);
    let answer = call.bearer(&vendor.private_key).send().await;
    answer.expect_problem(401, "credentials_invalid");
}
