//! The lockbox at the console, and in a real browser together with credentials.

use crate::console_pages::press;
use crate::console_secrets::{FTP, NEW_FTP, expect_no};
use crate::support::TestApp;
use crate::support::browser::browse;
use crate::support::console::Plain;
use crate::support::lockbox::STRONG;
use crate::support::users::TestUser;

#[tokio::test]
async fn a_lockbox_is_set_up_filled_locked_and_unlocked() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let agent = test.user(&vendor, "sam", &["Support"]).await;
    test.keep_secret(STRONG);
    let mut browser = Plain::of_user(&test, &admin).await;
    let mut agents = Plain::of_user(&test, &agent).await;
    agents
        .get("/console/lockbox")
        .await
        .expect(200, "has no password yet");
    browser
        .get("/console/lockbox")
        .await
        .expect(200, "there is no other way in");
    for (password, again, fault) in [
        (STRONG, "other", "The same again: is not the same."),
        ("short", "short", "Password of the lockbox: "),
        ("", "", "Password of the lockbox: "),
    ] {
        let page = browser
            .post(
                "/console/lockbox/init",
                &[("password", password), ("again", again)],
            )
            .await;
        page.expect(422, fault);
        expect_no(&page, "value=\"short\"");
    }
    let page = browser
        .post(
            "/console/lockbox/init",
            &[("password", STRONG), ("again", STRONG)],
        )
        .await;
    page.expect_sent("/console/lockbox?done=lockbox-made");
    browser
        .get("/console/lockbox")
        .await
        .expect(200, "There is no entry yet");

    let new = "/console/lockbox/new-entry";
    browser.get(new).await.expect(200, "New entry");
    let value = "first line\r\nsecond line";
    test.keep_secret("second line");
    let page = browser
        .post(
            new,
            &[
                ("key", "root password"),
                ("type", "nothing"),
                ("value", value),
            ],
        )
        .await;
    page.expect(422, "What it is: must be one of");
    assert!(
        page.text.contains("second line"),
        "what was typed is kept: {page:?}"
    );
    let entry = [
        ("key", "root password"),
        ("type", "secret"),
        ("clientId", "server-7"),
        ("value", value),
    ];
    browser
        .post(new, &entry)
        .await
        .expect_sent("/console/lockbox/entries/1?done=entry-made");
    browser
        .post(new, &entry)
        .await
        .expect(409, "Key: is taken, for this client.");
    let page = browser.get("/console/lockbox?q=SERVER-7").await;
    page.expect(200, "root password");
    browser
        .get("/console/lockbox?q=nothing")
        .await
        .expect(200, "No entry was found");

    read_and_change(&test, &admin, (&mut browser, &mut agents)).await;
    lock_and_unlock(&mut browser, &mut agents).await;
}

type Browsers<'a, 'b> = (&'b mut Plain<'a>, &'b mut Plain<'a>);

/// A colleague reads the entry, which is on record, until its group is another one.
async fn read_and_change(test: &TestApp, admin: &TestUser, (browser, agents): Browsers<'_, '_>) {
    let at = "/console/lockbox/entries/1";
    let page = agents.get(at).await;
    page.expect(200, "server-7");
    expect_no(&page, "second line");
    agents
        .post(&format!("{at}/value"), &[])
        .await
        .expect(200, "first line\nsecond line");
    let page = browser.get(&format!("{at}/edit")).await;
    page.expect(200, r#"name="version" value="1""#);
    expect_no(&page, "second line");
    let change = [
        ("version", "1"),
        ("key", "root password"),
        ("type", "secret"),
        ("requiredGroup", "Administrators"),
    ];
    let page = agents.post(&format!("{at}/edit"), &change).await;
    page.expect(403, "Group: is one that you are not in.");
    let page = browser.post(&format!("{at}/edit"), &change).await;
    page.expect_sent("/console/lockbox/entries/1?done=entry-changed");
    assert_eq!(test.value(admin, 1).await, "first line\nsecond line");
    browser
        .post(&format!("{at}/edit"), &change)
        .await
        .expect(412, "It has changed meanwhile");
    for act in ["value", "delete"] {
        agents
            .post(&format!("{at}/{act}"), &[])
            .await
            .expect(403, "group_required");
    }
}

/// Locked, nobody reads; administrators alone open it.
async fn lock_and_unlock(browser: &mut Plain<'_>, agents: &mut Plain<'_>) {
    let at = "/console/lockbox/entries/1";
    agents
        .post("/console/lockbox/lock", &[])
        .await
        .expect(403, "no_administrator");
    let page = browser.post("/console/lockbox/lock", &[]).await;
    page.expect_sent("/console/lockbox?done=lockbox-locked");
    browser.get(at).await.expect_sent("/console/lockbox");
    let page = browser.post(&format!("{at}/value"), &[]).await;
    page.expect(423, "Locked");
    agents
        .get("/console/lockbox")
        .await
        .expect(200, "An administrator of yours can unlock it");
    let unlock = async |browser: &mut Plain<'_>, password: &str| {
        browser
            .post("/console/lockbox/unlock", &[("password", password)])
            .await
    };
    unlock(agents, STRONG).await.expect(403, "no_administrator");
    unlock(browser, "wrong-horse-battery-staple")
        .await
        .expect(403, "That is not the password");
    let page = unlock(browser, STRONG).await;
    page.expect_sent("/console/lockbox?done=lockbox-open");
    let page = browser.post(&format!("{at}/delete"), &[]).await;
    page.expect_sent("/console/lockbox?done=entry-deleted");
    let page = browser.get(at).await;
    page.expect(200, "This entry is deleted");
}

#[tokio::test]
async fn people_keep_their_secrets_in_a_real_browser() {
    let test = TestApp::start().await;
    let vendor = test.vendor("browser-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    test.keep_secret(STRONG);
    test.keep_secret("tr0ub4dor-of-the-form");
    browse(async |browser| {
        let open = async |path: &str| browser.open(&format!("{}{path}", test.url)).await;
        browser.look(1280, false).await;
        open("/console").await;
        browser.heading("Sign in").await;
        browser.fill("#name", &admin.login).await;
        browser.fill("#password", &admin.password).await;
        press(browser, "/console/sign-in").await;
        browser.heading("A Vendor").await;
        open("/console/credentials").await;
        browser.heading("Credentials").await;
        browser.inspect("credentials-none").await;
        for name in ["ftp", "s3", "http", "generic"] {
            open(&format!("/console/new-credential/{name}")).await;
            browser.until("document.querySelector('main form')").await;
            browser.inspect(&format!("new-credential-{name}")).await;
        }
        open(NEW_FTP).await;
        for (name, text) in FTP {
            if name != "value/secure" {
                browser.fill(&format!("[name='{name}']"), text).await;
            }
        }
        browser.fill("[name='value/port']", "0").await;
        press(browser, NEW_FTP).await;
        browser.until("document.querySelector('.fault')").await;
        browser.inspect("new-credential-refused").await;
        browser.fill("[name='value/port']", "21").await;
        browser.fill("[name='value/password']", FTP[5].1).await;
        press(browser, NEW_FTP).await;
        browser.heading("media-server").await;
        browser.inspect("credential").await;
        press(browser, "/console/credentials/media-server/value").await;
        browser.until("document.querySelector('#value')").await;
        assert!(browser.text("dl.keys").await.contains(FTP[5].1));
        browser.inspect("credential-value").await;
        open("/console/credentials").await;
        browser.heading("Credentials").await;
        browser.inspect("credentials").await;

        open("/console/lockbox").await;
        browser.heading("Lockbox").await;
        browser.inspect("lockbox-new").await;
        browser.fill("#password", STRONG).await;
        browser.fill("#again", STRONG).await;
        press(browser, "/console/lockbox/init").await;
        browser
            .until("document.querySelector('.notice.good')")
            .await;
        press(browser, "/console/lockbox/lock").await;
        browser
            .until("document.querySelector(\"form[action='/console/lockbox/unlock']\")")
            .await;
        browser.inspect("lockbox-locked").await;
        browser
            .fill("#password", "wrong-horse-battery-staple")
            .await;
        press(browser, "/console/lockbox/unlock").await;
        browser
            .until("document.querySelector('[role=alert]')")
            .await;
        browser.inspect("lockbox-refused").await;
        browser.fill("#password", STRONG).await;
        press(browser, "/console/lockbox/unlock").await;
        browser.until("document.querySelector('.empty')").await;
        assert_eq!(browser.text(".notice").await, "The lockbox is unlocked.");
        browser.inspect("lockbox-empty").await;
        browser.click(".heading a.button").await;
        browser.heading("New entry").await;
        browser.inspect("lockbox-entry-new").await;
        browser.fill("#key", "root password").await;
        browser.fill("#value", "first line\nsecond line").await;
        press(browser, "/console/lockbox/new-entry").await;
        browser.heading("root password").await;
        press(browser, "/console/lockbox/entries/1/value").await;
        browser.until("document.querySelector('code.secret')").await;
        assert_eq!(browser.text("code.secret").await, "first line\nsecond line");
        browser.inspect("lockbox-entry").await;
        open("/console/lockbox").await;
        browser.heading("Lockbox").await;
        browser.inspect("lockbox").await;
    })
    .await;
}
