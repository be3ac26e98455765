//! The lockbox's routes as every caller: its own, and those of RPort's dialect with RPort's errors.

use gatehouse::routes::{Caller, ROUTES, Route};
use serde_json::{Value, json};

use super::{Case, Who, callers, case, send};
use crate::support::callers::Shown;
use crate::support::users;
use crate::support::{TestApp, TestUser};

/// Whether a route is in the table below, not in the one beside it.
pub fn has(route: &Route) -> bool {
    route.path.starts_with("/api/lockbox") || route.path.starts_with("/api/v1/vault")
}

/// The request to a route. Vendor A has entry 1, vendor B has none, and both are open.
#[expect(clippy::match_same_arms, reason = "one line a route, or a rule")]
pub fn request(route: &Route) -> Option<Case> {
    let none = || Value::Null;
    let path = route.path.replace("{entry}", "1").replace("{id}", "1");
    let entry = json!({ "key": "one", "value": "v", "type": "text" });
    let password = json!({ "password": "correct-horse-battery-staple-9" });
    let is_entry = path.ends_with("/1");
    let (body, own, others) = match (route.method, route.path) {
        (
            "GET",
            "/api/lockbox"
            | "/api/lockbox/entries"
            | "/api/lockbox/settings"
            | "/api/lockbox/backup"
            | "/api/v1/vault-admin"
            | "/api/v1/vault",
        ) => (none(), 200, 200),
        // It outlives the entry.
        ("GET", "/api/lockbox/entries/{entry}/history") => (none(), 200, 200),
        ("PATCH", "/api/lockbox/settings") => (json!({ "joinUnlocked": false }), 200, 200),
        // A wrong one would be counted, a right one would change what the next caller needs.
        ("PUT", "/api/lockbox/password") | ("POST", "/api/lockbox/rotate") => (json!({}), 422, 422),
        ("POST", "/api/lockbox/restore") => (json!({}), 415, 415),
        ("GET", _) => (none(), 200, 404),
        ("PUT", _) if is_entry => (entry, 200, 404),
        // It is there already, in both.
        ("POST", "/api/lockbox/entries" | "/api/v1/vault") => (
            json!({ "key": "taken", "value": "v", "type": "text" }),
            409,
            409,
        ),
        // There is none: it would be gone for the next caller.
        ("DELETE", _) if is_entry => {
            return Some(case(&path.replace("/1", "/99"), none(), 404, 404));
        }
        ("POST", "/api/lockbox/init" | "/api/v1/vault-admin/init") => {
            (json!({ "password": "correct-horse-battery-9" }), 409, 409)
        }
        ("POST", "/api/lockbox/unlock" | "/api/v1/vault-admin/sesame") => (password, 409, 409),
        // The first one locks; who comes later finds it locked.
        ("POST", "/api/lockbox/lock") => (none(), 200, 200),
        ("DELETE", "/api/v1/vault-admin/sesame") => (none(), 204, 204),
        _ => return None,
    };
    Some(case(&path, body, own, others))
}

#[tokio::test]
async fn lockbox_serves_users_of_its_vendor_and_nobody_else() {
    let test = TestApp::start().await;
    let (a, admin) = test.lockbox("vendor-a").await;
    let (b, other) = test.lockbox("vendor-b").await;
    let user = test.user(&a, "user", &["some group"]).await;
    let others_user = test.user(&b, "user", &[]).await;
    test.entry(&admin, "one", json!({})).await;
    test.entry(&admin, "taken", json!({})).await;
    for key in ["gone", "taken"] {
        test.entry(&other, key, json!({})).await;
    }
    assert_eq!(test.ask(&other, "DELETE /api/v1/vault/1").await.status, 204);
    let worker = test.worker(&a, &["*"]).await;
    let strangers = callers(&test, &a, &b, &worker).await;
    let basic = |user: &TestUser| Shown::Bare(users::basic(&user.login, &user.password));
    let users = [
        (false, true, basic(&admin)),
        (false, false, basic(&user)),
        (true, true, basic(&other)),
        (true, false, basic(&others_user)),
    ];
    let open = json!({ "password": crate::support::lockbox::PASSWORD });
    for route in ROUTES.iter().filter(|route| has(route)) {
        let case = request(route).unwrap_or_else(|| panic!("{} {}", route.method, route.path));
        for (who, name, shown) in &strangers {
            let answer = send(&test, route, &case.path, &case.body, shown).await;
            let who = super::trustedlogin::seen_as(route, *who, shown);
            let right = if matches!(who, Who::Nobody | Who::Refused) {
                401
            } else {
                403
            };
            let right = if who == Who::DeleteKey {
                answer.status
            } else {
                right
            };
            assert!(matches!(answer.status, 401 | 403), "{name}: {answer:?}");
            answer.expect_error(&case.path, right, answer.code());
        }
        for (is_other, is_admin, shown) in &users {
            let right = if *is_other { case.others } else { case.own };
            let refused = route.caller == Caller::LockboxAdmin && !is_admin;
            let right = if refused { 403 } else { right };
            let answer = send(&test, route, &case.path, &case.body, shown).await;
            let what = format!("{} {} other: {is_other}", route.method, case.path);
            assert_eq!(answer.status, right, "{what}: {answer:?}");
            assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
            if right >= 400 {
                answer.expect_error(&case.path, right, answer.code());
            }
        }
        for by in [&admin, &other] {
            test.send(by, "POST /api/v1/vault-admin/sesame", &open)
                .await;
        }
    }
}

#[tokio::test]
async fn users_are_served_nowhere_else() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let admin = test.user(&vendor, "admin", &["Administrators"]).await;
    let elsewhere = [
        "GET /sites",
        "POST /api/site",
        "GET /api/credentials",
        "POST /api/credentials/token",
        "GET /api/workers",
        "GET /api/webhooks",
        "GET /api/v1/accounts/1",
        "GET /api/admin/vendors",
        "GET /api/admin/tasks",
    ];
    for call in elsewhere {
        let answer = test.ask(&admin, call).await;
        let (_, path) = call.split_once(' ').unwrap();
        answer.expect_error(path, 403, "caller_not_allowed");
    }
}
