//! RPort's documentation, call by call, with the real `curl` and the arguments as printed there but for host and port.

use gatehouse::types::Namespace;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::lockbox::PASSWORD;
use crate::support::{Place, TestApp};

const TYPE: [&str; 2] = ["-H", "Content-Type: application/json"];

async fn curl(test: &TestApp, method: &str, path: &str, more: &[&str]) -> (u16, Value) {
    let url = format!("{}{path}", test.url);
    let run = Command::new("curl")
        .args(["-X", method, &url, "-u", "admin:foobaz"])
        .args(more)
        .args(["-s", "-w", "\n%{http_code}"])
        .output();
    let out = String::from_utf8(run.await.unwrap().stdout).unwrap();
    let (body, status) = out.rsplit_once('\n').unwrap();
    let json = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
    (status.parse().unwrap(), json)
}

async fn start() -> TestApp {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.users.strength_waived = true;
    config.users.default_vendor = Namespace::parse("rport-vendor").ok();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("rport-vendor").await;
    let admin = json!({ "name": "admin", "password": "foobaz", "groups": ["Administrators"] });
    let made = test.as_vendor(&vendor, Method::POST, "/users", admin).await;
    assert_eq!(made.status, 201, "{made:?}");
    test
}

#[tokio::test]
async fn documentation_of_rport_holds() {
    let test = start().await;
    let password = format!("{{\n\t\"password\": \"{PASSWORD}\"\n}}");
    let with_password = [TYPE[0], TYPE[1], "--data-raw", &password];
    let init = curl(&test, "POST", "/api/v1/vault-admin/init", &with_password).await;
    assert_eq!(init, (201, json!("")));
    let status = curl(&test, "GET", "/api/v1/vault-admin", &TYPE).await;
    let unlocked = json!({ "data": { "init": "setup-completed", "status": "unlocked" } });
    assert_eq!(status, (200, unlocked));
    let locked = curl(&test, "DELETE", "/api/v1/vault-admin/sesame", &TYPE).await;
    assert_eq!(locked, (204, json!("")));
    let opened = curl(&test, "POST", "/api/v1/vault-admin/sesame", &with_password).await;
    assert_eq!(opened, (201, json!("")));

    for (key, value) in [("one", "1"), ("two", "2"), ("three", "345")] {
        let body =
            json!({ "client_id": "client123", "key": key, "value": value, "type": "secret" });
        let sent = body.to_string();
        let more = [TYPE[0], TYPE[1], "--data-raw", sent.as_str()];
        assert_eq!(curl(&test, "POST", "/api/v1/vault", &more).await.0, 201);
    }
    let (status, list) = curl(&test, "GET", "/api/v1/vault", &TYPE).await;
    assert_eq!((status, list["data"].as_array().unwrap().len()), (200, 3));
    let first = &list["data"][0];
    let at = first["created_at"].as_str().unwrap();
    assert_eq!(
        *first,
        json!({ "id": 1, "client_id": "client123", "created_by": "admin", "created_at": at, "key": "one" })
    );
    assert!(
        at.parse::<jiff::Timestamp>().is_ok() && at.ends_with('Z'),
        "{at}"
    );

    let (status, read) = curl(&test, "GET", "/api/v1/vault/3", &TYPE).await;
    let at = read["data"]["created_at"].clone();
    let right = json!({ "data": {
        "client_id": "client123", "required_group": "", "key": "three", "value": "345", "type": "secret", "id": 3,
        "created_at": at, "updated_at": at, "created_by": "admin", "updated_by": "admin",
    } });
    assert_eq!((status, read), (200, right));

    let four = "{\n\t\"client_id\": \"client3\",\n\t\"required_group\": \"\",\n\t\"key\": \"four\",\n\t\"value\": \"4\",\n\t\"type\": \"string\"\n}";
    let with_four = [TYPE[0], TYPE[1], "--data-raw", four];
    let added = curl(&test, "POST", "/api/v1/vault", &with_four).await;
    assert_eq!(added, (201, json!({ "data": { "id": 4 } })));
    assert_eq!(curl(&test, "DELETE", "/api/v1/vault/4", &[]).await.0, 204);
    let changed = curl(&test, "PUT", "/api/v1/vault/1", &with_four).await;
    assert_eq!(changed, (200, json!({ "data": { "id": 1 } })));
    let (_, read) = curl(&test, "GET", "/api/v1/vault/1", &TYPE).await;
    assert_eq!(read["data"]["value"], "4");
    assert_eq!(read["data"]["key"], "four");
    assert_eq!(
        curl(&test, "DELETE", "/api/v1/vault/1", &[]).await,
        (204, json!(""))
    );
}

#[tokio::test]
async fn lists_are_sorted_and_filtered_as_documented() {
    let test = start().await;
    let password = json!({ "password": PASSWORD }).to_string();
    let more = ["--data-raw", password.as_str()];
    assert_eq!(
        curl(&test, "POST", "/api/v1/vault-admin/init", &more)
            .await
            .0,
        201
    );
    for (client, key) in [
        ("client123", "one"),
        ("client3", "two"),
        ("client123", "three"),
    ] {
        let body =
            json!({ "client_id": client, "key": key, "value": "v", "type": "text" }).to_string();
        let more = ["--data-raw", body.as_str()];
        assert_eq!(curl(&test, "POST", "/api/v1/vault", &more).await.0, 201);
        test.app.clock.advance(60);
    }
    for (query, right) in [
        ("?sort=created_at", vec!["one", "two", "three"]),
        ("?sort=-created_at", vec!["three", "two", "one"]),
        (
            "?sort=client_id&sort=-created_at",
            vec!["three", "one", "two"],
        ),
        ("?filter[key]=one", vec!["one"]),
        (
            "?filter[client_id]=client123&filter[created_by]=admin",
            vec!["one", "three"],
        ),
        (
            "?filter[client_id]=client123,client3",
            vec!["one", "two", "three"],
        ),
        (
            "?sort=created_at&filter[client_id]=client123",
            vec!["one", "three"],
        ),
    ] {
        // As printed: -g keeps curl from reading the brackets as a range of its own.
        let (status, list) = curl(&test, "GET", &format!("/api/v1/vault{query}"), &["-g"]).await;
        let keys = list["data"].as_array().unwrap().iter();
        let keys: Vec<&str> = keys.map(|entry| entry["key"].as_str().unwrap()).collect();
        assert_eq!((status, keys), (200, right), "{query}");
    }
}
