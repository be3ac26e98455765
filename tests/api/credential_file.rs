//! Files of credentials: all or nothing, in and out.

use serde_json::{Value, json};

use crate::credentials::ftp;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

async fn import(test: &TestApp, vendor: &TestVendor, query: &str, file: &str) -> Answer {
    test.post(&format!("/api/credential-file{query}"))
        .bearer(&vendor.private_key)
        .header("content-type", "application/x-ndjson")
        .body(file.to_owned())
        .send()
        .await
}

async fn export(test: &TestApp, vendor: &TestVendor) -> Answer {
    let call = test.get("/api/credential-file").bearer(&vendor.private_key);
    call.send().await
}

fn line(key: &str, value: &Value) -> String {
    format!("{}\n", json!({ "key": key, "value": value }))
}

async fn nothing_is_there(test: &TestApp, vendor: &TestVendor) {
    let listed = test.get("/api/credentials").bearer(&vendor.private_key);
    assert_eq!(listed.send().await.json["items"], json!([]));
    let list = reqwest::Method::from_bytes(b"LIST").unwrap();
    let path = format!("{}-credentials/secret/metadata", vendor.namespace);
    assert_eq!(test.bao_root(list, &path).send().await.status, 404);
}

#[tokio::test]
async fn file_goes_in_and_comes_out_the_same() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    let mut file: String = (0..120)
        .map(|n| line(&format!("k{n:03}"), &ftp("h")))
        .collect();
    file += &json!({ "key": "z", "value": { "type": "generic", "t": "ünï\ncode \u{2028}" }, "rotateBy": "2030-01-01T00:00:00Z" }).to_string();
    let tried = import(&test, &a, "?dryRun=true", &file).await;
    assert_eq!(
        tried.json,
        json!({ "dryRun": true, "created": 0, "lines": 121 }),
        "{tried:?}"
    );
    nothing_is_there(&test, &a).await;
    let done = import(&test, &a, "", &file).await;
    assert_eq!(done.status, 201, "{done:?}");
    assert_eq!(done.json["created"], 121);
    let out = export(&test, &a).await;
    assert_eq!(out.status, 200, "{out:?}");
    assert_eq!(out.headers["content-type"], "application/x-ndjson");
    assert_eq!(out.headers["cache-control"], "no-store");
    assert_eq!(out.text.lines().count(), 121);
    let last: Value = serde_json::from_str(out.text.lines().last().unwrap()).unwrap();
    assert_eq!(last["value"]["t"], "ünï\ncode \u{2028}");
    assert_eq!(last["rotateBy"], "2030-01-01T00:00:00Z");
    assert_eq!(export(&test, &b).await.text, "");
    assert_eq!(import(&test, &b, "", &out.text).await.status, 201);
    assert_eq!(export(&test, &b).await.text, out.text);
}

#[tokio::test]
async fn one_bad_line_keeps_all_out() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let file = [
        line("good", &ftp("h")),
        "{\"key\":\n".to_owned(),
        line("bad/key", &ftp("h")),
        "\n".to_owned(),
        line(
            "bad-port",
            &json!({ "type": "ftp", "hostname": "h", "port": "canary-7" }),
        ),
        line("good", &ftp("again")),
        line("other", &ftp("h")),
    ];
    let answer = import(&test, &vendor, "", &file.concat()).await;
    answer.expect_problem(422, "invalid_lines");
    let lines = answer.json["lines"].as_array().unwrap();
    let told: Vec<_> = lines
        .iter()
        .map(|l| {
            (
                l["line"].as_u64().unwrap(),
                l["code"].as_str().unwrap(),
                l["errors"][0]["pointer"].as_str(),
            )
        })
        .collect();
    // A line in two halves is two lines.
    assert_eq!(told[0], (2, "malformed_body", None), "{answer:?}");
    assert!(
        told.contains(&(3, "invalid_field", Some("/key"))),
        "{told:?}"
    );
    assert!(
        told.contains(&(5, "invalid_field", Some("/value/port"))),
        "{told:?}"
    );
    assert!(
        told.contains(&(6, "invalid_field", Some("/key"))),
        "{told:?}"
    );
    assert!(!answer.text.contains("canary-7"));
    nothing_is_there(&test, &vendor).await;
}

#[tokio::test]
async fn taken_keys_keep_all_out() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "taken", ftp("mine")).await;
    let file = line("new", &ftp("h")) + &line("taken", &ftp("other"));
    for query in ["?dryRun=true", ""] {
        let answer = import(&test, &vendor, query, &file).await;
        answer.expect_problem(422, "invalid_lines");
        assert_eq!(
            answer.json["lines"],
            json!([{ "line": 2, "code": "credential_exists" }])
        );
    }
    let out = export(&test, &vendor).await;
    assert_eq!(out.text.lines().count(), 1);
    assert!(out.text.contains("mine"));
}

#[tokio::test]
async fn failure_on_the_way_leaves_nothing() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    // PostgreSQL refuses the last step, after all was written to OpenBao.
    let trap = "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                IF NEW.action = 'credential.created' THEN RAISE EXCEPTION 'trap'; END IF; RETURN NEW; END $$; \
                CREATE TRIGGER trap BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION trap()";
    test.sql().await.batch_execute(trap).await.unwrap();
    let file: String = (0..20).map(|n| line(&format!("k{n}"), &ftp("h"))).collect();
    let answer = import(&test, &vendor, "", &file).await;
    assert!(answer.status >= 500, "{answer:?}");
    nothing_is_there(&test, &vendor).await;
    let drop = "DROP TRIGGER trap ON events";
    test.sql().await.batch_execute(drop).await.unwrap();
    assert_eq!(import(&test, &vendor, "", &file).await.status, 201);
}

#[tokio::test]
async fn other_bodies_are_no_files() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let call = test
        .post("/api/credential-file")
        .bearer(&vendor.private_key);
    let wrong = call.json(&json!({})).send().await;
    wrong.expect_problem(415, "unsupported_media_type");
    let many: String = (0..1001)
        .map(|n| line(&format!("k{n}"), &ftp("h")))
        .collect();
    let answer = import(&test, &vendor, "", &many).await;
    answer.expect_problem(422, "invalid_lines");
    assert_eq!(answer.json["lines"][0]["line"], 1001);
    let headers: Vec<String> = (0..101).map(|n| format!("\"x{n}\": \"v\"")).collect();
    let headers = format!("{{{}}}", headers.join(","));
    let value = json!({ "type": "http", "endpoint": "http://h", "headers": headers });
    let answer = import(&test, &vendor, "", &line("k", &value)).await;
    answer.expect_problem(422, "invalid_lines");
    let long = json!({ "type": "generic", "t": "x".repeat(65 * 1024) });
    let answer = import(&test, &vendor, "", &line("k", &long)).await;
    assert_eq!(
        answer.json["lines"][0]["code"], "body_too_large",
        "{answer:?}"
    );
    let large = "x".repeat(4 * 1024 * 1024 + 1);
    let answer = import(&test, &vendor, "", &large).await;
    answer.expect_problem(413, "body_too_large");
    let answer = import(&test, &vendor, "?dryrun=1", "").await;
    answer.expect_problem(400, "invalid_parameter");
    let empty = import(&test, &vendor, "", "\n\n").await;
    assert_eq!(empty.json["created"], 0, "{empty:?}");
    nothing_is_there(&test, &vendor).await;
}
