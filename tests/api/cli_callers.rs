//! The command line as vendors and users call it, and what it writes for people, for shells and for `man`.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{json_of, refusal, run, with_input};
use crate::support::TestApp;

fn caller(test: &TestApp, token: &str) -> HashMap<String, String> {
    HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_TOKEN".to_owned(), token.to_owned()),
    ])
}

fn operator(test: &TestApp) -> HashMap<String, String> {
    HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ])
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_keeps_its_credentials_from_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let env = caller(&test, &vendor.private_key);
    let value = json!({
        "type": "ftp", "hostname": "ftp.example", "port": 21, "username": "u",
        "password": "tr0ub4dor-secret", "secure": false,
    });
    let types = json_of(&env, &["credential", "types"]);
    assert!(types.to_string().contains("ftp"), "{types}");
    let create = ["credential", "create", "ftp-1", "--value", "-"];
    let made = with_input(&env, &create, &value.to_string());
    assert!(text(&made).contains("ftp-1"));
    assert!(
        !text(&made).contains("tr0ub4dor"),
        "a value is not shown again"
    );
    assert_eq!(
        json_of(&env, &["credential", "show", "ftp-1"])["data"]["value"],
        value
    );
    let mut other = value.clone();
    other["port"] = json!(2121);
    let update = ["credential", "update", "ftp-1", "--value", "-"];
    text(&with_input(&env, &update, &other.to_string()));
    let listed = json_of(&env, &["credential", "list"]);
    assert_eq!(listed["items"][0]["version"], 2, "{listed}");
    let raw = json_of(&env, &["api", "get", "/api/credentials?limit=1"]);
    assert_eq!(raw["items"], listed["items"]);
    assert_eq!(
        json_of(&env, &["credential", "remove", "ftp-1"])["deleted"],
        true
    );
    let refused = refusal(&env, &["credential", "show", "ftp-1"]);
    assert!(refused.contains("404 not_found"), "{refused}");

    // What cannot be, in words, and nothing of a value that cannot be read.
    let bad = with_input(&env, &create, "{\"password\": \"tr0ub4dor-secret\",}");
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("the value is no JSON: at line 1"), "{said}");
    assert!(!said.contains("tr0ub4dor"), "{said}");
    let bad = with_input(&env, &create, &json!({ "type": "ftp" }).to_string());
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("422 "), "{said}");
    for path in ["api/sites", "//other.example/x", "/a/../b", "/a b"] {
        assert!(refusal(&env, &["api", "get", path]).contains("must be a path"));
    }
    assert!(refusal(&caller(&test, "sk_wrong"), &["credential", "list"]).contains("401 "));
    let unset = HashMap::from([("GATEHOUSE_URL".to_owned(), test.url.clone())]);
    assert!(refusal(&unset, &["credential", "list"]).contains("GATEHOUSE_TOKEN is not set"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_opens_the_lockbox_from_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("rport-vendor").await;
    let admin = test.user(&vendor, "admin", &["Administrators"]).await;
    let session = test.user_session(&admin).await;
    let env = caller(&test, &test.user_token(&session).await);
    let password = "correct horse battery staple\n";
    text(&with_input(&env, &["lockbox", "init"], password));
    text(&run(&env, &["lockbox", "lock"]));
    let wrong = with_input(&env, &["lockbox", "unlock"], "wrong horse\n");
    assert!(!wrong.status.success());
    text(&with_input(&env, &["lockbox", "unlock"], password));
    let add = [
        "lockbox",
        "add",
        "router",
        "--value",
        "-",
        "--client-id",
        "42",
    ];
    text(&with_input(&env, &add, "hunter2-and-more"));
    let listed = json_of(&env, &["lockbox", "list"]);
    let id = listed["items"][0]["id"].to_string();
    assert!(!listed.to_string().contains("hunter2"), "{listed}");
    let shown = text(&run(&env, &["lockbox", "show", &id]));
    assert!(shown.contains("hunter2-and-more"), "{shown}");
    text(&run(&env, &["lockbox", "remove", &id]));
    assert!(refusal(&env, &["lockbox", "show", &id]).contains("404 "));
    assert!(refusal(&env, &["lockbox", "show", "01"]).contains("must be an entry's id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_tables_and_scripts_read_json() {
    let test = TestApp::start().await;
    let env = operator(&test);
    for namespace in ["first-vendor", "other-vendor"] {
        test.vendor(namespace).await;
    }
    let page = run(&env, &["vendor", "list", "--limit", "1"]);
    let more = String::from_utf8(page.stderr.clone()).unwrap();
    let shown = text(&page);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    let column = lines[0].find("namespace").unwrap();
    let first = lines[1][column..].split("  ").next().unwrap();
    let cursor = more
        .strip_prefix("There are more: --cursor ")
        .unwrap()
        .trim();
    let next = run(
        &env,
        &["vendor", "list", "--limit", "1", "--cursor", cursor],
    );
    let names = format!("{first} {}", text(&next));
    assert!(
        names.contains("first-vendor") && names.contains("other-vendor"),
        "{names}"
    );
    let one = text(&run(&env, &["vendor", "show", "first-vendor"]));
    assert!(
        one.lines().any(|line| line.starts_with("namespace ")),
        "{one}"
    );
    let same: Value = json_of(&env, &["vendor", "show", "first-vendor"]);
    assert_eq!(same["namespace"], "first-vendor");
    assert!(text(&run(&env, &["site", "list", "first-vendor"])).contains("none"));

    let set = ["log-level", "set", "gatehouse=trace", "--seconds", "5"];
    assert_eq!(json_of(&env, &set)["levels"], "gatehouse=trace");
    text(&run(&env, &["log-level", "reset"]));
    let bad = refusal(&env, &["log-level", "set", "debug"]);
    assert!(bad.contains("/levels must be error, warn or info"), "{bad}");
    let answer = test.call(Method::GET, "/api/admin/log-levels");
    let answer = answer.bearer(&test.operator).send().await;
    assert_eq!(answer.json["levels"], Value::Null);
}

#[test]
fn shells_and_man_know_all_commands() {
    let none = HashMap::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&none, &["completions", shell]));
        assert!(script.contains("trust-policy"), "{shell}");
    }
    let checked = Command::new("bash")
        .args(["-n", "/dev/stdin"])
        .stdin(Stdio::piped())
        .spawn();
    let mut checked = checked.unwrap();
    let script = text(&run(&none, &["completions", "bash"]));
    checked
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(checked.wait().unwrap().success());
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("man1");
    text(&run(&none, &["man", "--dir", folder.to_str().unwrap()]));
    for page in ["gatehouse", "gatehouse-serve", "gatehouse-vendor-create"] {
        let page = std::fs::read_to_string(folder.join(format!("{page}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{page}");
    }
    assert!(refusal(&none, &["man", "--dir", "/proc/nowhere"]).contains("writing to /proc"));
    // Wrong use is told apart from failure.
    assert_eq!(run(&none, &["vendor", "fly"]).status.code(), Some(2));
    assert_eq!(run(&none, &["vendor", "list"]).status.code(), Some(1));
}
