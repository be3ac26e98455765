//! Users: made, changed, removed, by the vendor, its administrators and operators.

use gatehouse::auth::sha256_hex;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::users::GOOD;
use crate::support::wait::suspend;

#[tokio::test]
async fn user_is_made_shown_listed_and_removed() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    let user = test
        .user(&a, "ann", &["Second shift", "Administrators"])
        .await;
    assert_eq!(user.login, "ann@media-a");
    assert!(user.password.len() >= 20);
    assert_eq!(test.basic_status(&user.login, &user.password).await, 200);
    for name in ["ben", "cleo"] {
        test.user(&a, name, &["Second shift"]).await;
    }
    let taken = json!({ "name": "ann" });
    let taken = test.as_vendor(&a, Method::POST, "/users", taken).await;
    taken.expect_problem(409, "user_exists");
    // The same name at another vendor is somebody else.
    let other = test.user(&b, "ann", &[]).await;
    assert_eq!(test.basic_status(&user.login, &other.password).await, 401);
    for path in ["/users/ann", "/users/ann@media-a"] {
        let shown = test.as_vendor(&a, Method::GET, path, Value::Null).await;
        assert_eq!(
            shown.json["groups"],
            json!(["Second shift", "Administrators"])
        );
        assert_eq!(
            (&shown.json["totp"], &shown.json["disabled"]),
            (&json!(false), &json!(false))
        );
        assert!(!shown.text.contains("argon2") && !shown.text.contains(&user.password));
    }
    for path in [
        "/users/nobody",
        "/users/ann@media-b",
        "/users/Ann",
        "/users/x%00",
    ] {
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let answer = test.as_vendor(&a, method, path, json!({})).await;
            answer.expect_problem(404, "not_found");
        }
    }
    let first = test
        .as_vendor(&a, Method::GET, "/users?limit=2", Value::Null)
        .await;
    let next = first.text_of("nextCursor");
    let path = format!("/users?limit=2&cursor={next}");
    let second = test.as_vendor(&a, Method::GET, &path, Value::Null).await;
    let names = |page: &Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| u["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        [names(&first.json), names(&second.json)].concat(),
        ["ann", "ben", "cleo"]
    );
    let groups = test
        .as_vendor(&a, Method::GET, "/groups", Value::Null)
        .await;
    let wanted = json!([{ "name": "Administrators", "members": 1 }, { "name": "Second shift", "members": 3 }]);
    assert_eq!(groups.json["items"], wanted);
    let gone = test
        .as_vendor(&a, Method::DELETE, "/users/ann", Value::Null)
        .await;
    assert_eq!(gone.status, 200);
    assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    assert_eq!(test.basic_status(&other.login, &other.password).await, 200);
    // The name is free, and nothing of its former owner counts.
    let again = test.user(&a, "ann", &[]).await;
    assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    assert_eq!(test.basic_status(&again.login, &again.password).await, 200);
}

#[tokio::test]
async fn bad_users_are_refused() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let many: Vec<String> = (0..65).map(|n| format!("g{n}")).collect();
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "name": "Ann" }), "/name"),
        (json!({ "name": "w0123456789abcdef" }), "/name"),
        (json!({ "name": "ann", "groups": many }), "/groups"),
        (json!({ "name": "ann", "groups": ["x", "x"] }), "/groups"),
        (json!({ "name": "ann", "groups": ["x\n"] }), "/groups/0"),
        (json!({ "name": "ann", "password": 1 }), "/password"),
        (json!({ "name": "ann", "role": "root" }), "/role"),
        (json!({ "name": "ann", "password": "" }), "/password"),
    ] {
        let answer = test
            .as_vendor(&a, Method::POST, "/users", body.clone())
            .await;
        answer.expect_problem(422, "invalid_field");
        assert_eq!(
            answer.json["errors"][0]["pointer"], pointer,
            "{body} {answer:?}"
        );
    }
}

/// J-01, J-02, J-05, J-06, J-07.
#[tokio::test]
async fn weak_passwords_are_refused_and_strong_ones_kept_byte_for_byte() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    for (n, weak) in [
        "short-pw-11",
        "Password1234",
        "trustedlogin1",
        "123456789012",
        "qwertyuiopasdf",
        "iloveyou12345",
        "letmein letmein",
        "weak1-media-a!",
        "grün und blau\0 am Fenster",
        &"kT4 zq".repeat(171),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "name": format!("weak{n}"), "password": weak });
        let answer = test.as_vendor(&a, Method::POST, "/users", body).await;
        answer.expect_problem(422, "invalid_field");
        assert_eq!(answer.json["errors"][0]["pointer"], "/password", "{weak}");
        assert!(!answer.text.contains(weak));
    }
    let long = sha256_hex(&["a"]).expose().to_owned() + sha256_hex(&["b"]).expose();
    for (n, strong) in [
        GOOD,
        "  leading and trailing kept  ",
        "grün-🦊-Wolkenbruch-Pfau",
        &long[..64],
        &long,
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("strong{n}");
        let body = json!({ "name": name, "password": strong });
        let made = test.as_vendor(&a, Method::POST, "/users", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert!(made.json["password"].is_null());
        test.keep_secret(strong);
        let login = format!("{name}@media-a");
        assert_eq!(test.basic_status(&login, strong).await, 200, "{strong}");
        assert_eq!(test.log_in(&login, strong).await.status, 200);
        for other in [
            strong.trim(),
            strong.get(..72).unwrap_or("x"),
            &strong.replace('ü', "u\u{308}"),
        ] {
            let status = test.log_in(&login, other).await.status;
            assert_eq!(status == 200, other == strong, "{other:?}");
        }
    }
}

#[tokio::test]
async fn change_by_an_administrator_ends_what_it_must() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let change = async |body: Value| {
        let answer = test.as_vendor(&a, Method::PATCH, "/users/ann", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let session = test.user_session(&user).await;
    let token = test.user_token(&session).await;
    let changed = change(json!({ "groups": ["Night"] })).await;
    assert_eq!(changed.json["groups"], json!(["Night"]));
    assert_eq!(test.bearer_status(&session).await, 200);
    change(json!({ "disabled": true })).await;
    for bearer in [&session, &token] {
        assert_eq!(test.bearer_status(bearer).await, 401);
    }
    assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    test.log_in(&user.login, &user.password)
        .await
        .expect_problem(401, "credentials_invalid");
    change(json!({ "disabled": false })).await;
    // Those that ended do not come back.
    assert_eq!(test.bearer_status(&token).await, 401);
    let session = test.user_session(&user).await;
    change(json!({ "password": GOOD })).await;
    test.keep_secret(GOOD);
    assert_eq!(test.bearer_status(&session).await, 401);
    assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    assert_eq!(test.basic_status(&user.login, GOOD).await, 200);
    let weak = test
        .as_vendor(
            &a,
            Method::PATCH,
            "/users/ann",
            json!({ "password": "foobaz" }),
        )
        .await;
    weak.expect_problem(422, "invalid_field");
}

#[tokio::test]
async fn administrators_manage_users_and_the_last_one_stays() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    let (one, two) = (
        test.user(&a, "one", &["Administrators"]).await,
        test.user(&a, "two", &["Administrators"]).await,
    );
    let plain = test.user(&a, "plain", &["administrators"]).await;
    test.user(&b, "theirs", &[]).await;
    let session = test.user_session(&one).await;
    let refused = test
        .as_bearer(
            &test.user_session(&plain).await,
            Method::GET,
            "/users",
            Value::Null,
        )
        .await;
    refused.expect_problem(403, "no_administrator");
    let made = test
        .as_bearer(&session, Method::POST, "/users", json!({ "name": "new" }))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    for path in ["/users/theirs", "/users/theirs@media-b"] {
        let answer = test
            .as_bearer(&session, Method::GET, path, Value::Null)
            .await;
        answer.expect_problem(404, "not_found");
    }
    // What proves it to be itself it changes by what proves it now.
    for body in [
        json!({ "password": GOOD }),
        json!({ "resetTotp": true }),
        json!({ "resetTries": true }),
    ] {
        let own = test
            .as_bearer(&session, Method::PATCH, "/users/one", body)
            .await;
        own.expect_problem(422, "invalid_field");
    }
    let gone = test
        .as_bearer(&session, Method::DELETE, "/users/two", Value::Null)
        .await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(test.basic_status(&two.login, &two.password).await, 401);
    for body in [json!({ "groups": [] }), json!({ "disabled": true })] {
        let last = test
            .as_bearer(&session, Method::PATCH, "/users/one", body)
            .await;
        last.expect_problem(409, "last_administrator");
    }
    let last = test
        .as_bearer(&session, Method::DELETE, "/users/one", Value::Null)
        .await;
    last.expect_problem(409, "last_administrator");
    // A disabled one does not count.
    test.user(&a, "three", &["Administrators"]).await;
    let off = json!({ "disabled": true });
    assert_eq!(
        test.as_bearer(&session, Method::PATCH, "/users/three", off)
            .await
            .status,
        200
    );
    let last = test
        .as_bearer(&session, Method::DELETE, "/users/one", Value::Null)
        .await;
    last.expect_problem(409, "last_administrator");
    // The vendor may.
    let gone = test
        .as_vendor(&a, Method::DELETE, "/users/one", Value::Null)
        .await;
    assert_eq!(gone.status, 200);
    assert_eq!(test.bearer_status(&session).await, 401);
}

#[tokio::test]
async fn two_administrators_cannot_take_each_other_away_at_once() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let (one, two) = (
        test.user(&a, "one", &["Administrators"]).await,
        test.user(&a, "two", &["Administrators"]).await,
    );
    let (of_one, of_two) = (test.user_session(&one).await, test.user_session(&two).await);
    let off = || json!({ "groups": [] });
    let (first, second) = tokio::join!(
        test.as_bearer(&of_one, Method::PATCH, "/users/two", off()),
        test.as_bearer(&of_two, Method::PATCH, "/users/one", off()),
    );
    let mut answers = [first.status, second.status];
    answers.sort_unstable();
    assert!(answers[0] == 200 && answers[1] > 400, "{answers:?}");
}

#[tokio::test]
async fn operators_manage_users_of_any_vendor() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    test.vendor("media-b").await;
    let base = "/admin/vendors/media-a";
    let call = async |method: Method, path: &str, body: Value| {
        test.as_bearer(&test.operator, method, &format!("{base}{path}"), body)
            .await
    };
    let made = call(
        Method::POST,
        "/users",
        json!({ "name": "ann", "password": GOOD }),
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    test.keep_secret(GOOD);
    let session = test
        .log_in("ann@media-a", GOOD)
        .await
        .text_of("access_token");
    let sessions = call(Method::GET, "/users/ann/sessions", Value::Null).await;
    assert_eq!(sessions.json["items"][0]["kind"], "session", "{sessions:?}");
    let id = sessions.json["items"][0]["id"].as_str().unwrap().to_owned();
    let ended = call(
        Method::DELETE,
        &format!("/users/ann/sessions/{id}"),
        Value::Null,
    )
    .await;
    assert_eq!(ended.json["ended"], 1);
    assert_eq!(test.bearer_status(&session).await, 401);
    let ended = call(
        Method::DELETE,
        &format!("/users/ann/sessions/{id}"),
        Value::Null,
    )
    .await;
    ended.expect_problem(404, "not_found");
    let rules = call(Method::PATCH, "/user-rules", json!({ "requireTotp": true })).await;
    assert_eq!(rules.json, json!({ "requireTotp": true }));
    let rules = test
        .as_vendor(&a, Method::GET, "/user-rules", Value::Null)
        .await;
    assert_eq!(rules.json, json!({ "requireTotp": true }));
    let elsewhere = test
        .as_bearer(
            &test.operator,
            Method::GET,
            "/admin/vendors/media-b/users/ann",
            Value::Null,
        )
        .await;
    elsewhere.expect_problem(404, "not_found");
    let gone = call(Method::DELETE, "/users/ann", Value::Null).await;
    assert_eq!(gone.status, 200);
    let actions = test.user_events().await;
    let wanted = [
        "user.created done",
        "user.logged_in done",
        "user.session_revoked done",
        "user.removed done",
    ];
    assert_eq!(actions, wanted);
}

#[tokio::test]
async fn suspended_vendors_users_are_shut_out() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &["Administrators"]).await;
    let session = test.user_session(&user).await;
    suspend(&test, &a).await;
    let refused = test.get("/api/user").bearer(&session).send().await;
    refused.expect_problem(403, "vendor_suspended");
    let refused = test
        .get("/api/user")
        .basic(&user.login, &user.password)
        .send()
        .await;
    refused.expect_problem(403, "vendor_suspended");
    let refused = test.log_in(&user.login, &user.password).await;
    refused.expect_problem(403, "vendor_suspended");
    // Wrong passwords learn nothing of it.
    let refused = test.log_in(&user.login, "wrong").await;
    refused.expect_problem(401, "credentials_invalid");
}
