//! Users of a vendor at the console, as operators and the vendor's administrators look after them.

use reqwest::Method;
use serde_json::json;

use crate::console_pages::press;
use crate::support::browser::browse;
use crate::support::console::{Page, Plain};
use crate::support::users::TestUser;
use crate::support::{TestApp, TestVendor};

const USERS: &str = "/console/vendors/acme-plugins/users";
const NEW: &str = "/console/vendors/acme-plugins/new-user";

/// The password that a page shows once.
fn password(test: &TestApp, page: &Page) -> String {
    page.expect(200, "Hand on this password");
    let rest = page.text.split(r#"id="password">"#).nth(1).unwrap();
    let made = rest.split('<').next().unwrap().to_owned();
    test.keep_secret(&made);
    made
}

async fn signs_in(test: &TestApp, login: &str, password: &str) -> bool {
    test.log_in(login, password).await.status == 200
}

#[tokio::test]
async fn an_administrator_makes_a_user_and_looks_after_it() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    browser.get(USERS).await.expect(200, "ada");
    browser.get(NEW).await.expect(200, "New user");
    let wrong = [
        ("name", "Sam Smith"),
        ("group-0", "Support"),
        ("group-1", "Support"),
    ];
    let page = browser.post(NEW, &wrong).await;
    page.expect(422, "Name: must be 1 to 64 lower-case letters");
    assert!(page.text.contains("Group 2: stands twice."), "{page:?}");
    assert!(page.text.contains(r#"value="Sam Smith""#), "{page:?}");
    let form = [("name", "sam"), ("group-1", "Support")];
    let page = browser.post(NEW, &form).await;
    let first = password(&test, &page);
    assert!(signs_in(&test, "sam@acme-plugins", &first).await);
    browser
        .post(NEW, &form)
        .await
        .expect(409, "Name: is taken.");

    let sam = format!("{USERS}/sam");
    browser.get(&sam).await.expect(200, r#"value="Support""#);
    let page = browser.post(&format!("{sam}/password"), &[]).await;
    let second = password(&test, &page);
    assert!(!signs_in(&test, "sam@acme-plugins", &first).await);
    assert!(signs_in(&test, "sam@acme-plugins", &second).await);
    let groups = [
        ("administrator", "true"),
        ("group-0", "Night"),
        ("group-1", " Support "),
    ];
    let done = format!("{sam}?done=user-changed");
    browser
        .post(&format!("{sam}/groups"), &groups)
        .await
        .expect_sent(&done);
    let shown = test
        .as_vendor(&vendor, Method::GET, "/users/sam", json!(null))
        .await;
    assert_eq!(
        shown.json["groups"],
        json!(["Administrators", "Night", "Support"])
    );
    let long = "x".repeat(65);
    let page = browser
        .post(&format!("{sam}/groups"), &[("group-0", &long)])
        .await;
    page.expect(422, "Group 1: must be");
    let access = format!("{sam}/access");
    browser
        .post(&access, &[("to", "out")])
        .await
        .expect_sent(&done);
    assert!(!signs_in(&test, "sam@acme-plugins", &second).await);
    browser.get(&sam).await.expect(200, "Let in again");
    for to in ["in", "no-factor", "no-tries"] {
        browser
            .post(&access, &[("to", to)])
            .await
            .expect_sent(&done);
    }
    assert!(signs_in(&test, "sam@acme-plugins", &second).await);
    browser
        .post(&access, &[("to", "heaven")])
        .await
        .expect(403, "form_refused");
    let page = browser.post(&format!("{sam}/remove"), &[]).await;
    page.expect_sent("/console/vendors/acme-plugins/users?done=user-removed");
    browser.get(&sam).await.expect(404, "Nothing is here");
    let events = browser.get("/console/logs").await;
    for action in [
        "user.created",
        "user.updated",
        "user.password_changed",
        "user.removed",
    ] {
        events.expect(200, action);
    }
}

#[tokio::test]
async fn nobody_is_left_without_an_administrator_but_by_an_operator() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    let ada = format!("{USERS}/ada");
    browser.get(&ada).await.expect(200, "ada@acme-plugins");
    let last = "Nobody would be left among the administrators";
    browser
        .post(&format!("{ada}/groups"), &[("group-0", "Night")])
        .await
        .expect(409, last);
    let typed = [("administrator", "false"), ("group-0", "Night")];
    let page = browser.post(&format!("{ada}/groups"), &typed).await;
    page.expect(409, last);
    assert!(page.text.contains(r#"value="Night""#), "{page:?}");
    browser
        .post(&format!("{ada}/remove"), &[])
        .await
        .expect(409, last);
    browser
        .post(&format!("{ada}/access"), &[("to", "out")])
        .await
        .expect(409, last);
    // What proves one is changed with what proves one now.
    browser
        .post(&format!("{ada}/password"), &[])
        .await
        .expect(422, "That is your own");
    let page = browser
        .post(&format!("{ada}/access"), &[("to", "no-factor")])
        .await;
    page.expect(422, "That is your own");
    assert!(signs_in(&test, &admin.login, &admin.password).await);

    let rules = "/console/vendors/acme-plugins/user-rules";
    browser
        .post(rules, &[("requireTotp", "maybe")])
        .await
        .expect(403, "form_refused");
    let person = test.person("ann").await;
    let mut operator = Plain::of(&test, &person).await;
    operator.get(USERS).await.expect(200, "Demand it of all");
    let page = operator.post(rules, &[("requireTotp", "true")]).await;
    page.expect_sent("/console/vendors/acme-plugins/users?done=user-rules");
    operator.get(USERS).await.expect(200, "Demand it no more");
    let page = operator.post(&format!("{ada}/password"), &[]).await;
    let made = password(&test, &page);
    assert!(!signs_in(&test, &admin.login, &admin.password).await);
    assert!(signs_in(&test, &admin.login, &made).await);
    operator.post(&format!("{ada}/remove"), &[]).await;
    operator
        .get(USERS)
        .await
        .expect(200, "There is no user yet");
}

async fn sign_in(test: &TestApp, browser: &crate::support::browser::Browser, user: &TestUser) {
    browser.open(&format!("{}/console", test.url)).await;
    browser.heading("Sign in").await;
    browser.fill("#name", &user.login).await;
    browser.fill("#password", &user.password).await;
    press(browser, "/console/sign-in").await;
}

#[tokio::test]
async fn users_are_looked_after_in_a_real_browser() {
    let test = TestApp::start().await;
    let vendor: TestVendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    browse(async |browser| {
        browser.look(1280, false).await;
        sign_in(&test, browser, &admin).await;
        browser.heading("A Vendor").await;
        browser.open(&format!("{}{NEW}", test.url)).await;
        browser.heading("New user").await;
        browser.inspect("user-new").await;
        browser.fill("#name", "sam").await;
        browser.fill("#group-0", "Support").await;
        press(browser, NEW).await;
        browser.heading("Hand on this password").await;
        test.keep_secret(&browser.text("#password").await);
        browser.inspect("user-password").await;
        browser.click("main a.button").await;
        browser.heading("sam").await;
        browser.inspect("user").await;
        let session = test.user_session(&admin).await;
        test.user_token(&session).await;
        browser.open(&format!("{}{USERS}/ada", test.url)).await;
        browser.heading("ada").await;
        browser
            .click("#access ~ details:last-of-type summary")
            .await;
        browser.click("#access ~ details:last-of-type button").await;
        browser
            .until("document.querySelector('[role=alert]')")
            .await;
        browser.inspect("user-refused").await;
        browser.open(&format!("{}{USERS}", test.url)).await;
        browser.heading("Users of A Vendor").await;
        browser.inspect("users").await;
    })
    .await;
}

#[tokio::test]
async fn what_a_user_began_is_ended_by_an_administrator() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let user = test.user(&vendor, "sam", &[]).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    let sam = format!("{USERS}/sam");
    let nowhere = "signed in nowhere";
    browser.get(&sam).await.expect(200, nowhere);
    let session = test.user_session(&user).await;
    let token = test.user_token(&session).await;
    let page = browser.get(&sam).await;
    page.expect(200, "Access token “For a script”");
    assert!(!page.text.contains(nowhere) && !page.text.contains("this one"));
    let list = test.as_bearer(&session, Method::GET, "/user/sessions", json!(null));
    let list = list.await.json;
    let named = list["items"].as_array().unwrap().iter();
    let mut named = named.filter(|one| one["kind"] == "token");
    let id = named.next().unwrap()["id"].as_str().unwrap().to_owned();
    let done = format!("{sam}?done=one-ended");
    let end = format!("{sam}/sessions/{id}/end");
    // Pressed twice, it has ended all the same.
    for _ in 0..2 {
        browser.post(&end, &[]).await.expect_sent(&done);
    }
    assert_eq!(test.bearer_status(&token).await, 401);
    assert_eq!(test.bearer_status(&session).await, 200);
    // What is not this user's is not ended by its page, though it is the administrator's own.
    let other = test.user_session(&admin).await;
    let ids = test.as_bearer(&other, Method::GET, "/user/sessions", json!(null));
    let ids = ids.await.json;
    let ids = ids["items"].as_array().unwrap();
    assert_eq!(ids.len(), 2, "{ids:?}");
    for one in ids {
        let end = format!("{sam}/sessions/{}/end", one["id"].as_str().unwrap());
        browser.post(&end, &[]).await.expect_sent(&done);
    }
    assert_eq!(test.bearer_status(&other).await, 200);
    let all = format!("{sam}/sessions/end");
    let done = format!("{sam}?done=all-ended");
    browser.post(&all, &[]).await.expect_sent(&done);
    assert_eq!(test.bearer_status(&session).await, 401);
    browser.get(&sam).await.expect(200, nowhere);
    // On one's own page it ends all others, and says so.
    let ada = format!("{USERS}/ada");
    browser.get(&ada).await.expect(200, "End all others");
    let end = format!("{ada}/sessions/end");
    let done = format!("{ada}?done=all-ended");
    browser.post(&end, &[]).await.expect_sent(&done);
    assert_eq!(test.bearer_status(&other).await, 401);
    browser.get(&ada).await.expect(200, "this one");
}
