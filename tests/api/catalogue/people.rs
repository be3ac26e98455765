//! Chapters J and K: passwords, and how long tokens live.

use serde_json::{Value, json};

use super::{Case, FIELD, Who, post};

const PASSWORDS: [(&str, &[&str]); 4] = [
    ("J-01", &["kT4 zq#m9W!", "short-pw-11"]),
    ("J-02", &["Password1234", "trustedlogin1"]),
    ("J-06", &["grün und blau\0 am Fenster"]),
    (
        "J-07",
        &[
            "123456789012",
            "qwertyuiopasdf",
            "iloveyou12345",
            "letmein letmein",
        ],
    ),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut passwords: Vec<(&str, String)> = vec![("J-05", "kT4 z".repeat(205))];
    for (id, texts) in PASSWORDS {
        passwords.extend(texts.iter().map(|text| (id, (*text).to_owned())));
    }
    for (id, text) in passwords {
        let body = json!({ "name": "ben", "password": text });
        for who in [Who::Private, Who::Administrator] {
            cases.push(post(id, who, "/api/users", &body, &text, FIELD));
        }
    }
    for (id, field, value) in lives() {
        for (who, path) in [(Who::Public, "/api/site"), (Who::Private, "/sites/token")] {
            let mut body = json!({ field: value });
            if path == "/api/site" {
                body["secretId"] = json!("0123456789abcdef");
            }
            let input = value.as_str().unwrap_or_default();
            cases.push(post(id, who, path, &body, input, FIELD));
        }
    }
    cases
}

/// What no token may live for, or serve for.
fn lives() -> Vec<(&'static str, &'static str, Value)> {
    let mut all = vec![
        ("K-02", "ttl", json!(59)),
        ("K-02", "ttl", json!(0)),
        ("K-02", "ttl", json!(-1)),
        ("K-03", "ttl", json!(35_996_400)),
        ("K-03", "ttl", json!("9999h")),
        ("K-04", "ttl", json!(3600.5)),
        ("K-05", "ttl", json!(2_147_483_648_u64)),
        ("K-05", "ttl", json!(9_223_372_036_854_775_807_i64)),
        ("K-05", "ttl", json!(12_345_678_901_234_567_890_u64)),
        ("K-08", "uses", json!(0)),
        ("K-08", "uses", json!(-1)),
        ("K-08", "uses", json!(1_000_000_000)),
    ];
    for text in ["1e9", "1.5h", "1d", "1w", "P1D", " 1h", "1H", "1h1h"] {
        all.push(("K-04", "ttl", json!(text)));
    }
    all
}
