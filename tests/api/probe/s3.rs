//! `s3`, against a server that checks signatures by itself.

use std::collections::BTreeMap;

use gatehouse::credentials::probe::Step;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::peers;
use super::{CANARY, egress, failure, passed, tried};

const REGION: &str = "eu-test-1";

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The signature that belongs to a request, worked out from what came over the wire (AWS, "Create a signed API request").
fn signature(request: &str, headers: &BTreeMap<String, &str>, scope: &str, names: &str) -> String {
    let target = request.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let signed: Vec<String> = names
        .split(';')
        .map(|name| format!("{name}:{}", headers[name]))
        .collect();
    let signed = signed.join("\n");
    let body = hex::encode(Sha256::digest(b""));
    let canonical = format!("GET\n{path}\n{query}\n{signed}\n\n{names}\n{body}");
    let hashed = hex::encode(Sha256::digest(canonical.as_bytes()));
    let date = headers["x-amz-date"];
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
    let mut key = format!("AWS4{CANARY}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part);
    }
    hex::encode(hmac(&key, &text))
}

/// Status and code of the answer to a request: `KEYLIST` may list buckets, `KEYNONE` may not.
fn check(head: &str) -> (u16, &'static str) {
    let (request, rest) = head.split_once("\r\n").unwrap();
    let headers: BTreeMap<String, &str> = rest
        .lines()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let Some(value) = headers["authorization"].strip_prefix("AWS4-HMAC-SHA256 Credential=") else {
        return (400, "InvalidRequest");
    };
    let (credential, value) = value.split_once(", SignedHeaders=").unwrap();
    let (names, signed) = value.split_once(", Signature=").unwrap();
    let (id, scope) = credential.split_once('/').unwrap();
    let now = jiff::Timestamp::now().to_string().replace(['-', ':'], "");
    let day = &headers["x-amz-date"][..8];
    assert_eq!(headers["x-amz-date"][..11], now[..11], "within the hour");
    assert!(names.split(';').any(|name| name == "host"), "{names}");
    if !["KEYLIST", "KEYNONE"].contains(&id) {
        (403, "InvalidAccessKeyId")
    } else if scope != format!("{day}/{REGION}/s3/aws4_request") {
        (400, "AuthorizationHeaderMalformed")
    } else if signed != signature(request, &headers, scope, names) {
        (403, "SignatureDoesNotMatch")
    } else if id == "KEYNONE" {
        (403, "AccessDenied")
    } else {
        (200, "")
    }
}

async fn server() -> String {
    let address = peers::peer(|mut stream| async move {
        let head = peers::head(&mut stream).await;
        let (status, code) = check(&head);
        let body = match status {
            200 => format!(
                "<?xml version=\"1.0\"?><ListAllMyBucketsResult><Owner><ID>{CANARY}</ID></Owner></ListAllMyBucketsResult>"
            ),
            _ => format!("<Error><Code>{code}</Code><Message>{CANARY}</Message></Error>"),
        };
        peers::answer(&mut stream, status, "", &body).await;
    })
    .await;
    format!("http://localhost:{}", address.port())
}

fn s3(hostname: &str, id: &str, secret: &str, region: &str) -> Value {
    json!({ "type": "s3", "hostname": hostname, "access_key_id": id, "secret_access_key": secret, "region": region })
}

#[tokio::test]
async fn signature_is_checked_by_the_service() {
    let url = server().await;
    let below = format!("{url}/storage/v1/");
    let cases = [
        (
            &url,
            "KEYLIST",
            CANARY,
            REGION,
            None,
            "the key is valid, and may list buckets (200)",
        ),
        (
            &below,
            "KEYLIST",
            CANARY,
            REGION,
            None,
            "the key is valid, and may list buckets (200)",
        ),
        (
            &url,
            "KEYNONE",
            CANARY,
            REGION,
            Some(Step::Permission),
            "the key is known, and may not list buckets (403 AccessDenied)",
        ),
        (
            &url,
            "KEYLIST",
            "canary",
            REGION,
            Some(Step::Login),
            "the secret access key is wrong (403 SignatureDoesNotMatch)",
        ),
        (
            &url,
            "canary",
            CANARY,
            REGION,
            Some(Step::Login),
            "the access key is not known (403 InvalidAccessKeyId)",
        ),
        (
            &url,
            "KEYLIST",
            CANARY,
            "us-east-1",
            Some(Step::Login),
            "the key or the region is not the service's (400 AuthorizationHeaderMalformed)",
        ),
    ];
    for (url, id, secret, region, step, text) in cases {
        let outcome = tried(&egress(None), s3(url, id, secret, region)).await;
        assert_eq!(failure(&outcome), (step, text));
        let all = [
            Step::Name,
            Step::Port,
            Step::Protocol,
            Step::Login,
            Step::Permission,
        ];
        let count = match step {
            None => 5,
            Some(Step::Permission) => 4,
            _ => 3,
        };
        assert_eq!(passed(&outcome), all[..count]);
    }
}

#[tokio::test]
async fn what_is_no_object_store() {
    let page = format!("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n{CANARY}");
    let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ncanar\r\n".to_owned()
        + &"5\r\ncanar\r\n".repeat(100_000);
    let cases = [
        (page, "what answers does not list buckets as S3 does (200)"),
        (
            endless,
            "what answers does not list buckets as S3 does (200)",
        ),
        (
            "HTTP/1.1 301 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
                .to_owned(),
            "the service is at another address: it answers with a redirect (301)",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n<".to_owned(),
            "the server did not answer in time",
        ),
    ];
    for (sent, text) in cases {
        let address = peers::saying(sent.into_bytes()).await;
        let url = format!("http://127.0.0.1:{}", address.port());
        let limit = std::time::Duration::from_secs(1);
        let value = s3(&url, "KEYLIST", CANARY, REGION);
        let outcome = super::tried_within(limit, &egress(None), value).await;
        assert_eq!(failure(&outcome), (Some(Step::Protocol), text));
    }
}
