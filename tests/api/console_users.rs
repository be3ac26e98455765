//! A vendor's users at the console: what is theirs, and nothing else.

use gatehouse::routes::{Caller, PAGES};
use reqwest::Method;
use serde_json::json;

use crate::support::console::{Plain, SITE, filled, form};
use crate::support::{TestApp, TestVendor};

const KEY: &str = "access-key-of-a-site-0001";

async fn with_site(test: &TestApp, namespace: &str) -> TestVendor {
    let vendor = test.vendor(namespace).await;
    test.site(&vendor, SITE, KEY).await;
    vendor
}

#[tokio::test]
async fn users_see_the_pages_of_their_own_vendor_and_no_others() {
    let test = TestApp::start().await;
    let vendor = with_site(&test, "acme-plugins").await;
    let other = with_site(&test, "other-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let agent = test.user(&vendor, "sam", &["Support"]).await;
    let mut admin = Plain::of_user(&test, &admin).await;
    let mut agent = Plain::of_user(&test, &agent).await;
    let ours = ("sec-fetch-site", "same-origin");
    for route in PAGES {
        let method: Method = route.method.parse().unwrap();
        let is_theirs = route.path.contains("{namespace}");
        for namespace in [&vendor.namespace, &other.namespace] {
            let path = filled(route.path, namespace);
            let is_own = !is_theirs || *namespace == vendor.namespace;
            for (browser, is_admin) in [(&mut admin, true), (&mut agent, false)] {
                // Without the token of the form: whoever may not comes no farther than that.
                let body = (method == Method::POST).then(|| form(&[("csrf", "AAAA")]));
                let page = browser.send(method.clone(), &path, body, &[ours]).await;
                let name = format!("{method} {path} of an administrator: {is_admin}: {page:?}");
                let admitted = match route.caller {
                    Caller::Visitor | Caller::Entrant | Caller::Holder | Caller::Colleague => true,
                    Caller::Agent => is_own,
                    Caller::Member => is_own && is_admin,
                    Caller::Steward => is_admin,
                    _ => false,
                };
                let is_home = path == "/console";
                let is_operators = route.caller == Caller::SignedIn;
                if is_home {
                    assert_eq!(page.status, 303, "{name}");
                } else if !is_own && !is_operators {
                    assert_eq!(page.status, 404, "{name}");
                } else if !admitted {
                    let code = if matches!(route.caller, Caller::Member | Caller::Steward) {
                        "no_administrator"
                    } else {
                        "caller_not_allowed"
                    };
                    page.expect(403, code);
                } else if method == Method::POST {
                    page.expect(403, "form_refused");
                } else {
                    assert!(matches!(page.status, 200 | 303 | 400 | 404), "{name}");
                    assert!(!page.text.contains("other-plugins"), "{name}");
                }
            }
        }
    }
    // Nor by a filter.
    for path in ["/console/tokens", "/console/logs", "/console/logs/file"] {
        let query = "format=csv&vendor=other-plugins";
        let query = query.trim_start_matches(if path.ends_with("file") {
            ""
        } else {
            "format=csv&"
        });
        let page = admin.get(&format!("{path}?{query}")).await;
        assert_eq!(page.status, 404, "{path}: {page:?}");
    }
    let shown = test.operate(Method::GET, &other.namespace, "").await;
    assert_eq!(shown.json["status"], "active");
}

#[tokio::test]
async fn an_administrator_looks_after_what_is_the_vendors() {
    let test = TestApp::start().await;
    let vendor = with_site(&test, "acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    assert!(browser.cookies.contains_key("__Host-gatehouse-user"));
    browser
        .get("/console")
        .await
        .expect_sent("/console/vendors/acme-plugins");
    let page = browser.get("/console/vendors/acme-plugins").await;
    page.expect(200, "Key pairs");
    for hidden in [
        "Shut out or cancel",
        "/console/tasks",
        "href=\"/console/vendors\"",
    ] {
        assert!(!page.text.contains(hidden), "{hidden}");
    }
    let page = browser.get("/console/vendors/acme-plugins/set-up").await;
    page.expect(200, &vendor.public_key);
    assert!(
        page.text
            .contains(&format!("{}/api/v1/", test.app.config.access_tokens.issuer))
    );
    assert!(!page.text.contains(&vendor.private_key));

    let path = format!("/console/vendors/acme-plugins/sites/{SITE}/remove");
    let page = browser.post(&path, &[]).await;
    page.expect_sent("/console/vendors/acme-plugins/sites?done=site-removed");
    let page = browser.get("/console/logs").await;
    page.expect(200, "site.removed");
    assert!(page.text.contains("user:ada"), "{page:?}");
    let file = browser.get("/console/logs/file?format=csv").await;
    assert!(file.text.contains("site.removed"), "{file:?}");
    let page = browser
        .post("/console/vendors/acme-plugins/key-pairs", &[("days", "1")])
        .await;
    page.expect(200, "Keep these keys");
    assert!(page.text.contains("sk_"));
    let page = browser.get("/console/tokens?state=").await;
    page.expect(200, "Tokens");

    // The account: a password that is not right changes nothing.
    let page = browser.get("/console/account").await;
    page.expect(200, "set one up");
    let fields = [
        ("current", "wrong"),
        ("new", "another one of 4 words"),
        ("again", "another one of 4 words"),
    ];
    let page = browser.post("/console/account/password", &fields).await;
    page.expect(403, "is not your password");
    browser
        .post("/console/sign-out", &[])
        .await
        .expect_sent("/console/sign-in?done=signed-out");
    assert!(!browser.cookies.contains_key("__Host-gatehouse-user"));
}

/// As by the API: vendors are told that it was an operator, not which, and no accessor.
#[tokio::test]
async fn an_administrator_sees_of_a_token_what_the_api_shows_the_vendor() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    test.write_token(&vendor, SITE).await;
    let sql = test.sql().await;
    let live =
        "SELECT id::text, accessor FROM issuances WHERE secret_id = $1 AND revoked_at IS NULL";
    let row = sql.query_one(live, &[&SITE]).await.unwrap();
    let (id, accessor): (String, String) = (row.get(0), row.get(1));
    let path = format!("/console/vendors/acme-plugins/tokens/{id}");
    let operator = test.person("ann").await;
    let mut operators = Plain::of(&test, &operator).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    browser.get(&path).await.expect(200, "Revoke this token");
    operators.get(&path).await.expect(200, &accessor);
    operators.post(&format!("{path}/revoke"), &[]).await;
    operators.get(&path).await.expect(200, "operator:ann");
    let page = browser.get(&path).await;
    page.expect(200, "by operator:");
    for hidden in ["operator:ann", &*accessor] {
        assert!(!page.text.contains(hidden), "{hidden}: {page:?}");
    }
}

#[tokio::test]
async fn a_support_agent_pastes_an_access_key_and_sees_the_site() {
    let test = TestApp::start().await;
    let vendor = with_site(&test, "acme-plugins").await;
    let agent = test.user(&vendor, "sam", &["Support"]).await;
    let mut browser = Plain::of_user(&test, &agent).await;
    let search = "/console/vendors/acme-plugins/search";
    browser.get("/console").await.expect_sent(search);
    browser
        .get(search)
        .await
        .expect(200, "Paste the access key");
    let page = browser.post(search, &[("accessKey", KEY)]).await;
    page.expect(200, SITE);
    assert!(
        page.text.contains(&format!("acme-plugins-store/{SITE}")),
        "{page:?}"
    );
    for key in ["another-access-key-0009", "x", ""] {
        let page = browser.post(search, &[("accessKey", key)]).await;
        page.expect(200, "No registered site has this access key");
    }
    let sql = test.sql().await;
    let events =
        "SELECT count(*) FROM events WHERE action = 'site.searched' AND actor = 'user:sam'";
    let events: i64 = sql.query_one(events, &[]).await.unwrap().get(0);
    assert_eq!(events, 2);
}

#[tokio::test]
async fn a_session_of_a_user_is_no_operators_and_ends_when_it_lies_unused() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let user = test.user(&vendor, "ada", &["Administrators"]).await;
    let mut browser = Plain::of_user(&test, &user).await;
    let session = browser.cookies["__Host-gatehouse-user"].clone();
    let (operator, own) = ("__Host-gatehouse-operator", "__Host-gatehouse-user");
    // In the cookie of operators it is nothing.
    let mut thief = Plain::new(&test);
    thief.cookies.insert(operator.to_owned(), session.clone());
    let page = thief.get("/console/tasks").await;
    assert!(page.location().starts_with("/console/sign-in"), "{page:?}");
    // Nor is an access token for scripts.
    let token = test.user_token(&session).await;
    thief.cookies = [(own.to_owned(), token)].into();
    let page = thief.get("/console/vendors/acme-plugins").await;
    assert!(page.location().starts_with("/console/sign-in"), "{page:?}");

    // Nor is the former one, after another sign-in in the same browser.
    browser.get("/console/sign-in").await;
    let fields = [("name", &*user.login), ("password", &*user.password)];
    browser
        .post("/console/sign-in", &fields)
        .await
        .expect_sent("/console");
    thief.cookies = [(own.to_owned(), session)].into();
    let page = thief.get("/console/vendors/acme-plugins").await;
    assert!(page.location().starts_with("/console/sign-in"), "{page:?}");

    let home = "/console/vendors/acme-plugins";
    test.app.clock.advance(29 * 60);
    assert_eq!(browser.get(home).await.status, 200);
    test.app.clock.advance(31 * 60);
    let page = browser.get(home).await;
    assert!(page.location().starts_with("/console/sign-in"), "{page:?}");

    // A suspended vendor's people are shut out, and so is who was removed.
    let mut browser = Plain::of_user(&test, &user).await;
    assert_eq!(browser.get(home).await.status, 200);
    let suspended = test.operate(Method::POST, "acme-plugins", "/suspend").await;
    assert_eq!(suspended.status, 200, "{suspended:?}");
    browser.get(home).await.expect(403, "vendor_suspended");
    test.operate(Method::POST, "acme-plugins", "/resume").await;
    assert_eq!(browser.get(home).await.status, 200);
    let removed = test
        .as_vendor(&vendor, Method::DELETE, "/users/ada", json!(null))
        .await;
    assert_eq!(removed.status, 200, "{removed:?}");
    let page = browser.get(home).await;
    assert!(page.location().starts_with("/console/sign-in"), "{page:?}");
}

#[tokio::test]
async fn a_user_of_a_vendor_that_demands_a_second_factor_sets_it_up_first() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let user = test.user(&vendor, "ada", &["Administrators"]).await;
    let rules = json!({ "requireTotp": true });
    let demanded = test
        .as_vendor(&vendor, Method::PATCH, "/user-rules", rules)
        .await;
    assert_eq!(demanded.status, 200, "{demanded:?}");
    let mut browser = Plain::of_user(&test, &user).await;
    browser
        .get("/console/vendors/acme-plugins")
        .await
        .expect_sent("/console/account/totp");
    browser
        .get("/console/account/totp")
        .await
        .expect(200, "Password");
    let page = browser
        .post("/console/account/totp", &[("password", &user.password)])
        .await;
    page.expect(200, "<svg");
    let secret = page.text.split(r#"id="totp-secret">"#).nth(1).unwrap();
    let secret = secret.split('<').next().unwrap().replace(' ', "");
    test.keep_secret(&secret);
    let code = test.code(&secret, 0);
    // Users have no recovery codes to keep, and cannot make any.
    let page = browser
        .post("/console/account/totp/confirm", &[("code", &code)])
        .await;
    page.expect_sent("/console/account?done=totp");
    let page = browser.get("/console/account?done=totp").await;
    page.expect(200, "Your second factor is set up.");
    test.app.clock.advance(30);
    let operator = test.person("ann").await;
    let code = test.code(&secret, 0);
    let fields = [("password", &*user.password), ("code", &*code)];
    let page = browser
        .post("/console/account/recovery-codes", &fields)
        .await;
    page.expect(403, "caller_not_allowed");
    let sql = test.sql().await;
    let left = "SELECT count(*) FROM operator_recovery_codes";
    let left: i64 = sql.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, i64::try_from(operator.recovery_codes.len()).unwrap());
}

#[tokio::test]
async fn people_of_a_suspended_vendor_change_nothing_and_can_sign_out() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let user = test.user(&vendor, "ada", &["Administrators"]).await;
    let mut browser = Plain::of_user(&test, &user).await;
    browser
        .get("/console/account")
        .await
        .expect(200, "Your account");
    test.operate(Method::POST, "acme-plugins", "/suspend").await;
    for path in [
        "/console/account",
        "/console/account/password",
        "/console/account/totp",
    ] {
        browser.get(path).await.expect(403, "vendor_suspended");
    }
    let fields = [("password", &*user.password)];
    let page = browser.post("/console/account/totp", &fields).await;
    page.expect(403, "vendor_suspended");
    browser
        .post("/console/sign-out", &[])
        .await
        .expect_sent("/console/sign-in?done=signed-out");
}
