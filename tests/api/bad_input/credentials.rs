//! Part E: credentials and signatures.

use gatehouse::auth::sha256_hex;
use gatehouse::webhooks::SigningSecret;
use reqwest::header::HeaderValue;
use serde_json::json;

use super::{Bench, report};
use crate::support::app::SIGNUP_SECRET;
use crate::support::callers::Shown;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

/// What stands in `Authorization`, and is nobody's.
fn nobodys(vendor: &TestVendor) -> Vec<(&'static str, String)> {
    let (pk, sk) = (&vendor.public_key, &vendor.private_key);
    let forged = |key: &str| {
        let last = if key.ends_with('0') { "1" } else { "0" };
        format!("Bearer {}{last}", &key[..key.len() - 1])
    };
    vec![
        ("E-05", "Bearer".to_owned()),
        ("E-05", "Bearer ".to_owned()),
        ("E-05", format!("Bearer  {}", "a".repeat(8192))),
        ("E-05", format!("Bearer sk_{}", "a".repeat(8192))),
        ("E-05", format!("Bearer {sk}\t{sk}")),
        ("E-05", format!("Bearer {sk} x")),
        ("E-05", format!("Bearer {sk},Bearer {sk}")),
        ("E-05", format!("Token {sk}")),
        ("E-05", sk.clone()),
        ("E-05", "Bearer ключ".to_owned()),
        ("E-06", forged(sk)),
        ("E-06", forged(pk)),
        ("E-06", format!("Bearer {}", sk.to_uppercase())),
        ("E-06", format!("Bearer {}", sk.replace("sk_", "pk_"))),
        ("E-06", format!("Bearer {}", pk.replace("pk_", "sk_"))),
        ("E-06", "Bearer pk_".to_owned()),
        ("E-06", "Bearer sk_".to_owned()),
        ("E-06", "Bearer gho_".to_owned()),
        ("E-06", "Bearer gdk_".to_owned()),
        ("JW-15", "Bearer a.b.c".to_owned()),
        ("JW-15", "Bearer ..".to_owned()),
        ("JW-15", "Bearer Bearer".to_owned()),
        ("E-05", "Basic !".to_owned()),
        ("E-05", "Basic".to_owned()),
        ("E-05", "Digest username=\"canary\"".to_owned()),
    ]
}

#[tokio::test]
async fn what_is_nobodys_is_told_so_and_no_more() {
    let bench = Bench::start().await;
    let test = &bench.test;
    let mut faults = Vec::new();
    for path in ["/sites", "/api/admin/vendors", "/api/user", "/api/lockbox"] {
        let missing = test.get(path).send().await;
        missing.expect_problem(401, "credentials_missing");
        // E-01: no error code, as nothing was shown.
        let challenge = missing.headers["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.contains("realm=") && !challenge.contains("error"),
            "{challenge}"
        );
        for (id, header) in nobodys(&bench.vendor) {
            let answer = test.get(path).header("authorization", &header).send().await;
            if (answer.status, answer.code()) != (401, "credentials_invalid") {
                faults.push(format!("{id} {path} {header:.40}: {answer:?}"));
                continue;
            }
            answer.expect_problem(401, "credentials_invalid");
            if answer.text.contains(header.trim()) {
                faults.push(format!("{id} {path}: what was shown is in the answer"));
            }
        }
        let bytes = HeaderValue::from_bytes(b"Bearer sk_\xff\xfe").unwrap();
        let answer = test.get(path).value("authorization", bytes).send().await;
        answer.expect_problem(401, "credentials_invalid");
    }
    report(&faults);
    bench.expect_nothing_done().await;
}

/// E-08, E-09: the two digests of TrustedLogin's, one of which is not as it should be.
#[tokio::test]
async fn connectors_digests_are_taken_as_they_are_or_not_at_all() {
    let bench = Bench::start().await;
    let test = &bench.test;
    let (a, b) = (&bench.vendor, test.vendor("vendor-b").await);
    bench.wire.forget();
    let digest = |parts: &[&str]| sha256_hex(parts).expose().to_owned();
    let bearer = digest(&[&a.private_key]);
    let pair = digest(&[&a.public_key, &a.private_key]);
    let theirs = digest(&[&b.public_key, &b.private_key]);
    let rows = [
        ("E-09 none", bearer.clone(), None),
        ("E-09 empty", bearer.clone(), Some(String::new())),
        ("E-09 other vendor's", bearer.clone(), Some(theirs.clone())),
        ("E-09 capitals", bearer.clone(), Some(pair.to_uppercase())),
        (
            "E-09 63 digits",
            bearer.clone(),
            Some(pair[..63].to_owned()),
        ),
        ("E-09 65 digits", bearer.clone(), Some(format!("{pair}0"))),
        (
            "E-09 order",
            bearer.clone(),
            Some(digest(&[&a.private_key, &a.public_key])),
        ),
        ("E-09 itself", bearer.clone(), Some(bearer.clone())),
        ("E-08 bearer", digest(&[&b.private_key]), Some(pair.clone())),
        ("E-08 capitals", bearer.to_uppercase(), Some(pair.clone())),
        ("E-08 public", digest(&[&a.public_key]), Some(pair.clone())),
        ("E-21 empty", digest(&[""]), Some(digest(&["", ""]))),
    ];
    let path = format!("/api/v1/accounts/{}", a.id);
    for (what, bearer, pair) in rows {
        let mut call = test.get(&path).bearer(&bearer);
        if let Some(pair) = pair {
            call = call.header("x-tl-token", &pair);
        }
        let answer = call.send().await;
        assert_eq!(
            (answer.status, answer.code()),
            (403, "credentials_invalid"),
            "{what}"
        );
        answer.expect_refusal(403, "credentials_invalid");
    }
    let twice = test.get(&path).bearer(&bearer).header("x-tl-token", &pair);
    let twice = twice.header("x-tl-token", &pair).send().await;
    twice.expect_refusal(403, "credentials_invalid");
    // E-08, B-32 and A-42: right digests, and an account that is another's or none.
    let beyond = [
        "0",
        "-1",
        "01",
        "1.5",
        "1e3",
        "9223372036854775808",
        "0x1",
        "%D9%A1",
        "1%20",
    ];
    let beyond = beyond
        .map(str::to_owned)
        .into_iter()
        .chain([b.id.to_string()]);
    for account in beyond {
        let call = test.get(&format!("/api/v1/accounts/{account}"));
        let answer = call.shown(&Shown::TrustedLogin(a.clone())).send().await;
        assert_eq!(answer.status, 404, "{account}: {answer:?}");
        answer.expect_refusal(404, "not_found");
    }
    let right = test.get(&path).shown(&Shown::TrustedLogin(a.clone()));
    assert_eq!(right.send().await.status, 200);
}

/// Sends a sign-up with the headers as given; an empty one is left out.
async fn sign_up(test: &TestApp, [id, at, signature]: [&str; 3], body: &[u8]) -> Answer {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let mut call = test.post("/webhooks/vendor-signup").body(body.to_vec());
    for (name, value) in names.into_iter().zip([id, at, signature]) {
        if !value.is_empty() {
            call = call.header(name, value);
        }
    }
    call.send().await
}

/// E-10 to E-16 and E-20: the signature of a sign-up.
#[tokio::test]
async fn unsigned_forged_and_stale_webhooks_are_refused() {
    let bench = Bench::start().await;
    let test = &bench.test;
    let message = |key: &str| {
        json!({ "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
                "data": { "namespace": "gravityview", key: "A Vendor" } })
    };
    let body = serde_json::to_vec(&message("name")).unwrap();
    let secret = SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap();
    let wrong = SigningSecret::new(vec![43; 32]).unwrap();
    let now = test.app.clock.now().as_second();
    let said = now.to_string();
    let good = secret.sign("m", now, &body);
    let tag = good.trim_start_matches("v1,");
    let at = |time: i64| (time.to_string(), secret.sign("m", time, &body));
    let long = "m".repeat(257);
    let spaced = [body.as_slice(), b" "].concat();
    let plain = String::from_utf8(body.clone()).unwrap();
    let escaped = plain.replace("A Vendor", "\\u0041 Vendor").into_bytes();
    let forged = wrong.sign("m", now, &body);
    let hex = sha256_hex(&[tag]).expose().to_owned();
    let url_safe = good.replace('+', "-").replace('/', "_");
    let mut rows: Vec<(&str, [String; 3], &[u8])> = Vec::new();
    let mut row = |id, headers: [&str; 3], body| rows.push((id, headers.map(str::to_owned), body));
    row("E-10 missing", ["m", &said, ""], &body);
    row("E-10 wrong secret", ["m", &said, &forged], &body);
    row(
        "E-10 truncated",
        ["m", &said, &good[..good.len() - 1]],
        &body,
    );
    row("E-10 empty tag", ["m", &said, "v1,"], &body);
    row("E-10 hex", ["m", &said, &format!("v1,{hex}")], &body);
    row("E-10 padding", ["m", &said, &format!("{good}=")], &body);
    if url_safe != good {
        row("E-10 base64url", ["m", &said, &url_safe], &body);
    }
    row("E-11 a space", ["m", &said, &good], &spaced);
    row("E-11 an escape", ["m", &said, &good], &escaped);
    row("E-13 none", ["m", "", &good], &body);
    for time in [now + 330, now - 310, 0, 1_000_000_000] {
        let (said, signed) = at(time);
        row("E-13 time", ["m", &said, &signed], &body);
    }
    let in_ms = at(now * 1000);
    row("E-13 ms", ["m", &in_ms.0, &in_ms.1], &body);
    for text in [
        "-1",
        "1e9",
        "1.5",
        "+1",
        " ",
        "now",
        "999999999999999999999999999999",
    ] {
        row("E-13 form", ["m", text, &good], &body);
    }
    row("E-13 float", ["m", &format!("{said}.0"), &good], &body);
    row("E-15 none", ["", &said, &good], &body);
    row("E-15 other", ["other", &said, &good], &body);
    row(
        "E-15 long",
        [&long, &said, &secret.sign(&long, now, &body)],
        &body,
    );
    // E-20: `a.1` at 2 and `a` at `1.2` would sign the same text.
    row(
        "E-15 dot",
        ["m.1", &said, &secret.sign("m.1", now, &body)],
        &body,
    );
    for version in ["v0", "v2", "v1a", "V1", ""] {
        row("E-16", ["m", &said, &format!("{version},{tag}")], &body);
    }
    for (what, headers, body) in rows {
        let answer = sign_up(test, headers.each_ref().map(String::as_str), body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "signature_invalid"),
            "{what} {headers:?}"
        );
        answer.expect_problem(401, "signature_invalid");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let call = test.post("/webhooks/vendor-signup").body(body.clone());
        let call = call
            .header("webhook-id", "m")
            .header("webhook-timestamp", &said);
        let call = call.header("webhook-signature", &good);
        let twice = call.header(name, "m").send().await;
        twice.expect_problem(401, "signature_invalid");
    }
    bench.expect_nothing_done().await;
    // E-14, and one of several signatures is enough.
    let almost = at(now - 290);
    let both = format!("{forged} v1a,{tag} {}", almost.1);
    let answer = sign_up(test, ["m", &almost.0, &both], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
