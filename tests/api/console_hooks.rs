//! Webhooks at the console, of vendors and of the platform.

use serde_json::json;

use crate::console_pages::press;
use crate::support::TestApp;
use crate::support::browser::browse;
use crate::support::console::{Page, Plain};
use crate::support::receiver::Receiver;

const NEW: &str = "/console/vendors/acme-plugins/new-webhook";

/// The secret that a page shows once.
fn secret(test: &TestApp, page: &Page) -> String {
    page.expect(200, "Keep this secret");
    let rest = page.text.split(r#"id="secret">"#).nth(1).unwrap();
    let made = rest.split('<').next().unwrap().to_owned();
    test.keep_secret(&made);
    made
}

/// Where a page leads back to.
fn back(page: &Page) -> String {
    let rest = page.text.split(r#"class="button" href=""#).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_administrator_makes_tries_changes_pauses_and_removes_a_webhook() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let receiver = Receiver::start().await;
    let _held = test.hold_deliveries().await;
    let mut browser = Plain::of_user(&test, &admin).await;
    browser
        .get("/console/vendors/acme-plugins")
        .await
        .expect(200, NEW);
    let page = browser.get(NEW).await;
    page.expect(200, "site.created");
    assert!(
        !page.text.contains("account.created"),
        "that is the platform's"
    );
    let wrong = [
        ("url", "https://user:word@hook.example/"),
        ("types/account.created", "on"),
    ];
    let page = browser.post(NEW, &wrong).await;
    page.expect(422, "Address: must be an https URL");
    assert!(
        page.text.contains("choose everything, or one at least"),
        "{page:?}"
    );
    let form = [
        ("url", &*receiver.url),
        ("types/site.created", "on"),
        ("types/user.created", "on"),
    ];
    let page = browser.post(NEW, &form).await;
    let first = secret(&test, &page);
    let hook = back(&page);
    browser
        .get(&hook)
        .await
        .expect(200, "site.created, user.created");

    let page = browser.post(&format!("{hook}/test"), &[]).await;
    page.expect_sent(&format!("{hook}?done=hook-tested"));
    test.deliver().await;
    let got = receiver.got();
    assert_eq!((got.len(), &got[0].json()["type"]), (1, &json!("test")));
    assert!(got[0].is_signed_by(&first));
    browser.get(&hook).await.expect(200, "delivered");

    let page = browser.get(&format!("{hook}/edit")).await;
    page.expect(200, &receiver.url);
    let action = format!(r#"action="{hook}/edit">"#);
    assert!(page.text.contains(&action), "as it is sent below: {page:?}");
    let page = browser
        .post(&format!("{hook}/edit"), &[("url", "nothing")])
        .await;
    page.expect(422, "Address: must be an https URL");
    let change = [("url", &*receiver.url), ("types/*", "on")];
    let page = browser.post(&format!("{hook}/edit"), &change).await;
    page.expect_sent(&format!("{hook}?done=hook-changed"));
    browser.get(&hook).await.expect(200, "everything");
    let page = browser
        .post(&format!("{hook}/secret"), &[("leaked", "true")])
        .await;
    let second = secret(&test, &page);
    browser.post(&format!("{hook}/test"), &[]).await;
    test.deliver().await;
    let got = receiver.got();
    assert!(got[1].is_signed_by(&second) && !got[1].is_signed_by(&first));
    let page = browser
        .post(&format!("{hook}/state"), &[("to", "off")])
        .await;
    page.expect_sent(&format!("{hook}?done=hook-off"));
    browser.get(&hook).await.expect(200, "Go on");
    browser
        .post(&format!("{hook}/test"), &[])
        .await
        .expect(409, "webhook_disabled");
    browser
        .post(&format!("{hook}/state"), &[("to", "on")])
        .await;
    for act in ["state", "secret"] {
        browser
            .post(&format!("{hook}/{act}"), &[])
            .await
            .expect(403, "form_refused");
    }

    // Another vendor's administrator does not find it, at either address.
    let other = test.vendor("other-plugins").await;
    let eve = test.user(&other, "eve", &["Administrators"]).await;
    let mut theirs = Plain::of_user(&test, &eve).await;
    theirs
        .get("/console/vendors/other-plugins")
        .await
        .expect(200, "It has none");
    let moved = hook.replace("acme", "other");
    for path in [&hook, &moved] {
        theirs.get(path).await.expect(404, "Nothing is here");
        for act in ["edit", "state", "secret", "test", "remove"] {
            let form = [
                ("to", "off"),
                ("leaked", "true"),
                ("url", &receiver.url),
                ("types/*", "on"),
            ];
            theirs
                .post(&format!("{path}/{act}"), &form)
                .await
                .expect(404, "Nothing is here");
        }
    }
    let page = browser.post(&format!("{hook}/remove"), &[]).await;
    page.expect_sent("/console/vendors/acme-plugins?done=hook-removed");
    browser.get(&hook).await.expect(404, "Nothing is here");
}

#[tokio::test]
async fn operators_look_after_the_platforms_webhooks_and_nobody_else_does() {
    let test = TestApp::start().await;
    let person = test.person("ann").await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let receiver = Receiver::start().await;
    let mut operator = Plain::of(&test, &person).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    let form = [("url", &*receiver.url), ("types/account.created", "on")];
    let new = "/console/new-webhook";
    browser.get("/console/account").await;
    browser
        .post(new, &form)
        .await
        .expect(403, "caller_not_allowed");
    let page = operator.get(new).await;
    page.expect(200, "account.created");
    assert!(!page.text.contains("site.created"));
    let page = operator.post(new, &form).await;
    secret(&test, &page);
    let hook = back(&page);
    operator.get("/console/webhooks").await.expect(200, &hook);
    for act in ["", "/edit"] {
        browser
            .get(&format!("{hook}{act}"))
            .await
            .expect(403, "caller_not_allowed");
    }
    browser
        .post(&format!("{hook}/remove"), &[])
        .await
        .expect(403, "caller_not_allowed");
    // Nor is it one of a vendor's.
    let id = hook.rsplit('/').next().unwrap();
    let moved = format!("/console/vendors/acme-plugins/webhooks/{id}");
    browser.get(&moved).await.expect(404, "Nothing is here");
    let page = operator.post(&format!("{hook}/remove"), &[]).await;
    page.expect_sent("/console/webhooks?done=hook-removed");
}

#[tokio::test]
async fn a_webhook_is_made_in_a_real_browser() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let receiver = Receiver::start().await;
    browse(async |browser| {
        browser.look(1280, false).await;
        browser.open(&format!("{}/console", test.url)).await;
        browser.heading("Sign in").await;
        browser.fill("#name", &admin.login).await;
        browser.fill("#password", &admin.password).await;
        press(browser, "/console/sign-in").await;
        browser.heading("A Vendor").await;
        browser.open(&format!("{}{NEW}", test.url)).await;
        browser.heading("New webhook").await;
        browser.inspect("hook-new").await;
        browser.click("[name='types/*']").await;
        browser.fill("#url", "http://nobody:x@hook.example").await;
        press(browser, NEW).await;
        browser
            .until("document.querySelector('#types-fault')")
            .await;
        browser.inspect("hook-refused").await;
        browser.click("[name='types/site.created']").await;
        browser.fill("#url", &receiver.url).await;
        press(browser, NEW).await;
        browser.heading("Keep this secret").await;
        test.keep_secret(&browser.text("#secret").await);
        browser.inspect("hook-secret").await;
        browser.click("main a.button").await;
        browser.heading("Webhook").await;
        browser.click("form[action$='/test'] button").await;
        browser
            .until("document.querySelector('.notice.good')")
            .await;
        browser.inspect("hook").await;
    })
    .await;
}
