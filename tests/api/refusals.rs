//! Refusals on record: a row for callers that are known, counts for all others.

use serde_json::{Value, json};

use crate::support::TestApp;

const SITE: &str = "0123456789abcdef";

/// Refusals on record, the oldest first.
async fn rows(test: &TestApp) -> Vec<Value> {
    let sql = "SELECT to_jsonb(e) FROM events e WHERE outcome <> 'done' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn known_caller_that_is_refused_is_on_record_with_its_request() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, "access-key-0123456789").await;
    let body = json!({ "secretId": SITE });
    let refused = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .header("user-agent", "plugin/1.2")
        .json(&body)
        .send()
        .await;
    refused.expect_problem(403, "access_key_required");
    let found = rows(&test).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let row = &found[0];
    let said = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(row["vendor_id"], vendor.id);
    assert_eq!(said("actor"), "public-key");
    assert_eq!(said("action"), "request.refused");
    assert_eq!(
        (said("outcome"), said("code")),
        ("refused".to_owned(), "access_key_required".to_owned())
    );
    assert_eq!(said("secret_id"), SITE);
    assert_eq!(said("client_address"), "127.0.0.1");
    assert_eq!(said("user_agent"), "plugin/1.2");
    assert_eq!(said("request_id"), refused.text_of("request_id"));
    assert_eq!(
        row["details"],
        json!({ "method": "POST", "route": "/api/site" })
    );
    // Of whatever is refused, and whoever made the refusal.
    let bearer = &vendor.private_key;
    let calls = [
        test.get("/api/site").bearer(bearer),
        test.get("/sites/0123456789abcdeX").bearer(bearer),
        test.get("/sites?limit=0").bearer(bearer),
        test.post("/sites").bearer(bearer).json(&json!({})),
        test.get("/api/admin/tasks").bearer(bearer),
    ];
    for call in calls {
        assert!(call.send().await.status >= 400);
    }
    let found = rows(&test).await;
    let codes: Vec<_> = found
        .iter()
        .map(|row| row["code"].as_str().unwrap())
        .collect();
    let right = [
        "access_key_required",
        "not_found",
        "invalid_parameter",
        "invalid_field",
        "caller_not_allowed",
    ];
    assert_eq!(
        codes, right,
        "one whose caller nobody asked for is not among them"
    );
}

#[tokio::test]
async fn strangers_are_counted_and_told_of_in_one_row() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    for _ in 0..5 {
        let wrong = test.get("/sites").bearer("sk_wrong").send().await;
        wrong.expect_problem(401, "credentials_invalid");
    }
    test.get("/sites")
        .send()
        .await
        .expect_problem(401, "credentials_missing");
    let claim = json!({ "claimToken": "gct_wrong" });
    let claim = test.post("/api/vendors/claim").json(&claim).send().await;
    assert_eq!(claim.status, 401, "{claim:?}");
    assert_eq!(rows(&test).await.len(), 0);
    assert_eq!(test.pass("tell_refusals").await["refusals"], 7);
    let found = rows(&test).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let row = &found[0];
    assert_eq!(
        (&row["actor"], &row["action"]),
        (&json!("anyone"), &json!("requests.refused"))
    );
    assert_eq!(
        (&row["vendor_id"], &row["code"]),
        (&Value::Null, &json!("unauthenticated"))
    );
    assert_eq!(row["details"]["addresses"], 1);
    let counts = json!({ "credentials_invalid": 5, "credentials_missing": 1, claim.code(): 1 });
    assert_eq!(row["details"]["counts"], counts);
    // Nothing is told twice, and a quiet minute makes no row.
    assert_eq!(test.pass("tell_refusals").await["refusals"], 0);
    assert_eq!(rows(&test).await.len(), 1);
    assert_eq!(
        test.get("/sites")
            .bearer(&vendor.private_key)
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn refusals_are_told_of_before_the_service_stops_and_kept_while_postgresql_is_in_the_way() {
    let mut test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let trap = "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                RAISE EXCEPTION 'trap'; END $$; \
                CREATE TRIGGER trap BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION trap()";
    test.sql().await.batch_execute(trap).await.unwrap();
    // A refusal is answered as always: nothing is given away by it.
    let refused = test.get("/api/admin/tasks").bearer(&vendor.private_key);
    refused
        .send()
        .await
        .expect_problem(403, "caller_not_allowed");
    test.get("/sites")
        .send()
        .await
        .expect_problem(401, "credentials_missing");
    assert!(gatehouse::events::refused::tell(&test.app).await.is_err());
    test.sql()
        .await
        .batch_execute("DROP TRIGGER trap ON events")
        .await
        .unwrap();
    test.stop().await;
    let found = rows(&test).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0]["details"]["counts"],
        json!({ "credentials_missing": 1 })
    );
}

#[tokio::test]
async fn refusal_that_is_on_record_already_is_not_told_twice() {
    let mut test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let user = test.user(&vendor, "ann", &[]).await;
    // It is written aside: here after the answer for certain.
    let other = test.sql().await;
    let lock = "BEGIN; LOCK TABLE events IN EXCLUSIVE MODE";
    other.batch_execute(lock).await.unwrap();
    let tried = test.log_in(&user.login, "not the password").await;
    assert_eq!(tried.status, 401, "{tried:?}");
    other.batch_execute("COMMIT").await.unwrap();
    test.stop().await;
    let found = rows(&test).await;
    let actions: Vec<_> = found
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["user.login_refused"]);
}

#[tokio::test]
async fn public_key_cannot_fill_the_trail_with_refusals() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    for _ in 0..80 {
        let refused = test.get("/sites").bearer(&vendor.public_key).send().await;
        refused.expect_problem(403, "caller_not_allowed");
    }
    let found = rows(&test).await.len();
    assert!((60..80).contains(&found), "{found}");
    assert_eq!(test.pass("tell_refusals").await["refusals"], 80 - found);
    let row = rows(&test).await.pop().unwrap();
    assert_eq!(
        (&row["vendor_id"], &row["code"]),
        (&json!(vendor.id), &json!("limited"))
    );
    assert_eq!(row["details"]["counts"]["caller_not_allowed"], 80 - found);
}

#[tokio::test]
async fn refusal_is_in_the_log_of_the_site_that_the_path_names() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let path = format!("/sites/{SITE}/access-logs");
    let refused = test.get(&path).bearer(&vendor.public_key);
    let refused = refused.header("user-agent", "plugin\u{e9}/1").send().await;
    refused.expect_problem(403, "caller_not_allowed");
    let log = test.get(&path).bearer(&vendor.private_key).send().await;
    let items = log.json["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{log:?}");
    assert_eq!(items[0]["code"], "caller_not_allowed");
    let agent = items[0]["userAgent"].as_str().unwrap();
    assert!(
        agent.starts_with("plugin") && agent.ends_with("/1"),
        "{agent}"
    );
}

#[tokio::test]
async fn vendor_is_not_told_which_operator_and_from_where() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, "access-key-0123456789").await;
    let path = format!("/api/admin/vendors/gravityview/sites/{SITE}");
    let removed = test.delete(&path).bearer(&test.operator);
    let removed = removed
        .header("user-agent", "operator-browser")
        .send()
        .await;
    assert_eq!(removed.status, 200, "{removed:?}");
    let asked = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    let id = asked.text_of("issuanceId");
    let path = format!("/api/admin/vendors/gravityview/issuances/{id}");
    let revoked = test.delete(&path).bearer(&test.operator).send().await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let log = test
        .get("/api/access-logs?limit=100")
        .bearer(&vendor.private_key)
        .send()
        .await;
    let ledger = test
        .get("/api/issuances?limit=100")
        .bearer(&vendor.private_key)
        .send()
        .await;
    let deleted = ledger.json["items"].as_array().unwrap();
    let deleted = deleted
        .iter()
        .find(|item| item["kind"] == "delete")
        .unwrap();
    assert_eq!(deleted["clientAddress"], Value::Null);
    for text in [&log.text, &ledger.text] {
        assert!(
            text.contains("operator") || text.contains("delete"),
            "{text}"
        );
        assert!(!text.contains("operator-browser"), "{text}");
        assert!(!text.contains("operator:test"), "{text}");
    }
    let removal = log.json["items"].as_array().unwrap().iter();
    let mut removal = removal.filter(|item| item["action"] == "site.removed");
    assert_eq!(removal.next().unwrap()["address"], Value::Null);
}

#[tokio::test]
async fn many_operators_at_once_do_not_wait_for_each_other_for_ever() {
    let test = TestApp::start().await;
    test.vendor("gravityview").await;
    // Half as many again as there are connections: were two needed for one call, these would wait for each other.
    let asking = (0..12).map(|_| async {
        let call = test.get("/api/admin/access-logs?vendor=gravityview&limit=1");
        call.bearer(&test.operator).send().await.status
    });
    let statuses = futures_util::future::join_all(asking).await;
    assert_eq!(statuses, vec![200; 12]);
}
