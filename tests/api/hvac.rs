//! The stock Python client for OpenBao and HashiCorp Vault, with the tokens as the service hands them out.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::TestApp;

const SITE: &str = "0123456789abcdef0123456789abcdef";

/// Runs a script below `tests/hvac/` and fails with what it says.
pub async fn run_script(name: &str, given: &Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(root.join(".tools/openbao/bin/python"))
        .arg(root.join("tests/hvac").join(name))
        // The library would take these for its own.
        .env_remove("VAULT_ADDR")
        .env_remove("VAULT_TOKEN")
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python must be there: run `make tools`");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let ended = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let complaint = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() && said == "ok\n",
        "{said}{complaint}"
    );
}

async fn walk(test: &TestApp, vendor: &str, write: &Value, read: &Value, policies: [&str; 2]) {
    let given = json!({
        "url": test.bao_addr,
        "namespace": test.namespace,
        "store": format!("{vendor}-store"),
        "path": SITE,
        "write_token": write["token"],
        "read_token": read["token"],
        "write_policy": policies[0],
        "read_policy": policies[1]
    });
    run_script("walk.py", &given).await;
}

async fn issue(test: &TestApp, path: &str, key: &str, body: Value) -> Value {
    let answer = test.post(path).bearer(key).json(&body).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

#[tokio::test]
async fn stock_client_walks_with_store_wide_tokens() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let write = issue(&test, "/api/site", &vendor.public_key, json!({})).await;
    let read = issue(&test, "/sites/token", &vendor.private_key, json!({})).await;
    let policies = ["gravityview-write-policy", "gravityview-read-policy"];
    walk(&test, "gravityview", &write, &read, policies).await;
}

#[tokio::test]
async fn stock_client_walks_with_the_tokens_of_one_site() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let body = json!({ "secretId": SITE, "accessKey": "0123456789ABCDEF" });
    let registered = test
        .post("/sites")
        .bearer(&vendor.public_key)
        .json(&body)
        .send()
        .await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let write = issue(&test, "/api/site", &vendor.public_key, body).await;
    let one_site = json!({ "secretId": SITE });
    let read = issue(&test, "/sites/token", &vendor.private_key, one_site).await;
    let policies = ["gravityview.site-write", "gravityview.site-read"];
    walk(&test, "gravityview", &write, &read, policies).await;
}
