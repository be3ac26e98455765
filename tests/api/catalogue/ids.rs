//! Chapter B: what names a secret, in paths and bodies.

use reqwest::Method;
use serde_json::json;

use super::{Case, FIELD, NONE, Who, get, post};

/// In a path. The design has 16 to 128 characters of `a-z0-9_-`, where the catalogue has 32 digits of hex.
const PATHS: [(&str, &[&str]); 11] = [
    ("B-02", &["..%2FBeta-store%2Fs1"]),
    ("B-03", &["%2e%2e%2fbeta-store%2fs1"]),
    ("B-04", &["..%2f..%2fsys%2fmounts"]),
    (
        "B-05",
        &[
            "%09..%2fbeta-store%2fs1",
            "%0a..%2fbeta-store%2fs1",
            "%0d..%2fbeta-store%2fs1",
        ],
    ),
    ("B-08", &["%252e%252e%252f", "%252e%252e%252fbeta-store"]),
    (
        "B-09",
        &["%c0%ae%c0%ae", "%c0%ae%c0%ae%2fbeta-store", "%ff"],
    ),
    (
        "B-10",
        &["%00", "0123456789abcdef%00.json", "0123456789abcdef%00"],
    ),
    (
        "B-12",
        &[
            "0123456789abcdef;v=1",
            "0123456789abcdef%3flist=true",
            "0123456789abcdef%23x",
        ],
    ),
    ("B-13", &["*", "+", "~"]),
    (
        "B-14",
        &[
            "0123456789abcdef%2fmetadata",
            "data%2f0123456789abcdef",
            "metadata%2f0123456789abcdef",
        ],
    ),
    (
        "B-20",
        &["%d9%a1%d9%a2%d9%a3", "%ef%bc%90%ef%bc%91%ef%bc%92%ef%bc%93"],
    ),
];

/// In a body.
const BODIES: [&str; 7] = [
    "\t../beta-store/s1",
    "\n../beta-store/s1",
    "\t../sys/mounts",
    "\t../auth/token/lookup-self",
    "../../beta-store/s1",
    "0123456789abcdef/x",
    "0123456789abcdef\0",
];

pub fn cases() -> Vec<Case> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    for (id, bad) in PATHS {
        texts.extend(bad.iter().map(|text| (id, (*text).to_owned())));
    }
    // By the design 31, 33 and 64 are right, and so are other letters than those of hex.
    texts.push(("B-15", "a".repeat(15)));
    texts.push(("B-17", format!("{}A", "a".repeat(31))));
    texts.push(("B-17", format!("{}%2e", "a".repeat(31))));
    texts.extend([129, 255, 256, 6000].map(|length| ("B-18", "a".repeat(length))));
    texts.push(("B-22", "unknown-secret-id-1".to_owned()));
    let mut cases = Vec::new();
    for (id, text) in texts {
        for path in ["/sites/", "/api/sites/"] {
            cases.push(get(id, Who::Private, format!("{path}{text}"), NONE));
        }
        // Who asks for what is unknown is on record, and reads that.
        if id != "B-22" {
            cases.push(get(
                id,
                Who::Private,
                format!("/sites/{text}/access-logs"),
                NONE,
            ));

            let mut gone = get(id, Who::Private, format!("/sites/{text}"), NONE);
            gone.method = Method::DELETE;
            cases.push(gone);
        }
    }
    let huge = format!("/sites/{}", "a".repeat(40_000));
    cases.push(get("B-19", Who::Private, huge, &[(414, "target_too_long")]));
    for text in BODIES {
        for path in ["/api/site", "/sites"] {
            let body = json!({ "secretId": text });
            cases.push(post("B-07", Who::Public, path, &body, text, FIELD));
        }
    }
    for text in ["%", "_", "\\", "0123456789abcde%", "0123456789abcde\\"] {
        let body = json!({ "searchKeys": [text] });
        cases.push(post(
            "B-28",
            Who::Private,
            "/sites/search",
            &body,
            text,
            FIELD,
        ));
    }
    for keys in [0, 101] {
        let body = json!({ "searchKeys": vec!["access-key-0123456"; keys] });
        cases.push(post(
            "B-25",
            Who::Private,
            "/sites/search",
            &body,
            "",
            FIELD,
        ));
    }
    let body = json!({ "searchKeys": vec!["access-key-0123456"; 100_000] });
    cases.push(post(
        "B-25",
        Who::Private,
        "/sites/search",
        &body,
        "",
        &[(413, "body_too_large")],
    ));
    // 8 KiB of path: no access key stands in one, and none is so long.
    for (id, text) in [
        ("B-24", String::new()),
        ("B-24", "k".repeat(15)),
        ("B-24", "k".repeat(129)),
        ("B-27", "k".repeat(8200)),
    ] {
        let body = json!({ "secretId": "0123456789abcdef", "accessKey": text });
        cases.push(post(id, Who::Public, "/sites", &body, &text, FIELD));
    }
    cases
}
