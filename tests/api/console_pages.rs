//! The console in a real browser: each page is looked at by axe, wide and narrow, light and dark.

use crate::support::TestApp;
use crate::support::browser::{Browser, browse};
use crate::support::console::COOKIE;
use crate::support::operators::STRONG;

/// Presses the button of a form.
pub async fn press(browser: &Browser, form: &str) {
    browser
        .click(&format!(
            "form[action='{form}'] button, form[action^='{form}?'] button"
        ))
        .await;
}

#[tokio::test]
async fn an_operator_finds_the_way_from_the_first_sign_in_to_the_end_of_a_vendor() {
    let test = TestApp::start().await;
    let first = test.new_operator("ann", None).await.unwrap();
    let vendor = test.vendor("browser-plugins").await;
    for number in 0..3 {
        let id = format!("browser-site-000{number}");
        test.site(&vendor, &id, &format!("access-key-of-site-{number}"))
            .await;
    }
    browse(async |browser| {
        let at = |path: &str| format!("{}{path}", test.url);
        browser.look(1280, false).await;
        browser.open(&at("/console")).await;
        browser.heading("Sign in").await;
        browser.inspect("sign-in").await;
        browser.tab().await;
        assert_eq!(
            browser.eval("document.activeElement.className").await,
            "skip"
        );
        enter(&test, browser, &first).await;
        browser.heading("What matters now").await;
        let cookies = browser.cookies().await;
        let cookie = cookies
            .iter()
            .find(|cookie| cookie["name"] == COOKIE)
            .unwrap();
        assert_eq!(cookie["httpOnly"], true);
        assert_eq!(cookie["secure"], true);
        assert_eq!(cookie["sameSite"], "Strict");
        assert_eq!(browser.eval("document.cookie").await, "");
        browser.inspect("home").await;
        for (name, path, heading) in [
            ("vendors", "/console/vendors", "Vendors"),
            (
                "sites",
                "/console/vendors/browser-plugins/sites",
                "Sites of A Vendor",
            ),
            (
                "site",
                "/console/vendors/browser-plugins/sites/browser-site-0001",
                "Site",
            ),
            ("tokens", "/console/tokens?vendor=browser-plugins", "Tokens"),
            (
                "logs",
                "/console/logs?vendor=browser-plugins",
                "Access logs",
            ),
            ("webhooks", "/console/webhooks", "Webhooks of the platform"),
            ("tasks", "/console/tasks", "Background tasks"),
            ("account", "/console/account", "Your account"),
            ("not-found", "/console/nothing-here", "Nothing is here"),
        ] {
            browser.open(&at(path)).await;
            browser.heading(heading).await;
            browser.inspect(name).await;
        }
        browser.open(&at("/console/tokens")).await;
        browser.click("tbody th a").await;
        browser.heading("Token").await;
        browser.inspect("token").await;
        browser.click("main form button.danger").await;
        browser.heading("Tokens").await;
        assert_eq!(browser.text(".notice").await, "The token is dead.");
        end_a_vendor(browser, &at("/console/vendors")).await;
        press(browser, "/console/sign-out").await;
        browser.heading("Sign in").await;
        browser
            .open(&at("/console").replace("127.0.0.1", "localhost"))
            .await;
        browser.heading("Sign in").await;
        assert_eq!(
            browser.cookies().await.len(),
            1,
            "localhost keeps secure cookies too"
        );
    })
    .await;
}

#[tokio::test]
async fn a_vendors_people_find_their_own_pages() {
    let test = TestApp::start().await;
    let vendor = test.vendor("browser-plugins").await;
    let (site, key) = ("browser-site-0001", "access-key-of-site-1");
    test.site(&vendor, site, key).await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let agent = test.user(&vendor, "sam", &["Support"]).await;
    browse(async |browser| {
        let at = |path: &str| format!("{}{path}", test.url);
        let sign_in = async |login: &str, password: &str| {
            browser.open(&at("/console")).await;
            browser.heading("Sign in").await;
            browser.fill("#name", login).await;
            browser.fill("#password", password).await;
            press(browser, "/console/sign-in").await;
        };
        browser.look(1280, false).await;
        sign_in(&agent.login, &agent.password).await;
        browser.heading("Find a site").await;
        browser.fill("#accessKey", key).await;
        press(browser, "/console/vendors/browser-plugins/search").await;
        browser.until("document.querySelector('dl.facts')").await;
        browser.inspect("agent-search").await;
        browser
            .open(&at("/console/vendors/browser-plugins/sites"))
            .await;
        browser.heading("This is not allowed").await;
        browser.open(&at("/console/account")).await;
        press(browser, "/console/sign-out").await;
        browser.heading("Sign in").await;

        sign_in(&admin.login, &admin.password).await;
        browser.heading("A Vendor").await;
        browser.inspect("user-vendor").await;
        for (name, path, heading) in [
            (
                "user-sites",
                "/console/vendors/browser-plugins/sites",
                "Sites of A Vendor",
            ),
            (
                "user-site",
                "/console/vendors/browser-plugins/sites/browser-site-0001",
                "Site",
            ),
            (
                "user-set-up",
                "/console/vendors/browser-plugins/set-up",
                "Set up your plugin",
            ),
            ("user-tokens", "/console/tokens", "Tokens"),
            ("user-logs", "/console/logs", "Access logs"),
            ("user-account", "/console/account", "Your account"),
        ] {
            browser.open(&at(path)).await;
            browser.heading(heading).await;
            browser.inspect(name).await;
        }
        browser.open(&at("/docs")).await;
        browser.heading("API").await;
        browser.inspect("docs").await;
    })
    .await;
}

/// The first sign-in, with all that is to be done at it.
async fn enter(test: &TestApp, browser: &Browser, first: &str) {
    let sign_in = async |code: &str| {
        browser.fill("#name", "ann").await;
        browser.fill("#password", first).await;
        browser.fill("#code", code).await;
        press(browser, "/console/sign-in").await;
    };
    browser.fill("#name", "ann").await;
    browser.fill("#password", "wrong").await;
    press(browser, "/console/sign-in").await;
    browser
        .until("document.querySelector('[role=alert]')")
        .await;
    browser.inspect("sign-in-refused").await;
    sign_in("").await;
    browser.heading("Change your password").await;
    browser.inspect("password").await;
    browser.fill("#current", first).await;
    browser.fill("#new", STRONG).await;
    browser.fill("#again", STRONG).await;
    press(browser, "/console/account/password").await;
    browser.heading("Set up your second factor").await;
    browser.inspect("totp").await;
    browser.fill("#password", STRONG).await;
    press(browser, "/console/account/totp").await;
    let secret = browser.text("#totp-secret").await.replace(' ', "");
    test.keep_secret(&secret);
    browser.inspect("totp-confirm").await;
    browser.fill("#code", &test.code(&secret, 0)).await;
    press(browser, "/console/account/totp/confirm").await;
    browser.heading("Keep your recovery codes").await;
    browser.inspect("recovery-codes").await;
    browser.click("main a.button").await;
}

/// A vendor from its beginning to its end.
async fn end_a_vendor(browser: &Browser, vendors: &str) {
    browser.open(vendors).await;
    browser.heading("Vendors").await;
    browser.fill("#q", "no such vendor").await;
    browser
        .until("document.querySelector('#results .empty')")
        .await;
    browser.click("main .heading a.button").await;
    browser.heading("New vendor").await;
    browser.inspect("vendor-new").await;
    browser.fill("#name", "Clicked Plugins").await;
    browser.fill("#namespace", "Clicked Plugins").await;
    press(browser, "/console/vendors/new").await;
    browser
        .until("document.querySelector('#namespace-fault')")
        .await;
    browser.inspect("vendor-refused").await;
    browser.fill("#namespace", "clicked-plugins").await;
    press(browser, "/console/vendors/new").await;
    browser.heading("Keep these keys").await;
    browser.inspect("vendor-keys").await;
    browser.click("main a.button").await;
    browser.heading("Clicked Plugins").await;
    browser.inspect("vendor").await;
    let of = "/console/vendors/clicked-plugins";
    browser.click("#life ~ details summary").await;
    press(browser, &format!("{of}/suspend")).await;
    browser
        .until("document.querySelector('.notice')?.textContent.includes('is suspended')")
        .await;
    press(browser, &format!("{of}/resume")).await;
    browser
        .until("document.querySelector('.notice')?.textContent.includes('active again')")
        .await;
    browser.click(&format!("a[href='{of}/cancel']")).await;
    browser.heading("Cancel Clicked Plugins").await;
    browser.inspect("vendor-cancel").await;
    browser.fill("#confirm", "clicked-plugins").await;
    press(browser, &format!("{of}/cancel")).await;
    browser.heading("Clicked Plugins").await;
    browser.until("document.querySelector('#progress')").await;
    browser.inspect("vendor-cancelled").await;
}
