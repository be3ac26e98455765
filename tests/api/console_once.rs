//! Forms that are sent twice, as by a double click, and those that were sent before.

use gatehouse::routes::PAGES;

use crate::support::TestApp;
use crate::support::console::Plain;
use crate::support::receiver::Receiver;

const VENDOR: &str = "/console/vendors/acme-plugins";

async fn number_of(test: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    test.sql().await.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_shows_a_secret_once_is_made_once_however_often_it_is_clicked() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let receiver = Receiver::start().await;
    let mut browser = Plain::of_user(&test, &admin).await;
    let mut other = Plain::new(&test);
    for (page, path, fields, table) in [
        (
            "",
            format!("{VENDOR}/key-pairs"),
            vec![("days", "1")],
            "api_keys",
        ),
        (
            "/new-user",
            format!("{VENDOR}/new-user"),
            vec![("name", "sam")],
            "users",
        ),
        (
            "/new-webhook",
            format!("{VENDOR}/new-webhook"),
            vec![("url", &*receiver.url), ("types/*", "on")],
            "webhook_endpoints",
        ),
    ] {
        let shown = browser.get(&format!("{VENDOR}{page}")).await;
        let form = shown.form_of(&path);
        other.cookies.clone_from(&browser.cookies);
        other.csrf.clone_from(&browser.csrf);
        let before = number_of(&test, table).await;
        let clicks = tokio::join!(browser.post(&form, &fields), other.post(&form, &fields));
        assert_eq!((clicks.0.status, clicks.1.status), (200, 200), "{clicks:?}");
        assert_eq!(clicks.0.text, clicks.1.text, "both show the one secret");
        assert_eq!(number_of(&test, table).await, before + 1, "{path}");
        // With other fields it is another form.
        let changed = [&fields[..], &[("more", "1")]].concat();
        let page = browser.post(&form, &changed).await;
        page.expect(422, "idempotency_key_reused");
        // To somebody else's session the key says nothing.
        let again = test
            .user(
                &vendor,
                &format!("eve-{}", table.len()),
                &["Administrators"],
            )
            .await;
        let mut stranger = Plain::of_user(&test, &again).await;
        stranger.get("/console/account").await;
        let page = stranger.post(&form, &fields).await;
        assert_ne!(page.text, clicks.0.text);
        test.app.clock.advance(11 * 60);
        browser.get("/console/account").await;
        let page = browser.post(&form, &fields).await;
        page.expect(409, "replay_expired");
    }
    // What was refused is sent again, mended or not.
    let form = browser
        .get(&format!("{VENDOR}/new-user"))
        .await
        .form_of(&format!("{VENDOR}/new-user"));
    for _ in 0..2 {
        browser
            .post(&form, &[("name", "S S")])
            .await
            .expect(422, "Name: must be");
    }
    browser
        .post(&form, &[("name", "tom")])
        .await
        .expect(200, "Hand on this password");
}

#[test]
fn every_form_that_shows_a_secret_once_is_done_once() {
    let made = PAGES.iter().filter(|route| route.replay.is_some());
    let made: Vec<&str> = made.map(|route| route.path).collect();
    assert_eq!(
        made,
        [
            "/console/account/recovery-codes",
            "/console/vendors/new",
            "/console/vendors/{namespace}/key-pairs",
            "/console/new-webhook",
            "/console/webhooks/{webhook}/secret",
            "/console/vendors/{namespace}/new-webhook",
            "/console/vendors/{namespace}/webhooks/{webhook}/secret",
            "/console/vendors/{namespace}/new-user",
            "/console/vendors/{namespace}/users/{user}/password",
        ]
    );
}
