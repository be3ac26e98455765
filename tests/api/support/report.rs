//! What `gatehouse doctor` says, and that it says nothing secret.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

pub type Settings = Vec<(String, String)>;

pub fn run(settings: &Settings, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .arg("doctor")
        .args(args)
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    for (name, secret) in secrets(settings) {
        for said in [&output.stdout, &output.stderr] {
            let said = String::from_utf8_lossy(said);
            assert!(!said.contains(&secret), "{name} is told: {said}");
        }
    }
    output
}

/// What must not be told: secret ids, tokens, the database's password, the sign-up secret.
pub fn secrets(settings: &Settings) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for (name, value) in settings {
        if ["_SECRET_ID", "_TOKEN", "SIGNUP_SECRET"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            found.push((name.as_str(), value.clone()));
        }
        if let Some((_, rest)) = value.split_once("://").filter(|_| name == "DATABASE_URL") {
            let (user, _) = rest.split_once('@').unwrap();
            let (_, password) = user.split_once(':').unwrap();
            found.push((name.as_str(), password.to_owned()));
        }
    }
    assert!(found.len() >= 3, "there are secrets to look for");
    found
}

/// The report, which must come with that exit status.
pub fn report(settings: &Settings, status: i32) -> Value {
    let output = run(settings, &["--json"]);
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["fit"], status == 0);
    let faults = of_level(&report, "fault");
    assert_eq!(report["faults"], faults.len());
    report
}

pub fn of_level<'a>(report: &'a Value, level: &str) -> Vec<&'a Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["level"] == level).collect()
}

pub fn names(checks: &[&Value]) -> BTreeSet<String> {
    let name = |check: &&Value| {
        let of = |field: &str| check[field].as_str().unwrap().to_owned();
        format!("{}.{}", of("group"), of("name"))
    };
    checks.iter().map(name).collect()
}

/// The names of the faults. The servers of the run do without `fsync`, which doctor finds each time.
pub fn faults(report: &Value) -> BTreeSet<String> {
    let mut found = names(&of_level(report, "fault"));
    assert!(found.remove("database.fsync"), "{report:#}");
    found
}

pub fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

pub fn says<'a>(report: &'a Value, group: &str, name: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["group"] == group && check["name"] == name)
        .map(|check| check["says"].as_str().unwrap())
        .collect()
}
