//! Bad bodies: refused with a code, never echoed, nothing stored. Bad values of fields are in `fields.rs`.

use gatehouse::webhooks::SigningSecret;
use serde_json::{Value, json};

use crate::support::app::SIGNUP_SECRET;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
/// Stands in every bad value, and in no answer.
pub const CANARY: &str = "canary";

/// Who sends what is bad, and where.
#[derive(Clone, Copy, Debug)]
pub enum To {
    WriteToken,
    Register,
    Search,
    Vendors,
    Webhook,
}

const ALL: [To; 5] = [
    To::WriteToken,
    To::Register,
    To::Search,
    To::Vendors,
    To::Webhook,
];

pub struct Bench {
    pub test: TestApp,
    pub vendor: TestVendor,
}

impl Bench {
    pub async fn start() -> Self {
        let test = TestApp::start().await;
        let vendor = test.vendor("vendor-a").await;
        Self { test, vendor }
    }

    pub async fn send(&self, to: To, kind: Option<&str>, body: &[u8]) -> Answer {
        let (path, key) = match to {
            To::WriteToken => ("/api/site", &self.vendor.public_key),
            To::Register => ("/sites", &self.vendor.public_key),
            To::Search => ("/sites/search", &self.vendor.private_key),
            To::Vendors => ("/api/admin/vendors", &self.test.operator),
            To::Webhook => return self.signed(body).await,
        };
        let call = self.test.post(path).bearer(key).body(body.to_vec());
        match kind {
            Some(kind) => call.header("content-type", kind).send().await,
            None => call.send().await,
        }
    }

    /// As [`TestApp::webhook_bytes`], where the signature is right and the body may be anything.
    async fn signed(&self, body: &[u8]) -> Answer {
        let now = self.test.app.clock.now().as_second();
        let secret = SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap();
        let call = self.test.post("/webhooks/vendor-signup");
        call.header("webhook-id", "msg_bad")
            .header("webhook-timestamp", &now.to_string())
            .header("webhook-signature", &secret.sign("msg_bad", now, body))
            .body(body.to_vec())
            .send()
            .await
    }

    pub async fn json(&self, to: To, body: &Value) -> Answer {
        let bytes = serde_json::to_vec(body).unwrap();
        self.send(to, Some("application/json"), &bytes).await
    }

    /// Nothing but the vendor of the test itself is stored.
    pub async fn expect_nothing_stored(&self) {
        let sql = "SELECT (SELECT count(*) FROM vendors) + (SELECT count(*) FROM sites) + \
                   (SELECT count(*) FROM issuances) + (SELECT count(*) FROM webhook_receipts)";
        let row = self.test.sql().await.query_one(sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 1);
    }
}

/// Refused as it should be, and without what was sent.
#[track_caller]
pub fn expect(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, code),
        "{what}: {answer:?}"
    );
    answer.expect_problem(status, code);
    assert!(!answer.text.contains(CANARY), "{what}: {answer:?}");
}

#[tokio::test]
async fn bytes_that_are_no_json_are_malformed() {
    let bench = Bench::start().await;
    let bad: [&[u8]; 18] = [
        b"{",
        b"canary",
        b"{\"a\":1}{}",
        b"{} canary",
        b"{}\n{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"{\"secretId\":\"\xff\"}",
        b"{\"secretId\":\"\xc0\xaecanary\"}",
        b"{\"secretId\":\"\xed\xa0\x80\"}",
        b"{\"secretId\":\"\\ud800\"}",
        b"{\"secretId\":\"a\",}",
        b"{'secretId':'canary'}",
        b"// canary\n{}",
        b"{\"expiresAt\":NaN}",
        b"{\"expiresAt\":+1}",
        b"{\"expiresAt\":01}",
        b"{\"expiresAt\":0x1}",
    ];
    for bytes in bad {
        for to in ALL {
            let answer = bench.send(to, Some("application/json"), bytes).await;
            let what = format!("{to:?} {}", String::from_utf8_lossy(bytes));
            // A value of the wrong kind may be met before the end of the document.
            assert!(matches!(answer.status, 400 | 422), "{what}: {answer:?}");
            let code = if answer.status == 400 {
                "malformed_body"
            } else {
                "invalid_field"
            };
            expect(&answer, answer.status, code, &what);
        }
    }
    bench.expect_nothing_stored().await;
}

#[tokio::test]
async fn json_of_another_shape_is_refused() {
    let bench = Bench::start().await;
    for text in ["[]", "null", "\"canary\"", "1", "true", "[[[[[[[[]]]]]]]]"] {
        for to in ALL {
            let bytes = text.as_bytes();
            let answer = bench.send(to, Some("application/json"), bytes).await;
            expect(&answer, 422, "invalid_field", &format!("{to:?} {text}"));
        }
    }
    // The fields in their order, as a list.
    for (to, text) in [
        (To::WriteToken, r"[null, null, null, {}]"),
        (
            To::Register,
            r#"["0123456789abcdef", null, null, null, null, null, false, null]"#,
        ),
        (To::Search, r#"[["access-key-0123456"]]"#),
        (
            To::Vendors,
            r#"["vendor-b", "B", null, null, null, "active"]"#,
        ),
        (
            To::Webhook,
            r#"["vendor.created", "2026-11-01T00:00:00Z", { "namespace": "vendor-b", "name": "B" }]"#,
        ),
    ] {
        let answer = bench
            .send(to, Some("application/json"), text.as_bytes())
            .await;
        expect(&answer, 422, "invalid_field", &format!("{to:?} {text}"));
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for to in ALL {
        let answer = bench
            .send(to, Some("application/json"), deep.as_bytes())
            .await;
        assert!(matches!(answer.status, 400 | 422), "{to:?}: {answer:?}");
    }
    bench.expect_nothing_stored().await;
}

#[tokio::test]
async fn unknown_and_repeated_fields_are_refused() {
    let bench = Bench::start().await;
    let site = format!("\"secretId\":\"{SITE}\"");
    for more in [
        "\"admin\":true",
        "\"role\":\"canary\"",
        "\"vendor_id\":2",
        "\"policies\":[\"root\"]",
        "\"__proto__\":{}",
        "\"secretId\":\"0123456789canary\"",
        "\"metadata\":{\"a\":\"1\",\"a\":\"2\"}",
        "\"metadata\":{\"a\":{\"b\":\"canary\"}}",
        "\"metadata\":[\"canary\"]",
    ] {
        let body = format!("{{{site},{more}}}");
        for to in [To::WriteToken, To::Register] {
            let answer = bench
                .send(to, Some("application/json"), body.as_bytes())
                .await;
            expect(&answer, 422, "invalid_field", &format!("{to:?} {more}"));
        }
    }
    let body = json!({ "namespace": "vendor-b", "name": "B", "status": "canary" });
    let answer = bench.json(To::Vendors, &body).await;
    expect(&answer, 422, "invalid_field", "status");
    bench.expect_nothing_stored().await;
}

#[tokio::test]
async fn media_types_other_than_json_are_refused() {
    let bench = Bench::start().await;
    let body = json!({ "secretId": SITE }).to_string();
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=canary"),
        Some("application/jsonx"),
        Some("application/vnd.api+json"),
        Some("application/json; charset=utf-16"),
        Some("application/json, application/json"),
        Some(""),
    ] {
        for to in [To::WriteToken, To::Register, To::Search, To::Vendors] {
            let answer = bench.send(to, kind, body.as_bytes()).await;
            let what = format!("{to:?} {kind:?}");
            expect(&answer, 415, "unsupported_media_type", &what);
        }
    }
    for coding in ["gzip", "br", "zstd", "identity", "canary"] {
        let call = bench.test.post("/sites").bearer(&bench.vendor.public_key);
        let call = call.header("content-encoding", coding);
        let answer = call.json(&json!({ "secretId": SITE })).send().await;
        expect(&answer, 415, "unsupported_media_type", coding);
    }
    bench.expect_nothing_stored().await;
    let right = Some("Application/JSON; charset=\"UTF-8\"");
    let answer = bench.send(To::Register, right, body.as_bytes()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn body_may_be_as_large_as_the_limit_and_no_larger() {
    let bench = Bench::start().await;
    let padded = |size: usize| {
        let mut text = json!({ "secretId": SITE }).to_string();
        text.push_str(&" ".repeat(size - text.len()));
        text.into_bytes()
    };
    for to in ALL {
        let body = padded(64 * 1024 + 1);
        let answer = bench.send(to, Some("application/json"), &body).await;
        expect(&answer, 413, "body_too_large", &format!("{to:?}"));
    }
    bench.expect_nothing_stored().await;
    let body = padded(64 * 1024);
    let answer = bench
        .send(To::Register, Some("application/json"), &body)
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
}
