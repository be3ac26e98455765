//! RPort's vault API: every status of its contract.

use serde_json::{Value, json};

use crate::support::lockbox::{PASSWORD, STRONG};
use crate::support::users::basic;
use crate::support::{Place, TestApp};

const INIT: &str = "POST /api/v1/vault-admin/init";
const OPEN: &str = "POST /api/v1/vault-admin/sesame";
const CLOSE: &str = "DELETE /api/v1/vault-admin/sesame";

fn full(key: &str) -> Value {
    json!({ "client_id": "client3", "required_group": "", "key": key, "value": "4", "type": "string" })
}

#[tokio::test]
async fn passwords_have_4_to_32_bytes() {
    let test = TestApp::start().await;
    let vendor = test.vendor("rport-vendor").await;
    let admin = test.user(&vendor, "admin", &["Administrators"]).await;
    for (password, length) in [
        ("123".to_owned(), 3),
        ("1".repeat(33), 33),
        ("😀".repeat(9), 36),
        (String::new(), 0),
    ] {
        let refused = test
            .send(&admin, INIT, &json!({ "password": password }))
            .await;
        let said = refused.expect_faults(400);
        assert_eq!(said.len(), 1);
        let limits = format!("between 4 and 32 bytes long; {length} bytes were given");
        assert!(said[0].contains(&limits), "{said:?}");
    }
    for body in [
        json!({}),
        json!({ "password": null }),
        json!({ "password": 1234 }),
        Value::Null,
    ] {
        test.send(&admin, INIT, &body).await.expect_faults(400);
    }
    let sql = test.sql().await;
    sql.batch_execute(&format!(
        "INSERT INTO lockboxes (vendor_id, strong_passwords, created_at) VALUES ({}, true, now())",
        vendor.id
    ))
    .await
    .unwrap();
    let weak = test
        .send(&admin, INIT, &json!({ "password": "password12345678" }))
        .await;
    assert!(weak.expect_faults(400)[0].contains("easy to guess"));
    let strong = test
        .send(&admin, INIT, &json!({ "password": STRONG }))
        .await;
    assert_eq!((strong.status, strong.text.as_str()), (201, ""));
    for (namespace, password) in [
        ("rport-four", "1234".to_owned()),
        ("rport-more", "x".repeat(32)),
    ] {
        let vendor = test.vendor(namespace).await;
        let admin = test.user(&vendor, "admin", &["Administrators"]).await;
        let made = test
            .send(&admin, INIT, &json!({ "password": password }))
            .await;
        assert_eq!(made.status, 201, "{made:?}");
    }
}

#[tokio::test]
async fn admin_calls_answer_as_the_table_says() {
    let test = TestApp::start().await;
    let vendor = test.vendor("rport-vendor").await;
    let admin = test.user(&vendor, "admin", &["Administrators"]).await;
    let user = test.user(&vendor, "user", &["vault-users"]).await;
    let password = json!({ "password": PASSWORD });
    let status = async || test.ask(&user, "GET /api/v1/vault-admin").await.json["data"].clone();
    assert_eq!(
        status().await,
        json!({ "init": "uninitialized", "status": "" })
    );
    test.send(&admin, OPEN, &password).await.expect_faults(409);
    test.ask(&admin, CLOSE).await.expect_faults(409);
    test.ask(&user, "GET /api/v1/vault")
        .await
        .expect_faults(409);
    test.send(&user, "POST /api/v1/vault", &full("one"))
        .await
        .expect_faults(409);
    for call in [INIT, OPEN, CLOSE] {
        test.send(&user, call, &password).await.expect_faults(403);
    }
    assert_eq!(test.send(&admin, INIT, &password).await.status, 201);
    assert_eq!(
        status().await,
        json!({ "init": "setup-completed", "status": "unlocked" })
    );
    let again = test.send(&admin, INIT, &password).await.expect_faults(409);
    assert!(again[0].contains("unlock"), "{again:?}");
    test.send(&admin, OPEN, &password).await.expect_faults(409);
    let closed = test.ask(&admin, CLOSE).await;
    assert_eq!((closed.status, closed.text.as_str()), (204, ""));
    assert_eq!(
        status().await,
        json!({ "init": "setup-completed", "status": "locked" })
    );
    test.ask(&admin, CLOSE).await.expect_faults(409);
    for wrong in ["12345", "1243", &"x".repeat(1024)] {
        let refused = test.send(&admin, OPEN, &json!({ "password": wrong })).await;
        refused.expect_faults(401);
    }
    let locked: [(&str, Value); 5] = [
        ("GET /api/v1/vault", Value::Null),
        ("GET /api/v1/vault/1", Value::Null),
        ("POST /api/v1/vault", full("one")),
        ("PUT /api/v1/vault/1", full("one")),
        ("DELETE /api/v1/vault/1", Value::Null),
    ];
    for (call, body) in locked {
        test.send(&user, call, &body).await.expect_faults(409);
    }
    let opened = test.send(&admin, OPEN, &password).await;
    assert_eq!((opened.status, opened.text.as_str()), (201, ""));
    let sql = "SELECT string_agg(action || ' ' || coalesce(code, outcome), ',' ORDER BY id) FROM events WHERE action LIKE 'lockbox.%'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    let wrong = "lockbox.unlock_refused lockbox_password_wrong";
    assert_eq!(
        row.get::<_, String>(0),
        format!(
            "lockbox.initialized done,lockbox.locked done,{wrong},{wrong},{wrong},lockbox.unlocked done"
        )
    );
}

#[tokio::test]
async fn entries_answer_as_the_table_says() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("rport-vendor").await;
    let made = test.send(&admin, "POST /api/v1/vault", &full("four")).await;
    assert_eq!(
        (made.status, &made.json),
        (201, &json!({ "data": { "id": 1 } }))
    );
    let none = test
        .ask(&admin, "POST /api/v1/vault")
        .await
        .expect_faults(400);
    assert_eq!(
        none,
        ["key is required", "value is required", "type is required"]
    );
    let worse =
        json!({ "key": 1, "value": ["x"], "type": "yaml", "client_id": "\n", "unknown": 1 });
    let faults = test
        .send(&admin, "POST /api/v1/vault", &worse)
        .await
        .expect_faults(400);
    assert_eq!(faults.len(), 4, "{faults:?}");
    for (client, key, status) in [
        ("client3", "four", 409),
        ("client4", "four", 201),
        ("", "any", 201),
        ("0", "any", 409),
        ("0", "zero", 201),
        ("", "zero", 409),
    ] {
        let mut body = full(key);
        body["client_id"] = json!(client);
        let answer = test.send(&admin, "POST /api/v1/vault", &body).await;
        assert_eq!(answer.status, status, "{client} {key}: {answer:?}");
    }
    let number = json!({ "client_id": 0, "key": "number", "value": "v", "type": "text" });
    assert_eq!(
        test.send(&admin, "POST /api/v1/vault", &number)
            .await
            .status,
        201
    );
    for (id, status) in [
        ("1", 200),
        ("99", 404),
        ("0", 404),
        ("01", 404),
        ("-1", 404),
        ("9223372036854775808", 404),
    ] {
        let answer = test.ask(&admin, &format!("GET /api/v1/vault/{id}")).await;
        assert_eq!(answer.status, status, "{id}: {answer:?}");
    }
    for id in ["one", "1.0", "0x10", "%D9%A3"] {
        for method in ["GET", "PUT", "DELETE"] {
            let call = format!("{method} /api/v1/vault/{id}");
            test.send(&admin, &call, &full("five"))
                .await
                .expect_faults(400);
        }
    }
    test.send(&admin, "PUT /api/v1/vault/1", &json!({ "key": "four" }))
        .await
        .expect_faults(400);
    test.send(&admin, "PUT /api/v1/vault/2", &full("four"))
        .await
        .expect_faults(409);
    test.send(&admin, "PUT /api/v1/vault/99", &full("new"))
        .await
        .expect_faults(404);
    test.ask(&admin, "DELETE /api/v1/vault/99")
        .await
        .expect_faults(404);
    let gone = test.ask(&admin, "DELETE /api/v1/vault/1").await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    test.ask(&admin, "GET /api/v1/vault/1")
        .await
        .expect_faults(404);
    // Its id is given to no other one.
    assert!(test.entry(&admin, "four", json!({})).await > 5);
}

#[tokio::test]
async fn everything_that_goes_wrong_looks_like_rports() {
    let test = TestApp::start().await;
    let (vendor, admin) = test.lockbox("rport-vendor").await;
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    for path in ["/api/v1/vault", "/api/v1/vault/1", "/api/v1/vault-admin"] {
        test.get(path).send().await.expect_faults(401);
        let wrong = basic("admin@rport-vendor", "wrong-password");
        for shown in [wrong.as_str(), "Basic ???", "Basic YTpi"] {
            let call = test.get(path).header("authorization", shown);
            call.send().await.expect_faults(401);
        }
        for bearer in [
            &vendor.public_key,
            &vendor.private_key,
            &test.operator,
            &session,
        ] {
            test.get(path)
                .bearer(bearer)
                .send()
                .await
                .expect_faults(403);
        }
        let other = test.ask(&admin, &format!("PATCH {path}")).await;
        other.expect_faults(405);
        assert!(other.headers["allow"].to_str().unwrap().contains("GET"));
    }
    test.ask(&admin, "GET /api/v1/vault/1/2")
        .await
        .expect_faults(404);
    test.ask(&admin, "GET /api/v1/vault-admin/other")
        .await
        .expect_faults(404);
    for body in ["{", "nonsense", "[1,]", "\u{feff}{}", "[]", "\"x\"", "null"] {
        let call = test.by(&admin, reqwest::Method::POST, "/api/v1/vault");
        call.body(body).send().await.expect_faults(400);
    }
    let huge = "x".repeat(600 * 1024);
    let call = test.by(&admin, reqwest::Method::POST, "/api/v1/vault");
    call.body(huge).send().await.expect_faults(413);
    // Any type will do, and none.
    for (at, of) in ["text/plain", "application/x-www-form-urlencoded"]
        .iter()
        .enumerate()
    {
        let body = full(&format!("typed-{at}")).to_string();
        let call = test.by(&admin, reqwest::Method::POST, "/api/v1/vault");
        let made = call.header("content-type", of).body(body).send().await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let call = test.by(&admin, reqwest::Method::POST, "/api/v1/vault");
    assert_eq!(
        call.body(full("untyped").to_string()).send().await.status,
        201
    );
    // Paths beside it are TrustedLogin's.
    test.get("/api/v1/vaults")
        .send()
        .await
        .expect_refusal(404, "not_found");
}

#[tokio::test]
async fn values_come_back_to_the_letter_and_stay_inside() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("rport-vendor").await;
    let values = [
        "\u{1}\u{7f}\"\\\r\n\t".to_owned(),
        "<script>alert('canary-markdown')</script>".to_owned(),
        "😀".repeat(16_384),
        "\u{1}".repeat(65_536),
    ];
    for (at, value) in values.iter().enumerate() {
        let body = json!({ "key": format!("k{at}"), "value": value, "type": "markdown" });
        let made = test.send(&admin, "POST /api/v1/vault", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let read = test
            .ask(&admin, &format!("GET /api/v1/vault/{}", at + 1))
            .await;
        assert_eq!(read.json["data"]["value"], **value);
        assert_eq!(read.headers["content-type"], "application/json");
        assert_eq!(read.headers["x-content-type-options"], "nosniff");
    }
    for bad in ["x".repeat(65_537), String::new(), "a\0b".to_owned()] {
        let body = json!({ "key": "bad", "value": bad, "type": "text" });
        test.send(&admin, "POST /api/v1/vault", &body)
            .await
            .expect_faults(400);
    }
    let canary = "canary-value-9f2c71d0";
    test.keep_secret(canary);
    test.keep_secret("canary-in-a-bad-body");
    let id = test.entry(&admin, "kept", json!({ "value": canary })).await;
    let bad = json!({ "key": "", "value": "canary-in-a-bad-body", "type": "x" });
    let refused = test.send(&admin, "POST /api/v1/vault", &bad).await;
    assert!(!refused.text.contains("canary"));
    assert_eq!(
        test.ask(&admin, &format!("GET /api/v1/vault/{id}"))
            .await
            .json["data"]["value"],
        canary
    );
    let dump = test.dump().await;
    assert!(!dump.contains(canary) && !dump.contains("canary-markdown"));
    assert!(dump.contains("kept"));
}

#[tokio::test]
async fn too_many_wrong_passwords_are_told_so_in_rports_form() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.limits.refused.per_second = 1;
    config.limits.refused.burst = 2;
    let test = TestApp::start_at(place, config).await;
    let (_, admin) = test.lockbox("rport-vendor").await;
    let wrong = basic("admin@rport-vendor", "wrong-password");
    let mut last = 401;
    for _ in 0..20 {
        let call = test.get("/api/v1/vault").header("authorization", &wrong);
        let answer = call.send().await;
        last = answer.status;
        answer.expect_faults(last);
        if last == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(test.ask(&admin, "GET /api/v1/vault").await.status, 200);
}
