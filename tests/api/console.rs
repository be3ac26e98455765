//! The console without scripts: the sign-in, forms, headers, errors.

use reqwest::Method;

use crate::support::TestApp;
use crate::support::console::{COOKIE, Plain, form};
use crate::support::operators::STRONG;
use crate::support::users::GOOD;

#[tokio::test]
async fn first_sign_in_changes_the_password_and_sets_up_the_second_factor() {
    let test = TestApp::start().await;
    let first = test.new_operator("ann", None).await.unwrap();
    let mut plain = Plain::new(&test);
    plain.get("/console").await.expect_sent("/console/sign-in");
    plain.get("/console/sign-in").await.expect(200, "Sign in");
    let wrong = [("name", "ann"), ("password", "wrong")];
    let refused = plain.post("/console/sign-in", &wrong).await;
    refused.expect(401, "The name, the password or the code is wrong.");
    assert!(refused.text.contains(r#"value="ann""#) && !refused.text.contains(r#"value="wrong""#));
    let right = [("name", "ann"), ("password", &*first)];
    plain
        .post("/console/sign-in", &right)
        .await
        .expect_sent("/console");
    plain
        .get("/console")
        .await
        .expect_sent("/console/account/password");
    plain
        .get("/console/vendors")
        .await
        .expect_sent("/console/account/password");
    plain
        .get("/console/account/password")
        .await
        .expect(200, "Choose one of your own");
    let change = "/console/account/password";
    let other = [("current", &*first), ("new", STRONG), ("again", "x")];
    plain
        .post(change, &other)
        .await
        .expect(422, "is not the same");
    let weak = [("current", &*first), ("new", "short"), ("again", "short")];
    plain
        .post(change, &weak)
        .await
        .expect(422, r#"aria-invalid="true""#);
    let bad = [("current", "wrong"), ("new", STRONG), ("again", STRONG)];
    plain
        .post(change, &bad)
        .await
        .expect(403, "is not your password");
    let good = [("current", &*first), ("new", STRONG), ("again", STRONG)];
    plain
        .post(change, &good)
        .await
        .expect_sent("/console/account/totp");
    plain
        .get("/console")
        .await
        .expect_sent("/console/account/totp");
    plain
        .get("/console/account/totp")
        .await
        .expect(200, "authenticator app");
    let factor = "/console/account/totp";
    plain
        .post(factor, &[("password", "wrong")])
        .await
        .expect(403, "is not your password");
    let begun = plain.post(factor, &[("password", STRONG)]).await;
    begun.expect(200, r#"class="qr""#);
    let secret = begun.text.split(r#"id="totp-secret">"#).nth(1).unwrap();
    let secret = secret.split('<').next().unwrap().replace(' ', "");
    test.keep_secret(&secret);
    let confirm = "/console/account/totp/confirm";
    plain
        .post(confirm, &[("code", "000000")])
        .await
        .expect(403, "is wrong, or was used");
    let codes = plain
        .post(confirm, &[("code", &test.code(&secret, 0))])
        .await;
    codes.expect(200, "Keep your recovery codes");
    assert_eq!(codes.text.matches("<li><code>").count(), 10);
    plain.get("/console").await.expect(200, "What matters now");
    plain.get("/console/account").await.expect(200, "this one");
}

#[tokio::test]
async fn sign_in_leads_back_to_pages_of_the_console_only() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let (secret, code) = (&ann.secret, &ann.recovery_codes[0]);
    let mut plain = Plain::of(&test, &ann).await;
    let session = plain.cookies[COOKIE].clone();
    plain
        .post("/console/sign-out", &[])
        .await
        .expect_sent("/console/sign-in?done=signed-out");
    assert!(!plain.cookies.contains_key(COOKIE));
    assert_eq!(test.operator_may(&session).await.0, 401);
    // A recovery code is good in the place of a code, and where one wanted to go is returned to.
    plain
        .get("/console/tasks?done=x")
        .await
        .expect_sent("/console/sign-in?back=%2Fconsole%2Ftasks%3Fdone%3Dx");
    plain.get("/console/sign-in").await.expect(200, "Sign in");
    let named = [("name", "ann"), ("password", STRONG)];
    plain
        .post("/console/sign-in", &named)
        .await
        .expect(401, "with a code of your authenticator app");
    for (back, to) in [
        ("/console/tasks", "/console/tasks"),
        ("//evil.example", "/console"),
        ("https://evil.example/console", "/console"),
    ] {
        let code = test.code(secret, 1);
        test.app.clock.advance(30);
        let fields = [
            ("name", "ann"),
            ("password", STRONG),
            ("code", &code),
            ("back", back),
        ];
        let mut another = Plain::new(&test);
        another.get("/console/sign-in").await;
        another
            .post("/console/sign-in", &fields)
            .await
            .expect_sent(to);
    }
    let fields = [
        ("name", "ann"),
        ("password", STRONG),
        ("recoveryCode", code.as_str()),
    ];
    plain
        .post("/console/sign-in", &fields)
        .await
        .expect_sent("/console");
}

#[tokio::test]
async fn sessions_end_when_idle_and_by_hand_and_serve_no_api() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let mut plain = Plain::of(&test, &ann).await;
    let cookie = format!("{COOKIE}={}", plain.cookies[COOKIE]);
    let by_cookie = test
        .get("/api/admin/tasks")
        .header("cookie", &cookie)
        .send()
        .await;
    by_cookie.expect_problem(401, "credentials_missing");
    // The bearer of a session is none for pages, even beside a wrong cookie.
    let bearer = format!("Bearer {}", ann.session);
    let mut other = Plain::new(&test);
    let headers = [("authorization", &*bearer)];
    let page = other.send(Method::GET, "/console", None, &headers).await;
    page.expect_sent("/console/sign-in");
    let user = test.vendor("console-users").await;
    let user = test.user(&user, "bob", &[]).await;
    assert!(user.password != GOOD);
    let session = test.user_session(&user).await;
    for wrong in [&*session, &test.operator, "gho_0", "x", ""] {
        other.cookies.insert(COOKIE.to_owned(), wrong.to_owned());
        other.get("/console").await.expect_sent("/console/sign-in");
    }
    let sql = "SELECT id FROM operator_sessions ORDER BY created_at LIMIT 1";
    let id: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    let account = plain.get("/console/account").await;
    let end = account
        .text
        .split(r#"action="/console/account/sessions/"#)
        .nth(1);
    let end = end.unwrap().split('"').next().unwrap();
    let path = format!("/console/account/sessions/{end}");
    plain
        .post(&path, &[])
        .await
        .expect_sent("/console/account?done=session-ended");
    assert_ne!(id, 0);
    assert_eq!(test.operator_may(&ann.session).await.0, 401);
    test.app.clock.advance(29 * 60);
    plain.get("/console").await.expect(200, "What matters now");
    test.app.clock.advance(31 * 60);
    plain.get("/console").await.expect_sent("/console/sign-in");
    assert!(!plain.cookies.contains_key(COOKIE));
}

#[tokio::test]
async fn forms_that_are_not_ours_change_nothing() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let vendor = test.vendor("forged").await;
    let mut plain = Plain::of(&test, &ann).await;
    let path = format!("/console/vendors/{}/suspend", vendor.namespace);
    let csrf = plain.csrf.clone();
    let mut of_other = Plain::new(&test);
    of_other.get("/console/sign-in").await;
    let (ours, with) = (("sec-fetch-site", "same-origin"), |token: &str| {
        form(&[("csrf", token)])
    });
    let host = test.url.replace("http://", "https://");
    let cases: [(String, Vec<(&str, &str)>); 9] = [
        (String::new(), vec![ours]),
        (with(""), vec![ours]),
        (with("AAAA"), vec![ours]),
        (with(&of_other.csrf), vec![ours]),
        (with(&csrf), vec![]),
        (with(&csrf), vec![("sec-fetch-site", "cross-site")]),
        (
            with(&csrf),
            vec![("sec-fetch-site", "same-site"), ("origin", &host)],
        ),
        (with(&csrf), vec![ours, ("origin", "https://evil.example")]),
        (with(&csrf), vec![("origin", "null")]),
    ];
    for (body, headers) in cases {
        let page = plain.send(Method::POST, &path, Some(body), &headers).await;
        page.expect(403, "form_refused");
    }
    let shown = test.operate(Method::GET, &vendor.namespace, "").await;
    assert_eq!(shown.json["status"], "active");
    // A script sends the token as a header; a browser that says no site says its origin.
    let header = [("x-csrf-token", &*csrf), ("origin", &*test.url)];
    let page = plain
        .send(Method::POST, &path, Some(String::new()), &header)
        .await;
    assert_eq!(page.status, 303, "{page:?}");
    let shown = test.operate(Method::GET, &vendor.namespace, "").await;
    assert_eq!(shown.json["status"], "suspended");
}

#[tokio::test]
async fn pages_and_errors_have_their_headers_and_files_are_kept() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let mut plain = Plain::of(&test, &ann).await;
    for (path, status, text) in [
        ("/console", 200, "What matters now"),
        ("/console/nothing", 404, "Nothing is here"),
        (
            "/console/vendors/nobody-is-called-so",
            404,
            "Nothing is here",
        ),
        ("/console/vendors?sort=x", 400, "invalid_parameter"),
        ("/console/logs?from=yesterday", 400, "invalid_parameter"),
        ("/console/tasks/purge/run", 405, "method_not_allowed"),
    ] {
        let page = plain.get(path).await;
        page.expect(status, text);
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        let others = [
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cache-control",
        ];
        let others = others.map(|name| page.header(name));
        assert_eq!(
            others,
            ["nosniff", "no-referrer", "same-origin", "no-store"],
            "{path}"
        );
        assert!(
            !page.text.contains("style=") && !page.text.contains("onclick="),
            "{path}"
        );
    }
    // A script is sent to the sign-in as a whole.
    let mut stranger = Plain::new(&test);
    let page = stranger
        .send(
            Method::GET,
            "/console/vendors",
            None,
            &[("hx-request", "true")],
        )
        .await;
    assert_eq!(
        (page.status, page.header("hx-redirect")),
        (401, "/console/sign-in?back=%2Fconsole%2Fvendors")
    );
    let page = plain.get("/console").await;
    let mut found = 0;
    for part in page.text.split(r#"="/console/assets/"#).skip(1) {
        let path = format!("/console/assets/{}", part.split('"').next().unwrap());
        let file = stranger.get(&path).await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(
            file.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert!(!file.text.is_empty());
        found += 1;
    }
    assert!(found >= 3, "{found}");
    stranger
        .get("/console/assets/console.css")
        .await
        .expect(404, "Nothing is here");
}
