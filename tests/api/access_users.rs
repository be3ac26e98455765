//! The table of `access.rs` for users: their routes, and everybody they can be.

use gatehouse::routes::{Caller, Route};
use serde_json::{Value, json};

use crate::access::{Case, Who, case};
use crate::support::callers::Shown;
use crate::support::users::basic;
use crate::support::{TestApp, TestUser, TestVendor};

/// The request to a route on users: vendor A has a user `target`, both vendors have a user `taken`.
pub fn request(route: &Route) -> Option<Case> {
    let none = || Value::Null;
    let path = route.path.replace("{namespace}", "vendor-a");
    let path = path.replace("{session}", "0000000000000001");
    let own = route
        .path
        .trim_start_matches("/api/admin/vendors/{namespace}");
    let own = own.trim_start_matches("/api");
    let (body, own, others) = match (route.method, own) {
        ("GET", "/user" | "/user/sessions" | "/users" | "/groups" | "/user-rules")
        | ("DELETE", "/user/sessions") => (none(), 200, 200),
        ("PUT", "/user/password") => (json!({ "current": "wrong", "new": "x" }), 403, 403),
        ("POST", "/user/totp") => (json!({ "password": "wrong" }), 403, 403),
        ("PUT", "/user/totp") => (json!({ "code": "123456" }), 409, 409),
        ("DELETE", "/user/totp") => (json!({ "password": "x", "code": "123456" }), 409, 409),
        ("POST", "/user/sessions") => (json!({ "name": "x", "expiresIn": 1 }), 422, 422),
        ("DELETE", "/user/sessions/{session}" | "/users/{user}/sessions/{session}") => {
            (none(), 404, 404)
        }
        ("POST", "/users") => (json!({ "name": "taken" }), 409, 409),
        ("GET", "/users/{user}" | "/users/{user}/sessions")
        | ("DELETE", "/users/{user}/sessions") => (none(), 200, 404),
        ("PATCH", "/users/{user}") => (json!({}), 200, 404),
        // It would be gone for the next caller.
        ("DELETE", "/users/{user}") => {
            return Some(case(&path.replace("{user}", "none"), none(), 404, 404));
        }
        ("PATCH", "/user-rules") => (json!({}), 200, 200),
        _ => return None,
    };
    Some(case(&path.replace("{user}", "target"), body, own, others))
}

/// What a user is told who is one of those that may call the route, and still may not do this.
pub fn refusal(route: &Route, who: Who) -> Option<u16> {
    let of_totp = route.path == "/api/user/totp";
    let of_another = route.path == "/api/user/sessions/{session}";
    let managing = route.caller == Caller::UserAdmin && route.method != "GET";
    let refused = match who {
        Who::TokenUser => of_totp,
        Who::TokenAdministrator => of_totp || managing,
        Who::EnrollingUser => of_another,
        _ => false,
    };
    refused.then_some(403)
}

/// Whether a route ends the sessions of whoever calls it.
pub fn logs_out(route: &Route) -> bool {
    (route.method, route.path) == ("DELETE", "/api/user/sessions")
}

/// Makes what [`request`] speaks of.
pub async fn prepare(test: &TestApp, a: &TestVendor, b: &TestVendor) {
    test.user(a, "target", &[]).await;
    for vendor in [a, b] {
        test.user(vendor, "taken", &[]).await;
    }
}

/// Everybody a user can be, each a user of its own. `round` keeps their names apart.
pub async fn callers(
    test: &TestApp,
    a: &TestVendor,
    b: &TestVendor,
    round: usize,
) -> Vec<(Who, &'static str, Shown)> {
    let make = async |vendor: &TestVendor, name: &str, groups: &[&str]| -> TestUser {
        test.user(vendor, &format!("{name}{round}"), groups).await
    };
    let administrators = &["Administrators"];
    let bearer = Shown::Bearer;
    let with_basic = |user: &TestUser, shown: &str| Shown::Bare(basic(&user.login, shown));
    let plain = make(a, "plain", &["administrators", "Others"]).await;
    let by_basic = make(a, "basic", &[]).await;
    let scripted = make(a, "scripted", &[]).await;
    let token = test.user_token(&test.user_session(&scripted).await).await;
    let second = make(a, "second", &[]).await;
    let other_token = test.user_token(&test.user_session(&second).await).await;
    let enrolling = make(a, "enrolling", administrators).await;
    let enrolling_session = test.user_session(&enrolling).await;
    let sql = format!(
        "UPDATE user_sessions s SET enrolling = true FROM users u WHERE u.id = s.user_id AND u.name = '{0}'; \
         UPDATE users SET totp_confirmed_at = now() WHERE name = '{0}'",
        enrolling.name
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
    let admin = make(a, "admin", administrators).await;
    let scripted_admin = make(a, "scriptedadmin", administrators).await;
    let admin_token = test
        .user_token(&test.user_session(&scripted_admin).await)
        .await;
    let basic_admin = make(a, "basicadmin", administrators).await;
    let (theirs, other_admin) = (
        make(b, "plain", &[]).await,
        make(b, "admin", administrators).await,
    );
    let gone = make(a, "gone", administrators).await;
    let ended = test.user_session(&gone).await;
    let revoke = test.delete("/api/user/sessions").bearer(&ended);
    assert_eq!(revoke.send().await.status, 200);
    vec![
        (
            Who::User,
            "user of A",
            bearer(test.user_session(&plain).await),
        ),
        (
            Who::User,
            "user of A by password",
            with_basic(&by_basic, &by_basic.password),
        ),
        (Who::TokenUser, "user of A by token", bearer(token.clone())),
        (
            Who::TokenUser,
            "user of A by name and token",
            with_basic(&second, &other_token),
        ),
        (
            Who::EnrollingUser,
            "administrator of A that must enrol",
            bearer(enrolling_session),
        ),
        (
            Who::Administrator,
            "administrator of A",
            bearer(test.user_session(&admin).await),
        ),
        (
            Who::Administrator,
            "administrator of A by password",
            with_basic(&basic_admin, &basic_admin.password),
        ),
        (
            Who::TokenAdministrator,
            "administrator of A by token",
            bearer(admin_token),
        ),
        (
            Who::OtherUser,
            "user of B",
            bearer(test.user_session(&theirs).await),
        ),
        (
            Who::OtherAdministrator,
            "administrator of B",
            with_basic(&other_admin, &other_admin.password),
        ),
        (Who::Refused, "session that was revoked", bearer(ended)),
        (
            Who::Refused,
            "token under another name",
            with_basic(&admin, &token),
        ),
        (
            Who::Refused,
            "token under another vendor",
            with_basic(&theirs, &token),
        ),
        (Who::Refused, "bare token of a user", Shown::Bare(token)),
    ]
}
