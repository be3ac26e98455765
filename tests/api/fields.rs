//! Bad values of fields.

use serde_json::{Value, json};

use crate::input::{Bench, CANARY, To, expect};

const SITE: &str = "0123456789abcdef";

/// Texts that are no namespace: too short or long, another alphabet, traps of paths and policies, reserved.
fn no_namespaces() -> Vec<String> {
    let mut bad: Vec<String> = [
        "",
        "abcd",
        "../sys",
        "%2e%2e",
        "%252e%252e",
        "canary/../beta",
        "canary/x",
        "/canary",
        "canary/",
        "canary\\beta",
        "canary\\..\\beta",
        "canary*",
        "*-store",
        "+",
        "+/+",
        "{{identity.entity.id}}",
        "canary\" { capabilities=[\"sudo\"] } path \"",
        "canary#comment",
        "canary//x",
        "canary/*x*/",
        "${canary}",
        "$(canary)",
        "`canary`",
        "<<EOF\ncanary",
        "Canary",
        "CANARY",
        "аcme-canary",
        "ａｃｍｅ１",
        "ﬁnance",
        "İstanbul",
        "straße",
        "café-canary",
        "cafe\u{301}-canary",
        "\u{202e}canary",
        "canary😀",
        "\u{feff}canary",
        "canary\0",
        "canary\u{7f}",
        "canary\u{85}",
        "canary\u{2028}",
        "-canary",
        "canary-",
        "ca--nary",
        "xn--80ak6aa92e",
        "canary.x",
        "canary x",
        " canary",
        "canary-store",
        "canary-read-policy",
        "canary-read",
        "canary-write",
        "canary-delete",
        "canary-credentials",
        "trustedlogin",
        "trusted-login",
        "client",
        "vendor",
        "admin",
        "administrator",
        "wordpress",
        "support",
        "gatehouse",
        "system",
        "identity",
        "cubbyhole",
        "secret",
        "transit",
        "default",
    ]
    .map(str::to_owned)
    .into();
    bad.extend([97, 255, 300, 5000].map(|length| "a".repeat(length)));
    bad
}

#[tokio::test]
async fn no_other_text_is_a_namespace() {
    let bench = Bench::start().await;
    for text in no_namespaces() {
        let data = json!({ "namespace": text, "name": "😀" });
        let answer = bench.json(To::Vendors, &data).await;
        expect(&answer, 422, "invalid_namespace", &text);
        assert_eq!(answer.json["errors"][0]["pointer"], "/namespace");
        let message = json!({
            "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z", "data": data,
        });
        let answer = bench.json(To::Webhook, &message).await;
        expect(&answer, 422, "invalid_namespace", &text);
    }
    for wrong in [
        json!(123_456),
        json!(true),
        Value::Null,
        json!(["canary"]),
        json!({}),
    ] {
        let body = json!({ "namespace": wrong, "name": "A" });
        let answer = bench.json(To::Vendors, &body).await;
        expect(&answer, 422, "invalid_field", &wrong.to_string());
    }
    bench.expect_nothing_stored().await;
    let longest = json!({ "namespace": "a".repeat(96), "name": "A" });
    let answer = bench.json(To::Vendors, &longest).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["vendor"]["provisioned"], true);
}

#[tokio::test]
async fn names_and_addresses_of_people_are_checked() {
    let bench = Bench::start().await;
    let long = "canary".repeat(40);
    let addresses = [
        "canary",
        "a@b",
        "a@b.c\r\nBcc:canary",
        "\"a canary\"@c.d",
        "canary@@b.c",
        "@canary.de",
        "canary@b.",
        "canary@exämple.org",
        "canary@a\u{0}.org",
        "",
    ];
    let mut bad: Vec<(&str, Value)> = addresses.map(|a| ("ownerEmail", json!(a))).into();
    bad.push(("ownerEmail", json!(format!("{long}@{long}.org"))));
    for field in ["name", "ownerName", "plan"] {
        for text in [
            "",
            "   ",
            "canary\r\nX: y",
            "canary\u{0}",
            "canary\u{85}",
            &long,
        ] {
            bad.push((field, json!(text)));
        }
        bad.push((field, json!(7)));
        bad.push((field, json!(["canary"])));
    }
    bad.push(("name", Value::Null));
    bad.push(("subscription", json!("canary")));
    for (field, value) in bad {
        let mut body = json!({ "namespace": "vendor-b", "name": "B" });
        body[field] = value;
        let what = body.to_string();
        let answer = bench.json(To::Vendors, &body).await;
        expect(&answer, 422, "invalid_field", &what);
        let message = json!({
            "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z", "data": body,
        });
        let answer = bench.json(To::Webhook, &message).await;
        expect(&answer, 422, "invalid_field", &what);
    }
    bench.expect_nothing_stored().await;
    // Markup is text; whoever shows it escapes it.
    let body = json!({ "namespace": "vendor-b", "name": "<script>alert(1)</script>" });
    assert_eq!(bench.json(To::Vendors, &body).await.status, 201);
}

#[tokio::test]
async fn no_other_text_is_a_secret_id_or_an_access_key() {
    let bench = Bench::start().await;
    let mut bad: Vec<String> = [
        "",
        "canary",
        "\t../canary-store/s1",
        "\n../canary-store/s1",
        "\t../sys/mounts/canary",
        "\t../auth/token/lookup-self",
        "../../canary-store/s1",
        "%2e%2e%2fcanary-store",
        "canary/0123456789",
        "0123456789canary%",
        "0123456789canary\\",
        "0123456789canary\u{0}",
        "0123456789canary ",
        "0123456789canary*",
        "0123456789canary+",
        "0123456789canary?list=1",
        "0123456789canary#x",
        "0123456789canary;v=1",
        "٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥",
        "０１２３４５６７canary",
    ]
    .map(str::to_owned)
    .into();
    bad.push("a".repeat(15));
    bad.push("a".repeat(129));
    bad.push("a".repeat(40_000));
    for text in &bad {
        for to in [To::WriteToken, To::Register] {
            let answer = bench.json(to, &json!({ "secretId": text })).await;
            expect(&answer, 422, "invalid_field", text);
            assert_eq!(answer.json["errors"][0]["pointer"], "/secretId");
            let body = json!({ "secretId": SITE, "accessKey": text });
            let answer = bench.json(to, &body).await;
            expect(&answer, 422, "invalid_field", text);
            assert_eq!(answer.json["errors"][0]["pointer"], "/accessKey");
        }
        let answer = bench
            .json(To::Search, &json!({ "searchKeys": [text] }))
            .await;
        expect(&answer, 422, "invalid_field", text);
    }
    // Access keys may have capitals, secret ids may not: OpenBao folds the case of aliases.
    let upper = json!({ "secretId": "0123456789ABCDEF" });
    let answer = bench.json(To::Register, &upper).await;
    expect(&answer, 422, "invalid_field", "capitals");
    for wrong in [json!(1), Value::Null, json!([SITE]), json!({ "a": CANARY })] {
        let answer = bench
            .json(To::Register, &json!({ "secretId": wrong }))
            .await;
        expect(&answer, 422, "invalid_field", &wrong.to_string());
    }
    bench.expect_nothing_stored().await;
}

#[tokio::test]
async fn other_fields_of_a_site_are_checked() {
    let bench = Bench::start().await;
    let labels = |count: usize| -> Value {
        let labels = (0..count).map(|n| (format!("key-{n}"), json!("v")));
        Value::Object(labels.collect())
    };
    let bad = [
        ("siteUrl", json!("canary")),
        ("siteUrl", json!("javascript:canary()")),
        ("siteUrl", json!("https://canary:x@customer.example")),
        ("siteUrl", json!("https://customer.example/\u{0}canary")),
        (
            "siteUrl",
            json!(format!("https://x.example/{}", "a".repeat(2048))),
        ),
        ("siteUrl", json!(7)),
        ("expiresAt", json!("2026-13-01T00:00:00Z")),
        ("expiresAt", json!("canary")),
        ("expiresAt", json!("2199-01-01T00:00:00")),
        ("expiresAt", json!("9999-12-31T23:59:59Z")),
        ("expiresAt", json!("0000-01-01T00:00:00Z")),
        ("expiresAt", json!(292_277_026_596_i64)),
        ("expiresAt", json!(1_900_000_000_000_i64)),
        ("expiresAt", json!(-1)),
        ("expiresAt", json!(1.5)),
        ("expiresAt", json!(1e300)),
        ("expiresAt", json!(u64::MAX)),
        ("withToken", json!("true")),
        ("withToken", json!(1)),
        ("withToken", Value::Null),
        ("metadata", labels(17)),
        ("metadata", json!({ "a": "x".repeat(513) })),
        ("metadata", json!({ "k".repeat(65): "v" })),
        ("metadata", json!({ "": "canary" })),
        ("metadata", json!({ "a b": "canary" })),
        ("metadata", json!({ "a": "canary\u{0}" })),
        ("metadata", json!({ "a": 1 })),
        ("publicKey", json!(["canary"])),
    ];
    for (field, value) in bad {
        let what = format!("{field}: {value:.60}");
        let answer = bench
            .json(To::Register, &json!({ "secretId": SITE, field: value }))
            .await;
        expect(&answer, 422, "invalid_field", &what);
    }
    for wrap in [
        json!(0),
        json!(29),
        json!(3601),
        json!(-1),
        json!("60s"),
        json!(1.5),
    ] {
        let answer = bench
            .json(To::WriteToken, &json!({ "wrapTtl": wrap }))
            .await;
        expect(&answer, 422, "invalid_field", &wrap.to_string());
    }
    let answer = bench
        .json(To::WriteToken, &json!({ "metadata": labels(17) }))
        .await;
    expect(&answer, 422, "invalid_field", "labels of a token");
    bench.expect_nothing_stored().await;
    let right = json!({ "secretId": SITE, "metadata": labels(16) });
    assert_eq!(bench.json(To::Register, &right).await.status, 201);
}

#[tokio::test]
async fn too_many_search_keys_are_refused() {
    let bench = Bench::start().await;
    let keys = |count: usize| json!({ "searchKeys": vec!["access-key-0123456"; count] });
    for (count, status, code) in [
        (0, 422, "invalid_field"),
        (101, 422, "invalid_field"),
        (100_000, 413, "body_too_large"),
    ] {
        let answer = bench.json(To::Search, &keys(count)).await;
        expect(&answer, status, code, &count.to_string());
    }
    assert_eq!(bench.json(To::Search, &keys(100)).await.status, 200);
}
