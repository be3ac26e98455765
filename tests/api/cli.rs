//! The built program from the command line: the way into production, and an operator's day.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gatehouse::dev::postgres::SERVICE_ROLE;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{TestApp, servers};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_gatehouse");

pub fn run(env: &HashMap<String, String>, args: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .envs(env)
        .output()
        .unwrap()
}

/// Runs a subcommand that has something to read.
pub fn with_input(env: &HashMap<String, String>, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that needs no input may be gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

/// Runs a subcommand that must succeed, and reads its JSON.
pub fn json_of(env: &HashMap<String, String>, args: &[&str]) -> Value {
    let output = run(env, &[&["--json"], args].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn refusal(env: &HashMap<String, String>, args: &[&str]) -> String {
    let output = run(env, args);
    assert!(!output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_manages_workers_from_the_command_line() {
    let test = TestApp::start().await;
    test.vendor("media-vendor").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let worker = |args: &[&str]| json_of(&env, &[&["worker"], args].concat());
    let made = worker(&[
        "create",
        "media-vendor",
        "--name",
        "Ingest",
        "--key",
        "ftp-*",
        "--key",
        "s3-1",
    ]);
    assert_eq!(made["worker"]["keys"], json!(["ftp-*", "s3-1"]));
    let login = made["worker"]["login"].as_str().unwrap();
    let first = made["workerKey"].as_str().unwrap();
    let status = async |key: &str| test.log_in(login, key).await.status;
    assert_eq!(status(first).await, 200);
    let changed = worker(&["update", login, "--token-ttl", "600"]);
    assert_eq!(
        (&changed["tokenTtl"], &changed["name"]),
        (&json!(600), &json!("Ingest"))
    );
    assert_eq!(worker(&["show", login])["tokenTtl"], 600);
    assert_eq!(
        worker(&["list", "media-vendor"])["items"][0]["login"],
        login
    );
    let second = worker(&["key", login, "--overlap", "0"]);
    let second = second["workerKey"].as_str().unwrap();
    assert_eq!((status(first).await, status(second).await), (401, 200));
    assert_eq!(worker(&["remove", login])["deleted"], true);
    assert_eq!(status(second).await, 401);
    assert!(refusal(&env, &["worker", "show", login]).contains("404 not_found"));
    assert!(refusal(&env, &["worker", "show", "nobody"]).contains("must be a log-in name"));
    let said = refusal(&env, &["worker", "create", "media-vendor", "--name", "x"]);
    assert!(said.contains("missing field keys"), "{said}");
    for secret in [first, second] {
        test.keep_secret(secret);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_works_from_the_command_line() {
    let test = TestApp::start().await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let made = json_of(
        &env,
        &[
            "vendor",
            "create",
            "gravityview",
            "--name",
            "GravityView",
            "--plan",
            "gold",
        ],
    );
    let vendor = crate::support::app::vendor_of(&made);
    test.keep_secret(&vendor.private_key);
    assert_eq!(made["vendor"]["plan"], "gold");
    assert!(refusal(&env, &["vendor", "create", "gravityview"]).contains("409 namespace_taken"));
    let said = refusal(
        &env,
        &["vendor", "create", "GravityKit", "--name", "Gravity Kit"],
    );
    assert!(
        said.contains("422 invalid_namespace") && said.contains("gravity-kit"),
        "{said}"
    );

    // The private key was never used, so it can be replaced; then it was.
    let replaced = json_of(&env, &["key-pair", "reissue", "gravityview"]);
    test.keep_secret(replaced["privateKey"].as_str().unwrap());
    let listed = test.get("/sites").bearer(&vendor.private_key).send().await;
    listed.expect_problem(401, "credentials_invalid");
    let listed = test
        .get("/sites")
        .bearer(replaced["privateKey"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(listed.status, 200);
    assert!(refusal(&env, &["key-pair", "reissue", "gravityview"]).contains("410 claim_used"));

    let changed = json_of(
        &env,
        &[
            "vendor",
            "update",
            "gravityview",
            "--name",
            "Gravity",
            "--subscription",
            "trial",
        ],
    );
    assert_eq!(
        (&changed["name"], &changed["subscription"]),
        (&json!("Gravity"), &json!("trial"))
    );
    assert_eq!(
        json_of(&env, &["vendor", "show", "gravityview"])["plan"],
        "gold"
    );
    assert_eq!(
        json_of(&env, &["vendor", "repair", "gravityview"])["whole"],
        true
    );
    assert_eq!(
        json_of(&env, &["vendor", "list", "--limit", "1"])["items"][0]["namespace"],
        "gravityview"
    );
    assert!(refusal(&env, &["vendor", "show", "nobody-there"]).contains("404 not_found"));

    let vendor = crate::support::TestVendor {
        private_key: replaced["privateKey"].as_str().unwrap().to_owned(),
        ..vendor
    };
    let id = "0123456789abcdef";
    let token = test.site(&vendor, id, "accesskey-0123456789").await;
    assert_eq!(
        json_of(&env, &["site", "list", "gravityview"])["items"][0]["secretId"],
        id
    );
    assert_eq!(
        json_of(&env, &["site", "revoke", "gravityview", id]),
        json!({ "deleted": true })
    );
    assert!(!test.is_alive(&token).await);

    let tokens = json_of(&env, &["app-token", "show"]);
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 3);
    assert!(tokens["tokens"][0]["token"].get("id").is_none());
    assert_eq!(
        json_of(&env, &["app-token", "renew"])["tokens"][0]["renewals"],
        1
    );
    assert!(json_of(&env, &["task", "list"])["tasks"].is_object());

    let mut wrong = env.clone();
    wrong.insert(
        "GATEHOUSE_ADMIN_TOKEN".to_owned(),
        vendor.private_key.clone(),
    );
    assert!(refusal(&wrong, &["vendor", "list"]).contains("403 caller_not_allowed"));
    wrong.remove("GATEHOUSE_ADMIN_TOKEN");
    assert!(refusal(&wrong, &["vendor", "list"]).contains("GATEHOUSE_ADMIN_TOKEN is not set"));
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one walk, step after step")]
async fn bootstrap_prints_what_serve_needs() {
    let shared = servers::shared();
    let name = format!("boot{}-{}", std::process::id(), servers::number());
    let database = name.replace('-', "_");
    servers::execute(&shared.database_url, &format!("CREATE DATABASE {database}")).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let made = http.post(format!("{}/v1/sys/namespaces/{name}", shared.bao_addr));
    assert!(
        made.header("x-vault-token", &shared.bao_root)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let secret = gatehouse::config::new_signup_secret(&"ab".repeat(24));
    let mut env = HashMap::from([
        (
            "DATABASE_URL".to_owned(),
            servers::with_database(&shared.database_url, &database),
        ),
        ("GATEHOUSE_BAO_ADDR".to_owned(), shared.bao_addr.clone()),
        ("GATEHOUSE_BAO_NAMESPACE".to_owned(), name),
    ]);
    assert!(refusal(&env, &["bootstrap"]).contains("GATEHOUSE_BAO_ADMIN_TOKEN is not set"));
    let mut admin = env.clone();
    admin.insert(
        "GATEHOUSE_BAO_ADMIN_TOKEN".to_owned(),
        shared.bao_root.clone(),
    );
    assert!(run(&admin, &["migrate"]).status.success());
    assert!(
        refusal(&admin, &["migrate", "--service-role", "gatehouse"]).contains("is a superuser")
    );
    assert!(
        refusal(&admin, &["migrate", "--service-role", "nobody"])
            .contains("no role is named nobody")
    );
    let granted = run(&admin, &["migrate", "--service-role", SERVICE_ROLE]);
    assert!(granted.status.success(), "{granted:?}");
    let printed = run(&admin, &["bootstrap"]);
    assert!(printed.status.success(), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).unwrap();
    env.extend(
        printed
            .lines()
            .filter_map(|l| l.split_once('='))
            .map(|(n, v)| (n.to_owned(), v.to_owned())),
    );
    assert!(
        run(&admin, &["bootstrap", "--update"]).stdout.is_empty(),
        "a repeat makes no new credentials"
    );

    env.insert(
        "DATABASE_URL".to_owned(),
        servers::of_service(&env["DATABASE_URL"]),
    );
    assert!(refusal(&env, &["serve"]).contains("GATEHOUSE_SIGNUP_SECRET is not set"));
    let port = gatehouse::dev::free_port().unwrap();
    env.insert("GATEHOUSE_SIGNUP_SECRET".to_owned(), secret);
    env.insert("GATEHOUSE_LISTEN".to_owned(), format!("127.0.0.1:{port}"));
    env.insert(
        "GATEHOUSE_URL".to_owned(),
        format!("http://127.0.0.1:{port}"),
    );
    let serve = Command::new(PROGRAM)
        .arg("serve")
        .env_clear()
        .envs(&env)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut serving = Serving(serve);
    let url = &env["GATEHOUSE_URL"];
    let mut ready = false;
    for _ in 0..200 {
        ready = http
            .get(format!("{url}/readyz"))
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200);
        if ready {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(ready);

    // A webhook as the billing system sends it, signed by the program.
    let body = r#"{"type":"vendor.created","timestamp":"2026-11-01T00:00:00Z","data":{"namespace":"billed-vendor","name":"Billed"}}"#;
    let mut sign = Command::new(PROGRAM);
    sign.args(["webhook", "sign", "--id", "msg_1"])
        .env_clear()
        .envs(&env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut sign = sign.spawn().unwrap();
    sign.stdin
        .take()
        .unwrap()
        .write_all(body.as_bytes())
        .unwrap();
    let headers = String::from_utf8(sign.wait_with_output().unwrap().stdout).unwrap();
    let mut request = http
        .post(format!("{url}/webhooks/vendor-signup"))
        .body(body);
    for line in headers.lines() {
        let (header, value) = line.split_once(": ").unwrap();
        request = request.header(header, value);
    }
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["vendor"]["namespace"], "billed-vendor", "{answer}");

    // Another operator, then none of that name.
    let added = run(
        &{
            let mut e = env.clone();
            e.extend(admin.clone());
            e
        },
        &["operator", "add", "anna"],
    );
    let token = String::from_utf8(added.stdout).unwrap().trim().to_owned();
    let mut anna = env.clone();
    anna.insert("GATEHOUSE_ADMIN_TOKEN".to_owned(), token);
    let mut known = false;
    for _ in 0..50 {
        known = run(&anna, &["vendor", "list"]).status.success();
        if known {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(known);
    assert!(run(&env, &["operator", "revoke", "anna"]).status.success());
    assert!(refusal(&env, &["operator", "revoke", "anna"]).contains("no operator of that name"));
    let mut refused = false;
    for _ in 0..50 {
        refused = !run(&anna, &["vendor", "list"]).status.success();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refused);

    let pid = Pid::from_raw(i32::try_from(serving.0.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(
        serving.0.wait().unwrap().success(),
        "SIGTERM is a clean stop"
    );
}
