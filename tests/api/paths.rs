//! The path traps of OpenBao and its client library, shown to be real, and shown not to reach through the service.

use std::sync::{Arc, Mutex};

use gatehouse::types::{Namespace, Secret, SecretId};
use gatehouse::vault::{Connection, Server, kv};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};

use crate::support::wire::Seen;
use crate::support::{TestApp, TestVendor, Wire, servers};

const SITE: &str = "0123456789abcdef0123456789abcdef";

/// Texts that leave a mount, or a path, in some reader of them.
const CLIMBING: [&str; 26] = [
    "\t../other-two-store/0123456789abcdef0123456789abcdef",
    "\n../other-two-store/0123456789abcdef0123456789abcdef",
    "\r../other-two-store/0123456789abcdef0123456789abcdef",
    "\t../sys/mounts",
    "\t../auth/token/lookup-self",
    "../other-two-store/0123456789abcdef0123456789abcdef",
    "..%2fother-two-store%2f0123456789abcdef0123456789abcdef",
    "%2e%2e/other-two-store/0123456789abcdef0123456789abcdef",
    "%252e%252e%252fother-two-store",
    "a\\..\\..\\other-two-store\\0123456789abcdef",
    "/other-two-store/0123456789abcdef0123456789abcdef",
    "//evil.example/0123456789abcdef",
    "0123456789abcdef/../../sys/mounts",
    "0123456789abcdef?list=true",
    "0123456789abcdef#fragment",
    "0123456789abcdef;x=y",
    "0123456789abcdef\0",
    "0123456789abcdef\u{202e}",
    "0123456789abcdé0123456789",
    " 0123456789abcdef",
    "0123456789abcdef ",
    "0123456789abcdef.",
    "0123456789ABCDEF0123456789ABCDEF",
    "{{identity.entity.id}}",
    "data/0123456789abcdef",
    "..............................",
];

async fn two_vendors() -> (TestApp, Wire, TestVendor) {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("acme-one").await;
    let other = test.vendor("other-two").await;
    test.site(&vendor, SITE, "0123456789ABCDEF").await;
    test.site(&other, SITE, "0123456789ABCDEF").await;
    (test, wire, vendor)
}

/// The client library as it comes, with the test's namespace.
fn library(test: &TestApp) -> VaultClient {
    let mut settings = VaultClientSettingsBuilder::default();
    settings
        .address(&test.bao_addr)
        .token(&test.bao_root)
        .namespace(test.namespace.clone());
    VaultClient::new(settings.build().unwrap()).unwrap()
}

#[tokio::test]
async fn client_library_climbs_out_of_a_mount() {
    let (test, _wire, _vendor) = two_vendors().await;
    let client = library(&test);
    let climbed: Value = vaultrs::kv1::get(
        &client,
        "acme-one-store",
        &format!("\t../other-two-store/{SITE}"),
    )
    .await
    .unwrap();
    assert_eq!(climbed["identifier"], "canary", "the other store's secret");
}

#[tokio::test]
async fn url_join_and_format_climb_too() {
    let base = url::Url::parse("http://bao/v1/acme-one-store/").unwrap();
    for (text, path) in [
        ("../other-two-store/x", "/v1/other-two-store/x"),
        ("%2e%2e/other-two-store/x", "/v1/other-two-store/x"),
        ("a\\..\\..\\b", "/v1/b"),
        ("/abs", "/abs"),
    ] {
        assert_eq!(base.join(text).unwrap().path(), path, "{text}");
        if !text.starts_with('/') {
            let formatted = url::Url::parse(&format!("{base}{text}")).unwrap();
            assert_eq!(formatted.path(), path, "{text}");
        }
    }
}

#[tokio::test]
async fn openbao_takes_almost_any_mount_and_folds_policy_names() {
    let test = TestApp::start().await;
    for mount in [
        "*-store",
        "+-store",
        "a%20b-store",
        "%C3%A9-store",
        "Acme-store",
        "acme-store",
    ] {
        let made = test
            .bao_root(Method::POST, &format!("sys/mounts/{mount}"))
            .json(&json!({ "type": "kv" }))
            .send()
            .await;
        assert_eq!(made.status, 204, "{mount}: {made:?}");
    }
    for (name, glob) in [
        ("Acme-read-policy", "\"a/*\""),
        ("acme-read-policy", "\"b/*\""),
    ] {
        let policy = format!("path {glob} {{ capabilities = [\"read\"]}}");
        let made = test
            .bao_root(Method::PUT, &format!("sys/policies/acl/{name}"))
            .json(&json!({ "policy": policy }))
            .send()
            .await;
        assert_eq!(made.status, 204);
    }
    let first = test
        .bao_root(Method::GET, "sys/policies/acl/Acme-read-policy")
        .send()
        .await;
    let stands = first.json["data"]["policy"].as_str().unwrap();
    assert!(
        stands.contains("\"b/*\""),
        "the later one overwrote the earlier: {stands}"
    );
}

/// Each byte that is not plain, escaped.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[tokio::test]
async fn climbing_secret_id_never_reaches_openbao() {
    let (test, wire, vendor) = two_vendors().await;
    wire.forget();
    for text in CLIMBING {
        let body = json!({ "secretId": text });
        for (path, key) in [
            ("/api/site", &vendor.public_key),
            ("/api/site", &vendor.private_key),
            ("/sites/token", &vendor.private_key),
            ("/sites", &vendor.public_key),
            ("/api/sites", &vendor.private_key),
        ] {
            let answer = test.post(path).bearer(key).json(&body).send().await;
            assert_eq!(answer.status, 422, "{path} {text:?}: {answer:?}");
        }
        let older = json!({
            "publicKey": vendor.public_key,
            "accessKey": "0123456789ABCDEF",
            "siteUrl": "https://customer.example",
            "keyStoreID": text
        });
        let answer = test.post("/api/sites").json(&older).send().await;
        assert_eq!(answer.status, 422, "keyStoreID {text:?}: {answer:?}");
        let segment = escaped(text);
        for (path, key) in [
            (format!("/sites/{segment}"), &vendor.private_key),
            (format!("/api/sites/{segment}"), &vendor.public_key),
            (
                format!("/api/admin/vendors/acme-one/sites/{segment}"),
                &test.operator,
            ),
        ] {
            let answer = test.delete(&path).bearer(key).send().await;
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
            if key != &test.operator && key != &vendor.public_key {
                let answer = test.get(&path).bearer(key).send().await;
                assert_eq!(answer.status, 404, "{path}: {answer:?}");
            }
        }
    }
    assert_eq!(lines(&wire), Vec::<String>::new());
}

fn lines(wire: &Wire) -> Vec<String> {
    wire.deliberate().iter().map(Seen::line).collect()
}

#[tokio::test]
async fn text_that_is_no_namespace_never_reaches_openbao() {
    let (test, wire, _vendor) = two_vendors().await;
    wire.forget();
    let more = [
        "",
        "Acme-One",
        "ACME-ONE",
        "acme-one ",
        " acme-one",
        "acme-one\n",
        "acme--one",
        "-acme-one",
        "acme-one-",
        "acme_one",
        "acme.one",
        "*",
        "+",
        "acme*",
        "acme-one/+",
        "a b c d e",
        "раураl",
        "acmé-one",
        "acme-one-store",
        "acme-one-write-policy",
        "saas-policy",
        "gatehouse",
        "evil\" { capabilities = [\"read\"] } path \"sys/*",
        "acme\u{200d}one",
    ];
    let long = "a".repeat(5_000);
    for text in CLIMBING.into_iter().chain(more).chain([long.as_str()]) {
        let body = json!({ "namespace": text, "name": "A Vendor" });
        let made = test
            .post("/api/admin/vendors")
            .bearer(&test.operator)
            .json(&body)
            .send()
            .await;
        assert_eq!(made.status, 422, "{text:?}: {made:?}");
        let segment = escaped(text);
        if segment.is_empty() || text.len() > 1_000 {
            continue;
        }
        for (method, path) in [
            (Method::GET, format!("/api/admin/vendors/{segment}")),
            (Method::POST, format!("/api/admin/vendors/{segment}/repair")),
            (Method::GET, format!("/api/admin/vendors/{segment}/sites")),
            (
                Method::DELETE,
                format!("/api/admin/vendors/{segment}/sites/{SITE}"),
            ),
        ] {
            let answer = test.call(method, &path).bearer(&test.operator).send().await;
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
        }
        let sent = json!({
            "type": "vendor.created",
            "timestamp": test.app.clock.now().to_string(),
            "data": { "namespace": text, "name": "A Vendor" }
        });
        let id = format!("msg_{}", servers::number());
        let answer = test.webhook(&id, &sent).await;
        assert_eq!(answer.status, 422, "{text:?}: {answer:?}");
    }
    assert_eq!(lines(&wire), Vec::<String>::new());
}

/// A valid namespace: words with single hyphens between.
fn namespace() -> impl Strategy<Value = Namespace> {
    "[a-z0-9](-?[a-z0-9]){4,47}".prop_filter_map("reserved", |text| Namespace::parse(&text).ok())
}

fn secret_id() -> impl Strategy<Value = SecretId> {
    "[a-z0-9_-]{16,128}".prop_map(|text| SecretId::parse(&text).unwrap())
}

/// A listener that answers everything with 204 and keeps each request line.
async fn request_lines() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = format!("http://{}", listener.local_addr().unwrap());
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&lines);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {
                    if !bytes.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let text = String::from_utf8(std::mem::take(&mut bytes)).unwrap();
                    let line = text.lines().next().unwrap().to_owned();
                    kept.lock().unwrap().push(line);
                    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (addr, lines)
}

#[test]
fn url_that_goes_out_is_the_one_that_was_meant() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (addr, lines) = runtime.block_on(request_lines());
    let server = Server {
        addr,
        namespace: None,
        ca_pem: None,
    };
    let handle = Connection::new(&server)
        .unwrap()
        .with_token(&Secret::new("s.test".to_owned()));
    let mut runner = TestRunner::new(Config::with_cases(400));
    runner
        .run(&(namespace(), secret_id()), |(namespace, secret_id)| {
            lines.lock().unwrap().clear();
            runtime
                .block_on(kv::delete_site(&handle, &namespace, &secret_id))
                .unwrap();
            let meant = format!(
                "DELETE /v1/{}-store/{} HTTP/1.1",
                namespace.as_str(),
                secret_id.as_str()
            );
            let sent = lines.lock().unwrap().clone();
            prop_assert_eq!(sent, [meant]);
            Ok(())
        })
        .unwrap();
}

/// Any text, and texts that are nearly right: a valid one with one piece put in.
fn nearly(valid: &'static str) -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<char>().prop_map(String::from),
        "[\\PC]{1,3}",
        prop::sample::select(CLIMBING.to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec![
            "/", "..", "%2f", "\t", "\n", "+", "*", "A", "--", "_", "."
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        ".*",
        valid,
        (valid, pieces, any::<prop::sample::Index>()).prop_map(|(text, piece, at)| {
            let at = at.index(text.len() + 1);
            format!("{}{piece}{}", &text[..at], &text[at..])
        }),
    ]
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    #[test]
    fn namespace_accepts_nothing_outside_its_grammar(text in nearly("[a-z0-9]{1,4}(-[a-z0-9]{1,9}){0,9}")) {
        let grammar = regex::Regex::new(r"\A[a-z0-9](-?[a-z0-9])*\z").unwrap();
        if Namespace::parse(&text).is_ok() {
            prop_assert!(grammar.is_match(&text), "{:?}", text);
            prop_assert!((5..=96).contains(&text.len()), "{:?}", text);
            for ending in ["-store", "-policy", "-read", "-write", "-delete", "-credentials"] {
                prop_assert!(!text.ends_with(ending), "{:?}", text);
            }
        }
    }

    #[test]
    fn secret_id_accepts_exactly_its_grammar(text in nearly("[a-z0-9_-]{12,132}")) {
        let grammar = regex::Regex::new(r"\A[a-z0-9_-]{16,128}\z").unwrap();
        prop_assert_eq!(SecretId::parse(&text).is_ok(), grammar.is_match(&text), "{:?}", text);
    }
}
