//! Parts A and B, and what D says of values: fields of a sign-up and of a site.

use serde_json::{Value, json};

use super::{Bench, CANARY, Row, To};

fn field(id: &'static str, to: To, body: &Value) -> Row {
    super::json(id, to, body, "invalid_field")
}

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

/// A sign-up, by an operator and by webhook.
fn sign_up(rows: &mut Vec<Row>, id: &'static str, data: &Value, code: &'static str) {
    let message = json!({
        "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z", "data": data,
    });
    rows.push(super::json(id, To::Vendors, data, code));
    rows.push(super::json(id, To::Webhook, &message, code));
}

///
fn namespaces() -> Vec<Row> {
    let mut rows = Vec::new();
    for text in no_namespaces() {
        let data = json!({ "namespace": text, "name": "😀" });
        sign_up(&mut rows, "A-01…A-35", &data, "invalid_namespace");
    }
    for wrong in [
        json!(123_456),
        json!(true),
        Value::Null,
        json!(["canary"]),
        json!({}),
    ] {
        let data = json!({ "namespace": wrong, "name": "A" });
        sign_up(&mut rows, "A-39", &data, "invalid_field");
    }
    rows
}

///
fn people() -> Vec<Row> {
    let long = "canary".repeat(60);
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
    let mut rows = Vec::new();
    for (field, value) in bad {
        let mut data = json!({ "namespace": "vendor-b", "name": "B" });
        data[field] = value;
        let id = if field == "ownerEmail" {
            "A-41"
        } else {
            "A-40"
        };
        sign_up(&mut rows, id, &data, "invalid_field");
    }
    rows
}

#[tokio::test]
async fn sign_up_takes_nothing_that_breaks_a_rule() {
    let bench = Bench::start().await;
    let mut rows = namespaces();
    rows.extend(people());
    //
    let huge = json!({ "namespace": "a".repeat(1_000_000), "name": "A" });
    for to in [To::Vendors, To::Webhook] {
        let row = super::json("A-07", to, &huge, "body_too_large");
        rows.push(Row {
            status: &[413],
            ..row
        });
    }
    bench.refuse(&rows).await;
    // markup is text, whoever shows it escapes it.
    let longest = json!({ "namespace": "a".repeat(96), "name": "<script>alert(1)</script>" });
    let answer = bench.json(To::Vendors, &longest).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["vendor"]["provisioned"], true);
}

/// Texts that are neither a secret id nor an access key.
fn no_ids() -> Vec<String> {
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
    bad.extend([15, 129, 40_000].map(|length| "a".repeat(length)));
    bad
}

/// B-07, B-24, B-28 and what D has of the fields of a site. The design has secret ids of 16 to 128 characters, and access
/// keys with capitals, so 31 or 63 characters are right.
fn of_a_site() -> Vec<Row> {
    let mut rows = Vec::new();
    for text in no_ids() {
        for to in [To::WriteToken, To::Register] {
            rows.push(field("B-07", to, &json!({ "secretId": text })));
            let body = json!({ "secretId": SITE, "accessKey": text });
            rows.push(field("B-24", to, &body));
        }
        rows.push(field("B-28", To::Search, &json!({ "searchKeys": [text] })));
    }
    // OpenBao folds the case of aliases.
    let upper = json!({ "secretId": "0123456789ABCDEF" });
    rows.push(field("B-17", To::Register, &upper));
    for wrong in [json!(1), Value::Null, json!([SITE]), json!({ "a": CANARY })] {
        rows.push(field("D-12", To::Register, &json!({ "secretId": wrong })));
    }
    rows.push(field("D-11", To::Register, &json!({})));
    rows.push(field("D-11", To::Search, &json!({})));
    for (id, name, value) in more_of_a_site() {
        let body = json!({ "secretId": SITE, name: value });
        rows.push(field(id, To::Register, &body));
    }
    for wrap in [
        json!(0),
        json!(29),
        json!(3601),
        json!(-1),
        json!("60s"),
        json!(1.5),
    ] {
        rows.push(field("K-02", To::WriteToken, &json!({ "wrapTtl": wrap })));
    }
    rows.push(field(
        "D-14",
        To::WriteToken,
        &json!({ "metadata": labels(17) }),
    ));
    let keys = |count: usize| json!({ "searchKeys": vec!["access-key-0123456"; count] });
    rows.push(field("B-25", To::Search, &keys(0)));
    rows.push(field("B-25", To::Search, &keys(101)));
    let many = super::json("B-25", To::Search, &keys(100_000), "body_too_large");
    rows.push(Row {
        status: &[413],
        ..many
    });
    rows
}

fn labels(count: usize) -> Value {
    let labels = (0..count).map(|n| (format!("key-{n}"), json!("v")));
    Value::Object(labels.collect())
}

fn more_of_a_site() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("D-12", "siteUrl", json!("canary")),
        ("D-12", "siteUrl", json!("javascript:canary()")),
        (
            "D-12",
            "siteUrl",
            json!("https://canary:x@customer.example"),
        ),
        (
            "D-21",
            "siteUrl",
            json!("https://customer.example/\u{0}canary"),
        ),
        (
            "D-12",
            "siteUrl",
            json!(format!("https://x.example/{}", "a".repeat(2048))),
        ),
        ("D-12", "siteUrl", json!(7)),
        ("D-25", "expiresAt", json!("2026-13-01T00:00:00Z")),
        ("D-25", "expiresAt", json!("canary")),
        ("D-25", "expiresAt", json!("2199-01-01T00:00:00")),
        ("D-25", "expiresAt", json!("9999-12-31T23:59:59Z")),
        ("D-25", "expiresAt", json!("0000-01-01T00:00:00Z")),
        ("D-25", "expiresAt", json!(292_277_026_596_i64)),
        ("D-25", "expiresAt", json!(1_900_000_000_000_i64)),
        ("D-25", "expiresAt", json!(-1)),
        ("D-25", "expiresAt", json!(1.5)),
        ("D-25", "expiresAt", json!(1e300)),
        ("D-25", "expiresAt", json!(u64::MAX)),
        ("D-12", "withToken", json!("true")),
        ("D-12", "withToken", json!(1)),
        ("D-11", "withToken", Value::Null),
        ("D-14", "metadata", labels(17)),
        ("D-14", "metadata", json!({ "a": "x".repeat(513) })),
        ("D-14", "metadata", json!({ "k".repeat(65): "v" })),
        ("D-14", "metadata", json!({ "": "canary" })),
        ("D-14", "metadata", json!({ "a b": "canary" })),
        ("D-21", "metadata", json!({ "a": "canary\u{0}" })),
        ("D-12", "metadata", json!({ "a": 1 })),
        ("D-12", "publicKey", json!(["canary"])),
        // A key in the header and another in the body: which of them counts must not be guessed.
        ("E-04", "publicKey", json!("pk_canary")),
    ]
}

#[tokio::test]
async fn site_takes_nothing_that_breaks_a_rule() {
    let bench = Bench::start().await;
    bench.refuse(&of_a_site()).await;
    let own = json!({ "secretId": SITE, "publicKey": bench.vendor.public_key });
    let answer = bench.json(To::Register, &own).await;
    answer.expect_problem(422, "invalid_field");
    assert_eq!(answer.json["errors"][0]["pointer"], "/publicKey");
    bench.expect_nothing_done().await;
    for key in ["secretId", "accessKey"] {
        let body = json!({ "secretId": SITE, key: "x" });
        let answer = bench.json(To::Register, &body).await;
        assert_eq!(answer.json["errors"][0]["pointer"], format!("/{key}"));
    }
    // The edges are right.
    let right = json!({ "secretId": SITE, "metadata": labels(16) });
    assert_eq!(bench.json(To::Register, &right).await.status, 201);
    let keys = json!({ "searchKeys": vec!["access-key-0123456"; 100] });
    assert_eq!(bench.json(To::Search, &keys).await.status, 200);
}
