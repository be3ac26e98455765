//! Part D: bodies. Bad values of fields are in `fields.rs`, every field of every route in `every_route.rs`.

use serde_json::json;

use super::{ALL, Bench, JSON, Row, Sent, To};

const SITE: &str = "0123456789abcdef";

fn raw(id: &'static str, to: To, bytes: &[u8], status: &'static [u16], code: &'static str) -> Row {
    Row {
        id,
        what: format!("{to:?} {:.60}", String::from_utf8_lossy(bytes)),
        sent: Sent::Body(to, JSON, bytes.to_vec()),
        status,
        code,
    }
}

/// Bytes that are no JSON.
const MALFORMED: [(&str, &[u8]); 18] = [
    ("D-04", b"{"),
    ("D-04", b"canary"),
    ("D-04", b"{\"a\":1}{}"),
    ("D-04", b"{} canary"),
    ("D-04", b"{}\n{}"),
    ("D-05", b"\xef\xbb\xbf{}"),
    ("D-05", b"\xff\xfe{\0}\0"),
    ("D-06", b"{\"secretId\":\"\xff\"}"),
    ("D-06", b"{\"secretId\":\"\xc0\xaecanary\"}"),
    ("D-06", b"{\"secretId\":\"\xed\xa0\x80\"}"),
    ("D-06", b"{\"secretId\":\"\\ud800\"}"),
    ("D-07", b"{\"secretId\":\"a\",}"),
    ("D-07", b"{'secretId':'canary'}"),
    ("D-07", b"// canary\n{}"),
    ("D-07", b"{\"expiresAt\":NaN}"),
    ("D-07", b"{\"expiresAt\":+1}"),
    ("D-07", b"{\"expiresAt\":01}"),
    ("D-07", b"{\"expiresAt\":0x1}"),
];

/// JSON of another shape, and the fields of each body in their order, as a list.
const SHAPES: [&str; 11] = [
    "[]",
    "null",
    "\"canary\"",
    "1",
    "true",
    "[[[[[[[[]]]]]]]]",
    r"[null, null, null, {}]",
    r#"["0123456789abcdef", null, null, null, null, null, false, null]"#,
    r#"[["access-key-0123456"]]"#,
    r#"["vendor-b", "B", null, null, null, "active"]"#,
    r#"["vendor.created", "2026-11-01T00:00:00Z", { "namespace": "vendor-b", "name": "B" }]"#,
];

/// What stands beside a right secret id. The catalogue has 400 for names that stand twice: they are told by field, 422.
const MORE: [(&str, &str); 12] = [
    ("D-01", "\"secretId\":\"0123456789canary\""),
    ("D-02", "\"metadata\":{\"a\":\"1\",\"a\":\"2\"}"),
    ("D-09", "\"admin\":true"),
    ("D-09", "\"role\":\"canary\""),
    ("D-09", "\"vendor_id\":2"),
    ("D-09", "\"policies\":[\"root\"]"),
    ("D-10", "\"__proto__\":{}"),
    ("D-10", "\"constructor\":{}"),
    ("D-12", "\"metadata\":{\"a\":{\"b\":\"canary\"}}"),
    ("D-12", "\"metadata\":[\"canary\"]"),
    ("D-12", "\"metadata\":\"canary\""),
    ("D-21", "\"metadata\":{\"a\":\"canary\\u0000\"}"),
];

/// What is not `application/json` in UTF-8, once.
const KINDS: [(&str, Option<&str>); 11] = [
    ("D-19", None),
    ("D-19", Some("text/plain")),
    ("D-19", Some("application/x-www-form-urlencoded")),
    ("D-19", Some("multipart/form-data; boundary=canary")),
    ("D-19", Some("application/jsonx")),
    ("D-19", Some("application/json, application/json")),
    ("D-19", Some("")),
    ("D-20", Some("application/vnd.api+json")),
    ("D-05", Some("application/json; charset=utf-16")),
    ("D-05", Some("application/json; charset=iso-8859-1")),
    ("D-20", Some("application/json-patch+json")),
];

#[tokio::test]
async fn bodies_that_are_not_what_they_say_are_refused() {
    let bench = Bench::start().await;
    let mut rows = Vec::new();
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for to in ALL {
        for (id, bytes) in MALFORMED {
            rows.push(raw(id, to, bytes, &[400, 422], "malformed_body"));
        }
        for text in SHAPES {
            rows.push(raw("D-12", to, text.as_bytes(), &[422], "invalid_field"));
        }
        rows.push(raw(
            "D-15",
            to,
            deep.as_bytes(),
            &[400, 422],
            "malformed_body",
        ));
    }
    for (id, more) in MORE {
        let body = format!("{{\"secretId\":\"{SITE}\",{more}}}");
        for to in [To::WriteToken, To::Register] {
            rows.push(raw(id, to, body.as_bytes(), &[422], "invalid_field"));
        }
    }
    let status = json!({ "namespace": "vendor-b", "name": "B", "status": "canary" });
    rows.push(super::json("D-09", To::Vendors, &status, "invalid_field"));
    let body = json!({ "secretId": SITE }).to_string();
    for (id, kind) in KINDS {
        for to in [To::WriteToken, To::Register, To::Search, To::Vendors] {
            rows.push(Row {
                id,
                what: format!("{to:?} {kind:?}"),
                sent: Sent::Body(to, kind, body.clone().into_bytes()),
                status: &[415],
                code: "unsupported_media_type",
            });
        }
    }
    for to in ALL {
        let row = raw("D-17", to, &padded(64 * 1024 + 1), &[413], "body_too_large");
        rows.push(row);
    }
    let large = json!({ "secretId": "a".repeat(1024 * 1024 + 1) }).to_string();
    rows.push(raw(
        "D-16",
        To::Register,
        large.as_bytes(),
        &[413],
        "body_too_large",
    ));
    bench.refuse(&rows).await;
    // C-22.
    for coding in ["gzip", "br", "zstd", "identity", "gzip, gzip", "canary"] {
        let call = bench.test.post("/sites").bearer(&bench.vendor.public_key);
        let call = call.header("content-encoding", coding);
        let answer = call.json(&json!({ "secretId": SITE })).send().await;
        answer.expect_problem(415, "unsupported_media_type");
    }
    bench.expect_nothing_done().await;
    // What is right at the edge is taken.
    let right = Some("Application/JSON; charset=\"UTF-8\"");
    for sent in [
        Sent::Body(To::Register, right, body.into_bytes()),
        Sent::Body(To::Register, JSON, padded(64 * 1024)),
    ] {
        let sql = "DELETE FROM sites";
        bench.test.sql().await.batch_execute(sql).await.unwrap();
        let answer = bench.send(&sent).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

fn padded(size: usize) -> Vec<u8> {
    let mut text = json!({ "secretId": SITE }).to_string();
    text.push_str(&" ".repeat(size - text.len()));
    text.into_bytes()
}

/// D-26: crafted names cost no more than others. The hash of names is seeded anew for each table.
#[tokio::test]
async fn many_names_of_one_body_are_refused_at_the_first() {
    let bench = Bench::start().await;
    let names: Vec<String> = (0..1000).map(|n| format!("\"Aa{n:04}BB\":\"v\"")).collect();
    let body = format!(
        "{{\"secretId\":\"{SITE}\",\"metadata\":{{{}}}}}",
        names.join(",")
    );
    let row = raw(
        "D-26",
        To::Register,
        body.as_bytes(),
        &[422],
        "invalid_field",
    );
    bench.refuse(&[row]).await;
}
