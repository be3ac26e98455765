//! Chapter A: namespaces, and what else a sign-up has.

use serde_json::{Value, json};

use super::{Case, FIELD, Wanted, Who, post};

const NAMESPACE: Wanted = &[(422, "invalid_namespace")];

/// The id, and each namespace that it tells of.
const NAMESPACES: [(&str, &[&str]); 27] = [
    ("A-01", &[""]),
    ("A-02", &["abcd"]),
    ("A-09", &["../sys"]),
    ("A-10", &["%2e%2e", "%252e%252e"]),
    ("A-11", &["acme/../beta", "acme/x", "/acme", "acme/"]),
    ("A-12", &["acme\\beta", "acme\\..\\beta"]),
    ("A-14", &["*", "acme*", "*-store"]),
    ("A-15", &["+", "+/+"]),
    ("A-16", &["{{identity.entity.id}}"]),
    ("A-17", &["acme\" { capabilities=[\"sudo\"] } path \""]),
    ("A-19", &["acme#comment", "acme//x", "acme/*x*/"]),
    ("A-20", &["${env}", "$(id)", "`id`", "acme`id`"]),
    ("A-21", &["<<EOF", "<<EOF\nacme\nEOF"]),
    ("A-22", &["Acme", "ACME", "Acme-one", "ACME-ONE"]),
    ("A-24", &["аcme-one", "раураl", "acmе-one"]),
    (
        "A-25",
        &[
            "ａｃｍｅ１",
            "ﬁnance",
            "İstanbul",
            "straße",
            "café-one",
            "cafe\u{301}-one",
        ],
    ),
    ("A-26", &["\u{202e}acme-one", "acme-😀", "\u{feff}acme-one"]),
    (
        "A-27",
        &[
            "ac\0me-one",
            "ac\u{7f}me-one",
            "ac\u{85}me-one",
            "ac\u{2028}me-one",
        ],
    ),
    (
        "A-29",
        &[
            "sys",
            "auth",
            "identity",
            "cubbyhole",
            "secret",
            "kv",
            "transit",
            "pki",
            "root",
            "default",
            "response-wrapping",
            "raw",
            "audit",
            "token",
        ],
    ),
    (
        "A-29",
        &[
            "sys-store",
            "auth-store",
            "identity-store",
            "cubbyhole-store",
            "secret-store",
            "kv-store",
            "transit-store",
            "pki-store",
            "root-store",
            "default-store",
            "response-wrapping-store",
            "raw-store",
            "audit-store",
            "token-store",
        ],
    ),
    (
        "A-30",
        &[
            "trustedlogin",
            "trusted-login",
            "client",
            "vendor",
            "admin",
            "administrator",
            "wordpress",
            "support",
        ],
    ),
    (
        "A-31",
        &[
            "api",
            "app",
            "saas",
            "broker",
            "health",
            "metrics",
            "internal",
            "www",
            "null",
            "undefined",
            "true",
        ],
    ),
    (
        "A-32",
        &[
            "acme-read-policy",
            "acme-store",
            "acme-write",
            "acme-read",
            "acme-delete",
            "acme-policy",
        ],
    ),
    ("A-34", &["-acme1", "acme1-", "ac--me1"]),
    ("A-35", &["xn--80ak6aa92e"]),
    (
        "A-27",
        &["acme one", " acme-one", "acme-one\n", "acme-one\t"],
    ),
    ("A-26", &["acme.one", "acme_one", "acme:one", "acme@one"]),
];

/// The id, the field, and each text that it may not have.
const TEXTS: [(&str, &str, &[&str]); 2] = [
    (
        "A-40",
        "name",
        &["acme\r\nX-Evil: 1", "acme\0", "acme\u{85}", "", "   "],
    ),
    (
        "A-41",
        "ownerEmail",
        &[
            "a@b",
            "a@b.c\r\nBcc:x",
            "\"a b\"@c.d",
            "owner@аррӏе.example",
            "owner@@b.example",
        ],
    ),
];

/// The same by an operator and by the billing system.
fn both(cases: &mut Vec<Case>, id: &'static str, data: &Value, input: &str, wanted: Wanted) {
    let message = json!({
        "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z", "data": data,
    });
    cases.push(post(
        id,
        Who::Operator,
        "/api/admin/vendors",
        data,
        input,
        wanted,
    ));
    cases.push(post(
        id,
        Who::Billing,
        "/webhooks/vendor-signup",
        &message,
        input,
        wanted,
    ));
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let of = |namespace: &str| json!({ "namespace": namespace, "name": "😀" });
    for (id, texts) in NAMESPACES {
        for text in texts {
            both(&mut cases, id, &of(text), text, NAMESPACE);
        }
    }
    for (id, length) in [
        ("A-05", 97),
        ("A-05", 255),
        ("A-05", 256),
        ("A-05", 300),
        ("A-06", 5000),
    ] {
        let text = "a".repeat(length);
        both(&mut cases, id, &of(&text), &text, NAMESPACE);
    }
    let huge = "a".repeat(1_000_000);
    both(
        &mut cases,
        "A-07",
        &of(&huge),
        &huge,
        &[(413, "body_too_large")],
    );
    for wrong in [
        json!(123_456),
        json!(true),
        Value::Null,
        json!(["acme-one"]),
        json!({ "a": 1 }),
    ] {
        let data = json!({ "namespace": wrong, "name": "A" });
        both(&mut cases, "A-39", &data, "", FIELD);
    }
    let long = "n".repeat(10_000);
    let address = format!("{}@example.org", "o".repeat(309));
    let mut texts: Vec<(&str, &str, &str)> =
        vec![("A-40", "name", &long), ("A-41", "ownerEmail", &address)];
    for (id, field, bad) in TEXTS {
        texts.extend(bad.iter().map(|text| (id, field, *text)));
    }
    for (id, field, text) in texts {
        let mut data = json!({ "namespace": "vendor-b", "name": "B" });
        data[field] = json!(text);
        both(&mut cases, id, &data, text, FIELD);
    }
    // Taken, by another team.
    let taken = json!({ "namespace": "vendor-a", "name": "Another" });
    cases.push(post(
        "A-36",
        Who::Operator,
        "/api/admin/vendors",
        &taken,
        "",
        &[(409, "namespace_taken")],
    ));
    cases
}
