//! Every route as everybody whose proof has ended, and as everybody who lives by a vendor that is suspended.

use gatehouse::routes::{Caller, ROUTES, Route};
use reqwest::Method;
use serde_json::json;

use super::{
    Case, Who, access_users, lockbox, persons, places, refusal, request, send, trustedlogin,
};
use crate::isolation::blank;
use crate::key_pairs::rotated;
use crate::support::callers::{Shown, delete_key};
use crate::support::http::Answer;
use crate::support::receiver::TestHook;
use crate::support::{TestApp, TestUser, TestVendor, TestWorker, users};

/// What the table of requests needs.
struct Fixture {
    test: TestApp,
    a: TestVendor,
    worker: TestWorker,
    hook: TestHook,
    admin: TestUser,
}

impl Fixture {
    /// Vendor A with something of everything.
    async fn new() -> Self {
        let test = TestApp::start().await;
        let (a, admin) = test.lockbox("vendor-a").await;
        let b = test.vendor("vendor-b").await;
        test.site(&a, super::SITE, "access-key-of-a-0123456789")
            .await;
        crate::issuances::name_first(&test).await;
        let worker = test.worker(&a, &["*"]).await;
        let hook = test.hook(&a, "http://127.0.0.1:9/").await;
        for key in ["cred", "taken"] {
            let value = json!({ "type": "generic", "a": "b" });
            test.credential(&a, key, value).await;
        }
        access_users::prepare(&test, &a, &b).await;
        Self {
            test,
            a,
            worker,
            hook,
            admin,
        }
    }

    fn case(&self, route: &Route) -> Case {
        let case = if lockbox::has(route) {
            lockbox::request(route)
        } else {
            request(route, &self.a, &self.worker, &self.hook)
        };
        case.unwrap_or_else(|| panic!("{} {} is not in the table", route.method, route.path))
    }

    /// Everybody who proves something by a vendor's pair, made as long as it is good.
    async fn by_pair(&self, vendor: &TestVendor) -> Vec<(Who, &'static str, Shown)> {
        let bearer = |text: &str| Shown::Bearer(text.to_owned());
        vec![
            (Who::PublicKey, "public key", bearer(&vendor.public_key)),
            (Who::Vendor, "private key", bearer(&vendor.private_key)),
            (Who::Vendor, "pair", Shown::TrustedLogin(vendor.clone())),
            (Who::Vendor, "version 2", Shown::Version2(vendor.clone())),
            (
                Who::Vendor,
                "access token",
                bearer(&self.test.vendor_token(vendor).await),
            ),
        ]
    }

    /// Everybody who lives by a vendor in another way.
    async fn by_name(&self, vendor: &TestVendor, round: usize) -> Vec<(Who, &'static str, Shown)> {
        let test = &self.test;
        let worker = test.worker(vendor, &["*"]).await;
        let plain = test.user(vendor, &format!("plain{round}"), &[]).await;
        let admin = format!("head{round}");
        let admin = test.user(vendor, &admin, &["Administrators"]).await;
        let session = test.user_session(&plain).await;
        vec![
            (
                Who::Worker,
                "worker",
                Shown::Bearer(test.session(&worker).await),
            ),
            (
                Who::Worker,
                "worker's access token",
                Shown::Bearer(test.granted(&worker.login, &worker.key).await),
            ),
            (Who::User, "user", Shown::Bearer(session.clone())),
            (
                Who::TokenUser,
                "user's token",
                Shown::Bearer(test.user_token(&session).await),
            ),
            (
                Who::Administrator,
                "administrator",
                Shown::Bearer(test.user_session(&admin).await),
            ),
            (
                Who::Administrator,
                "administrator by password",
                Shown::Bare(users::basic(&admin.login, &admin.password)),
            ),
        ]
    }
}

/// Ends the older of two pairs.
async fn end_older(test: &TestApp, by: &TestVendor) {
    let list = test.get("/api/key-pairs").bearer(&by.private_key);
    let list = list.send().await.json;
    let path = format!(
        "/api/key-pairs/{}",
        list["items"][1]["id"].as_str().unwrap()
    );
    let ended = test.delete(&path).bearer(&by.private_key).send().await;
    assert_eq!(ended.json["status"], "ended", "{ended:?}");
}

/// Somebody whose proof has ended, and somebody who never had one.
struct Ended {
    who: Who,
    name: String,
    shown: Shown,
    never: Shown,
}

impl Ended {
    /// Operators' routes know no vendor's keys: a few are enough.
    fn asks(&self, route: &Route) -> bool {
        !route.path.starts_with("/api/admin/") || self.name.starts_with("private key")
    }
}

/// Everybody of vendor A and of a deleted vendor whose proof has ended.
async fn ended(fixture: &mut Fixture) -> Vec<Ended> {
    let test = &fixture.test;
    let mut all = Vec::new();
    let mut add = |of: &str, callers: Vec<(Who, &'static str, Shown)>| {
        all.extend(callers.into_iter().map(|(_, name, shown)| Ended {
            who: Who::Refused,
            name: format!("{name} {of}"),
            shown,
            never: Shown::Bearer("never-was".to_owned()),
        }));
    };
    let new = rotated(test, &fixture.a, json!({})).await;
    add(
        "of a pair that has ended",
        fixture.by_pair(&fixture.a).await,
    );
    end_older(test, &new).await;
    let removed = test.worker(&new, &["*"]).await;
    let session = Shown::Bearer(test.session(&removed).await);
    let token = Shown::Bearer(test.granted(&removed.login, &removed.key).await);
    let path = format!("/api/workers/{}", removed.login);
    let gone = test.delete(&path).bearer(&new.private_key).send().await;
    assert_eq!(gone.status, 200, "{gone:?}");
    add(
        "of a worker that was removed",
        vec![
            (Who::Worker, "session", session),
            (Who::Worker, "access token", token),
        ],
    );
    let worker = test.worker(&new, &["*"]).await;
    let session = Shown::Bearer(test.session(&worker).await);
    let token = Shown::Bearer(test.granted(&worker.login, &worker.key).await);
    let path = format!("/api/workers/{}/keys", worker.login);
    let made = test.post(&path).bearer(&new.private_key);
    let made = made.json(&json!({ "overlap": 0 })).send().await;
    assert_eq!(made.status, 201, "{made:?}");
    add(
        "of a worker's key that has ended",
        vec![
            (Who::Worker, "session", session),
            (Who::Worker, "access token", token),
        ],
    );
    for key in [&removed.key, &worker.key] {
        let email = if *key == removed.key {
            &removed.login
        } else {
            &worker.login
        };
        let refused = test.log_in(email, key).await;
        refused.expect_problem(401, "credentials_invalid");
    }
    let them = test.vendor("vendor-gone").await;
    let theirs = [
        fixture.by_pair(&them).await,
        fixture.by_name(&them, 0).await,
    ]
    .concat();
    let key = delete_key(test, &them, "site-with-delete-key").await;
    // Who tries wrong passwords is put off.
    let theirs = theirs
        .into_iter()
        .filter(|(_, _, shown)| !matches!(shown, Shown::Bare(_)));
    add("of a deleted vendor", theirs.collect());
    // Told by its form, and looked up at its own routes only.
    let last = if key.ends_with('0') { "1" } else { "0" };
    all.push(Ended {
        who: Who::DeleteKey,
        name: "delete key of a deleted vendor".to_owned(),
        never: Shown::Bare(format!("{}{last}", &key[..key.len() - 1])),
        shown: Shown::Bare(key),
    });
    assert!(matches!(test.cancel("vendor-gone").await.status, 200 | 202));
    test.until_gone("vendor-gone").await;
    fixture.a = new;
    all
}

#[tokio::test]
async fn who_has_ended_is_refused_at_every_route_as_one_who_never_was() {
    let mut fixture = Fixture::new().await;
    let callers = ended(&mut fixture).await;
    let test = &fixture.test;
    let (mut cells, mut faults) = (0, Vec::new());
    for route in ROUTES {
        let case = fixture.case(route);
        for path in places(route, &case) {
            let mut strangers: Vec<(&Shown, Answer)> = Vec::new();
            let asked = callers.iter().filter(|one| one.asks(route));
            for one in asked {
                let right = refusal(route.caller, one.who).unwrap_or(case.own);
                if !strangers.iter().any(|(shown, _)| **shown == one.never) {
                    let answer = send(test, route, &path, &case.body, &one.never).await;
                    strangers.push((&one.never, answer));
                }
                let stranger = strangers.iter().find(|(shown, _)| **shown == one.never);
                let (_, stranger) = stranger.unwrap();
                let answer = send(test, route, &path, &case.body, &one.shown).await;
                let same = right < 400 || blank(&answer, "") == blank(stranger, "");
                cells += 1;
                if answer.status != right || !same {
                    let what = format!("{} {path} as {}", route.method, one.name);
                    faults.push(format!("{what}: not {right}\n  {answer:?}\n  {stranger:?}"));
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
    assert!(cells > 2000, "{cells}");
}

#[tokio::test]
async fn who_lives_by_a_suspended_vendor_is_refused_at_every_route_but_removal() {
    let fixture = Fixture::new().await;
    let (test, a) = (&fixture.test, &fixture.a);
    let mut callers = [fixture.by_pair(a).await, fixture.by_name(a, 1).await].concat();
    let basic = users::basic(&fixture.admin.login, &fixture.admin.password);
    callers.push((
        Who::Administrator,
        "who made the lockbox",
        Shown::Bare(basic),
    ));
    let suspended = test.operate(Method::POST, "vendor-a", "/suspend").await;
    assert_eq!(suspended.status, 200, "{suspended:?}");
    let (mut cells, mut faults) = (0, Vec::new());
    // Operators' routes are refused to all of these anyhow, and the others ask nobody who they are.
    let is_vendors = |route: &&Route| {
        use Caller::{Anyone, Billing, ClaimHolder, EnrollingPerson, LogIn, Operator, Person};
        let caller = route.caller;
        !matches!(
            caller,
            Anyone | Billing | ClaimHolder | LogIn | Operator | Person | EnrollingPerson
        )
    };
    for route in ROUTES.iter().filter(is_vendors) {
        let case = fixture.case(route);
        for path in places(route, &case) {
            for (who, name, shown) in &callers {
                let who = trustedlogin::seen_as(route, *who, shown);
                let refused = refusal(route.caller, who);
                let refused = refused.or_else(|| access_users::refusal(route, who));
                let refused = refused.or_else(|| persons::refusal(route, who));
                let answer = send(test, route, &path, &case.body, shown).await;
                // RPort's dialect has no codes.
                let is_told =
                    answer.code() == "vendor_suspended" || path.starts_with("/api/v1/vault");
                let is_right = match refused {
                    Some(status) => answer.status == status,
                    None if route.caller == Caller::Remover => answer.status == case.own,
                    None => answer.status == 403 && is_told,
                };
                cells += 1;
                if !is_right {
                    let what = format!("{} {path} as {name}", route.method);
                    faults.push(format!("{what}: {refused:?}\n  {answer:?}"));
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
}
