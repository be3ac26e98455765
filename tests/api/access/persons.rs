//! The table of `access.rs` for operators who log in: their routes, and everybody they can be.

use gatehouse::routes::{Caller, Route};
use serde_json::{Value, json};

use super::{Case, Who, case};
use crate::support::TestApp;
use crate::support::callers::Shown;
use crate::support::operators::STRONG;

/// The request to such a route.
pub fn request(route: &Route) -> Option<Case> {
    let both = json!({ "password": "wrong", "code": "123456" });
    let path = route.path.replace("{session}", "0000000000000001");
    let (body, status) = match (route.method, route.path) {
        // Of both kinds at once, which nobody is let in with.
        ("POST", "/api/admin/sessions") => {
            let body = json!({ "name": "x", "password": "x", "otp": "1", "recoveryCode": "2" });
            (body, 422)
        }
        ("GET", "/api/admin/sessions" | "/api/admin/account")
        | ("DELETE", "/api/admin/sessions") => (Value::Null, 200),
        ("DELETE", "/api/admin/sessions/{session}") => (Value::Null, 404),
        ("PUT", "/api/admin/account/password") => (json!({ "current": "wrong", "new": "x" }), 403),
        ("POST", "/api/admin/account/totp") => (json!({ "password": "wrong" }), 403),
        ("PUT", "/api/admin/account/totp") => (json!({ "code": "123456" }), 409),
        ("DELETE", "/api/admin/account/totp") | ("POST", "/api/admin/account/recovery-codes") => {
            (both, 403)
        }
        _ => return None,
    };
    Some(case(&path, body, status, status))
}

/// What somebody is told who may call the route, and may not do this.
pub fn refusal(route: &Route, who: Who) -> Option<u16> {
    let of_another = route.path == "/api/admin/sessions/{session}";
    (who == Who::EnrollingPerson && of_another).then_some(403)
}

/// Whether somebody does not try a route: what operators change is changed once, by the token.
pub fn passes(route: &Route, who: Who) -> bool {
    who == Who::Person && route.caller == Caller::Operator && route.method != "GET"
}

/// Whether a route ends the sessions of whoever calls it.
pub fn logs_out(route: &Route) -> bool {
    (route.method, route.path) == ("DELETE", "/api/admin/sessions")
}

/// Everybody an operator who logs in can be. `round` keeps their names apart.
pub async fn callers(test: &TestApp, round: usize) -> Vec<(Who, &'static str, Shown)> {
    let person = test.person(&format!("person{round}")).await;
    let gone = test.person(&format!("gone{round}")).await;
    let out = test.delete("/api/admin/sessions").bearer(&gone.session);
    assert_eq!(out.send().await.status, 200);
    let enrolling = format!("enrolling{round}");
    test.new_operator(&enrolling, Some(STRONG)).await;
    let shown = json!({ "name": enrolling, "password": STRONG });
    let enrolling = test.operator_log_in(shown).await.text_of("token");
    let temporary = format!("temporary{round}");
    let made = test.new_operator(&temporary, None).await;
    let shown = json!({ "name": temporary, "password": made });
    let temporary = test.operator_log_in(shown).await.text_of("token");
    let bearer = Shown::Bearer;
    vec![
        (
            Who::Person,
            "operator who logged in",
            bearer(person.session.clone()),
        ),
        (
            Who::EnrollingPerson,
            "operator that must enrol",
            bearer(enrolling),
        ),
        (
            Who::EnrollingPerson,
            "operator with a temporary password",
            bearer(temporary),
        ),
        (
            Who::Refused,
            "operator who logged out",
            bearer(gone.session),
        ),
        (
            Who::Refused,
            "bare operator who logged in",
            Shown::Bare(person.session),
        ),
    ]
}
