//! What operators do by the console's forms.

use reqwest::Method;
use serde_json::json;

use crate::support::TestApp;
use crate::support::console::Plain;

#[tokio::test]
async fn vendors_are_made_and_ended_and_it_is_on_record() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let mut plain = Plain::of(&test, &ann).await;
    let new = "/console/vendors/new";
    plain.get(new).await.expect(200, "New vendor");
    let bad = [
        ("namespace", "Bad Name"),
        ("name", "Bad Name"),
        ("ownerEmail", "nobody"),
    ];
    let again = plain.post(new, &bad).await;
    again.expect(422, r#"value="Bad Name""#);
    assert!(again.text.contains("bad-name") && again.text.contains(r#"id="ownerEmail-fault""#));
    let good = [
        ("namespace", "console-made"),
        ("name", "<b>Made</b> & so on"),
    ];
    let made = plain.post(new, &good).await;
    made.expect(200, "Keep these keys");
    let private = made
        .text
        .split("sk_")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let private = format!("sk_{private}");
    test.keep_secret(&private);
    plain
        .post(new, &good)
        .await
        .expect(409, "is taken, or was once");
    let list = plain.get("/console/vendors?q=CONSOLE-MA").await;
    list.expect(200, "&#60;b&#62;Made&#60;/b&#62; &#38; so on");
    plain
        .get("/console/vendors?q=%25")
        .await
        .expect(200, "No vendor is called that.");
    let of = "/console/vendors/console-made";
    let rotated = plain.get(of).await;
    rotated.expect(200, "New key pair");
    let rotated = plain
        .post(&format!("{of}/key-pairs"), &[("days", "7")])
        .await;
    rotated.expect(200, "The pair before lives on");
    let page = plain.get(of).await;
    let end = page.text.split("/key-pairs/").nth(1).unwrap();
    let path = format!("{of}/key-pairs/{}", end.split('"').next().unwrap());
    plain
        .post(&path, &[])
        .await
        .expect_sent(&format!("{of}?done=pair-ended"));
    let answer = test.get("/sites").bearer(&private).send().await;
    answer.expect_problem(401, "credentials_invalid");
    let cancel = format!("{of}/cancel");
    plain
        .get(&cancel)
        .await
        .expect(200, "This cannot be undone.");
    plain
        .post(&cancel, &[("confirm", "console")])
        .await
        .expect(422, "is not the namespace");
    let cancelled = plain.post(&cancel, &[("confirm", "console-made")]).await;
    cancelled.expect_sent(&format!("{of}?done=cancelled"));
    plain.get(of).await.expect(200, r#"id="progress""#);
    let wanted = [
        "key_pair.end_set",
        "key_pair.made",
        "vendor.cancelled",
        "vendor.created",
    ];
    expect_actions(&test, &wanted).await;
}

#[tokio::test]
async fn sites_tokens_and_tasks_are_acted_on_and_it_is_on_record() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let mut plain = Plain::of(&test, &ann).await;
    let vendor = test.vendor("console-sites").await;
    let (id, key) = ("console-site-00001", "access-key-of-the-console-site");
    test.site(&vendor, id, key).await;
    let sites = "/console/vendors/console-sites/sites";
    plain.get(sites).await.expect(200, id);
    plain.get(&format!("{sites}?q={id}")).await.expect(200, id);
    plain
        .get(&format!("{sites}?q=x"))
        .await
        .expect(200, "No registered site was found.");
    let found = plain
        .post(&format!("{sites}/search"), &[("accessKey", key)])
        .await;
    found.expect(200, id);
    plain
        .get(&format!("{sites}/{id}"))
        .await
        .expect(200, "Remove this site");
    let tokens = plain
        .get("/console/tokens?vendor=console-sites&state=live&kind=&site=&caller=")
        .await;
    let token = tokens
        .text
        .split("/console/vendors/console-sites/tokens/")
        .nth(1)
        .unwrap();
    let token = format!(
        "/console/vendors/console-sites/tokens/{}",
        token.split('"').next().unwrap()
    );
    plain.get(&token).await.expect(200, "Revoke this token");
    let revoked = plain.post(&format!("{token}/revoke"), &[]).await;
    revoked.expect_sent("/console/tokens?vendor=console-sites&done=revoked");
    plain
        .get(revoked.location())
        .await
        .expect(200, "The token is dead.");
    let removed = plain.post(&format!("{sites}/{id}/remove"), &[]).await;
    removed.expect_sent(&format!("{sites}?done=site-removed"));
    let logs = format!("/console/logs?vendor=console-sites&site={id}&action=&outcome=&from=&to=");
    let logs = plain.get(&logs).await;
    logs.expect(200, "site.searched");
    assert!(logs.text.contains("operator:ann"));
    let file = plain
        .get(&format!(
            "/console/logs/file?format=csv&vendor=console-sites&site={id}"
        ))
        .await;
    assert_eq!(file.status, 200);
    assert!(
        file.header("content-type").starts_with("text/csv") && file.text.contains("site.searched")
    );
    plain.post("/console/tasks/purge/run", &[]).await;
    plain.get("/console/tasks").await.expect(200, "purge");
    plain
        .post("/console/app-tokens/renew", &[])
        .await
        .expect_sent("/console?done=renewed");
    let hook = json!({ "url": "https://127.0.0.1:9/hook", "types": ["*"] });
    let hook = test
        .as_bearer(&vendor.private_key, Method::POST, "/webhooks", hook)
        .await;
    assert_eq!(hook.status, 201, "{hook:?}");
    let hook = format!(
        "/console/vendors/console-sites/webhooks/{}",
        hook.json["webhook"]["id"].as_str().unwrap()
    );
    plain.get(&hook).await.expect(200, "Messages to 127.0.0.1");
    expect_actions(&test, &["app_token.renewed", "site.searched", "task.run"]).await;
}

/// Panics unless the operator has done these.
async fn expect_actions(test: &TestApp, wanted: &[&str]) {
    let sql =
        "SELECT DISTINCT action FROM events WHERE actor = 'operator:ann' AND outcome = 'done'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let actions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for wanted in wanted {
        assert!(
            actions.iter().any(|action| action == wanted),
            "{wanted}: {actions:?}"
        );
    }
}

#[tokio::test]
async fn first_page_stands_where_nothing_can_be_counted() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let mut plain = Plain::of(&test, &ann).await;
    plain.get("/console").await.expect(200, "requests refused");
    let held = test.sql().await;
    let lock = "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE";
    held.batch_execute(lock).await.unwrap();
    let page = plain.get("/console").await;
    page.expect(200, "Not counted in time");
    assert!(page.text.contains("App tokens"));
}
