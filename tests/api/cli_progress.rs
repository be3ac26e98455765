//! Progress of long work, which people at a terminal see and nobody else.

use std::collections::HashMap;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::cli::{PROGRAM, json_of, refusal, run};
use crate::support::TestApp;

/// Runs it at a terminal of its own; its results go to a file, where they are to.
fn at_a_terminal(env: &HashMap<String, String>, line: &str) -> Output {
    Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command"])
        .arg(format!("{PROGRAM} {line}"))
        .arg("/dev/null")
        .env_clear()
        .envs(env)
        .env("TERM", "xterm")
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn operator(test: &TestApp) -> HashMap<String, String> {
    HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ])
}

/// What moves the cursor stands in what a line that is drawn again and again is made of, and in no result.
fn draws(output: &Output) -> bool {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    all.contains(&0x1b)
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_is_waited_for_and_followed() {
    let test = TestApp::start().await;
    for vendor in ["vendor-a", "vendor-b"] {
        test.vendor(vendor).await;
    }
    let env = operator(&test);
    let wrong = [
        "vendor",
        "cancel",
        "vendor-a",
        "--confirm",
        "vendor-b",
        "--wait",
    ];
    let said = refusal(&env, &wrong);
    assert!(said.contains("400 invalid_parameter"), "{said}");
    let line = "vendor cancel vendor-a --confirm vendor-a --wait";
    let followed = at_a_terminal(&env, line);
    assert!(followed.status.success(), "{followed:?}");
    assert!(draws(&followed), "{followed:?}");
    let seen = String::from_utf8_lossy(&followed.stdout).into_owned();
    assert!(
        seen.contains(" of 6: ") && seen.contains("secrets removed"),
        "{seen}"
    );
    let args = [
        "vendor",
        "cancel",
        "vendor-b",
        "--confirm",
        "vendor-b",
        "--wait",
    ];
    let plain = run(&env, &args);
    let shown = json_of(&env, &args);
    assert!(
        plain.status.success() && plain.stderr.is_empty(),
        "{plain:?}"
    );
    assert!(!draws(&plain), "{plain:?}");
    assert_eq!(shown["cancellation"]["stage"], "done");
    assert_ne!(shown["cancellation"]["finishedAt"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_says_how_much_of_it_is_here_where_it_goes_to_one() {
    let test = TestApp::start().await;
    test.vendor("vendor-a").await;
    let env = operator(&test);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.ndjson");
    let export = "access-log export vendor-a";
    let output = at_a_terminal(&env, &format!("{export} > {}", file.display()));
    assert!(output.status.success() && draws(&output), "{output:?}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("vendor.created"), "{written}");
    assert!(!written.contains('\u{1b}'), "{written}");
    // Somebody reads along, or a program does.
    for line in [export.to_owned(), format!("{export} | cat")] {
        let output = at_a_terminal(&env, &line);
        assert!(
            output.status.success() && !draws(&output),
            "{line}: {output:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_of_all_says_which_vendor_it_is_at() {
    let test = TestApp::start().await;
    for vendor in ["vendor-a", "vendor-b"] {
        test.vendor(vendor).await;
    }
    let env = operator(&test);
    let output = at_a_terminal(&env, "vendor repair --all");
    assert!(output.status.success() && draws(&output), "{output:?}");
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(seen.contains("vendors done"), "{seen}");
    // The results stand among it, whole.
    for vendor in ["vendor-a", "vendor-b"] {
        let line = format!(r#""namespace":"{vendor}""#);
        assert_eq!(seen.matches(&line).count(), 1, "{seen}");
    }
    for line in ["vendor repair --all --json", "vendor list"] {
        let output = at_a_terminal(&env, line);
        assert!(
            output.status.success() && !draws(&output),
            "{line}: {output:?}"
        );
    }
    let output = run(&env, &["vendor", "repair", "--all"]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}
