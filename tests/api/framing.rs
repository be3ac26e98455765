//! Requests that break HTTP itself, sent byte by byte.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::TestApp;

/// Sends bytes as they are, and reads until the server closes or falls silent.
async fn raw(test: &TestApp, bytes: &[u8]) -> String {
    let address = test.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may hang up before it has read all of it.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(Ok(read)) = timeout(Duration::from_secs(7), stream.read(&mut buffer)).await {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
        if is_whole(&answer) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether the head and as much body as it promises are there.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .and_then(|length| length.trim().parse().ok());
    length.is_none_or(|length: usize| body.len() >= length)
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
    status.unwrap_or(0)
}

fn body(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or(Value::Null)
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    format!("POST /sites HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn ambiguous_and_malformed_requests_are_refused() {
    let test = TestApp::start().await;
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let cases: [(&str, Vec<u8>); 8] = [
        (
            "length and chunked",
            post(
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                smuggled,
            ),
        ),
        (
            "chunked and length",
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                smuggled,
            ),
        ),
        (
            "two lengths",
            post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        ),
        ("signed length", post("Content-Length: +2\r\n", "{}")),
        ("no length", post("Content-Length: x\r\n", "{}")),
        (
            "unknown coding",
            post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ),
        ("space before colon", post("Content-Length : 2\r\n", "{}")),
        (
            "folded header",
            post("X-A: b\r\n c\r\nContent-Length: 2\r\n", "{}"),
        ),
    ];
    for (name, bytes) in cases {
        let answer = raw(&test, &bytes).await;
        assert_eq!(status(&answer), 400, "{name}: {answer}");
        assert!(!answer.contains("alive"), "{name}: {answer}");
    }
    assert_eq!(test.get("/healthz").send().await.status, 200);
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_refused() {
    let test = TestApp::start().await;
    for count in [97, 120] {
        let many: Vec<String> = (0..count).map(|n| format!("X-{n}: a\r\n")).collect();
        let many = many.concat();
        let answer = raw(&test, &post(&many, "")).await;
        assert!(matches!(status(&answer), 400 | 431), "{count}: {answer}");
    }
    let large = format!("X-Large: {}\r\n", "a".repeat(140 * 1024));
    let answer = raw(&test, &post(&large, "")).await;
    // Or the connection is reset.
    assert!(matches!(status(&answer), 0 | 400 | 431), "{answer}");
    let line = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000));
    let answer = raw(&test, line.as_bytes()).await;
    assert!(matches!(status(&answer), 400 | 404 | 414), "{answer}");
    assert_eq!(test.get("/healthz").send().await.status, 200);
}

#[tokio::test]
async fn huge_body_is_refused_before_it_is_sent() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let headers = format!(
        "Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 2147483648\r\nExpect: 100-continue\r\n",
        vendor.public_key
    );
    let started = Instant::now();
    let answer = raw(&test, &post(&headers, "")).await;
    let answer = answer.replacen("HTTP/1.1 100 Continue\r\n\r\n", "", 1);
    assert_eq!(status(&answer), 413, "{answer}");
    assert_eq!(body(&answer)["code"], "body_too_large");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn chunked_body_is_counted_as_it_comes() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let headers = format!(
        "Authorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
        vendor.public_key
    );
    let site = "{\"secretId\":\"0123456789abcdef\"}";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let spaces = chunk(&" ".repeat(8192)).repeat(8);
    for (more, expected) in [(String::new(), 201), (spaces, 413)] {
        let body = format!("{}{more}0\r\n\r\n", chunk(site));
        let answer = raw(&test, &post(&headers, &body)).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
    for broken in ["zz\r\n", "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"] {
        let answer = raw(&test, &post(&headers, broken)).await;
        assert_eq!(status(&answer), 400, "{broken}: {answer}");
    }
}

#[tokio::test]
async fn body_that_does_not_come_is_not_waited_for() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let headers = format!(
        "Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n",
        vendor.public_key
    );
    let started = Instant::now();
    let answer = raw(&test, &post(&headers, "{\"sec")).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert_eq!(body(&answer)["code"], "body_timeout");
    assert!(started.elapsed() < Duration::from_secs(7));
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let test = TestApp::start().await;
    let started = Instant::now();
    let answer = raw(&test, b"POST /sites HTTP/1.1\r\nHost: x\r\nX-Sl").await;
    assert!(matches!(status(&answer), 0 | 408), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(7));
}

#[tokio::test]
async fn headers_that_would_steer_a_proxy_steer_nothing_here() {
    let test = TestApp::start().await;
    for header in [
        "X-HTTP-Method-Override: DELETE",
        "X-Original-URL: /api/admin/vendors",
        "X-Rewrite-URL: /api/admin/vendors",
        "X-Vault-Token: x",
        "Forwarded: host=evil.example;proto=http",
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        let answer = raw(&test, request.as_bytes()).await;
        assert_eq!(status(&answer), 200, "{header}: {answer}");
        assert!(!answer.contains("evil"));
    }
    let answer = raw(
        &test,
        b"GET /nowhere HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    )
    .await;
    assert_eq!(status(&answer), 404, "{answer}");
    assert!(!answer.contains("evil"));
}
