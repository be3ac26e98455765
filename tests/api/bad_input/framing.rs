//! Part C: requests that break HTTP itself, sent byte by byte.
//!
//! What the HTTP library cannot read it answers itself, with a bare 400, 408 or 431, and closes the connection: that is the
//! case where a request has more than 96 headers or a head of more than 128 KiB. What it can read and is too much for
//! us gets a problem document.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Bench;
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

/// What cannot be told where it ends, or is no HTTP: 400, and nothing of it is taken for a second request.
fn ambiguous() -> Vec<(&'static str, Vec<u8>)> {
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let two = format!("{chunked}Content-Length: 4\r\n");
    let rows = [
        (
            "C-01",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            smuggled,
        ),
        ("C-01", &two, smuggled),
        ("C-02", "Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        ("C-02", "Content-Length: +2\r\n", "{}"),
        ("C-02", "Content-Length: x\r\n", "{}"),
        ("C-02", "Content-Length: 2, 2\r\n", "{}"),
        ("C-02", "Content-Length: 99999999999999999999\r\n", "{}"),
        ("C-04", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        (
            "C-04",
            "Transfer-Encoding: chunked, identity\r\n",
            "0\r\n\r\n",
        ),
        (
            "C-04",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "0\r\n\r\n",
        ),
        ("C-09", "Content-Length : 2\r\n", "{}"),
        ("C-07", "X-A: b\r\n c\r\nContent-Length: 2\r\n", "{}"),
        ("C-07", "X-A: b\0c\r\nContent-Length: 2\r\n", "{}"),
    ];
    let mut all: Vec<_> = rows
        .map(|(id, headers, body)| (id, post(headers, body)))
        .into();
    let lines = [
        ("C-17", "GET /healthz HTTP/1.1\r\n\r\n"),
        ("C-14", "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n"),
        ("C-14", "GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("C-14", "G@T /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("C-14", "\u{1}\u{2}\u{3}\r\n\r\n"),
        // TLS to a port without it.
        ("C-26", "\u{16}\u{3}\u{1}\r\n\r\n"),
    ];
    all.extend(lines.map(|(id, text)| (id, text.as_bytes().to_vec())));
    all
}

#[tokio::test]
async fn ambiguous_and_malformed_requests_are_refused() {
    let test = TestApp::start().await;
    let rows = ambiguous();
    let answers = join_all(rows.iter().map(|(_, bytes)| raw(&test, bytes))).await;
    for ((id, bytes), answer) in rows.iter().zip(answers) {
        let sent = String::from_utf8_lossy(bytes);
        assert_eq!(status(&answer), 400, "{id} {sent}: {answer}");
        assert!(!answer.contains("alive"), "{id} {sent}: {answer}");
    }
    // C-06: ends of lines without CR are read as ends of lines (RFC 9112, 2.2), and the next request is another one.
    let bare = b"GET /healthz HTTP/1.1\nHost: x\n\nGET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = all_of(&test, bare).await;
    let statuses: Vec<u16> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| status(&answer[at..]))
        .collect();
    assert!(matches!(statuses[..], [200, 404] | [400]), "{answer}");
    assert_eq!(test.get("/healthz").send().await.status, 200);
}

/// Sends bytes, and reads until the server closes.
async fn all_of(test: &TestApp, bytes: &[u8]) -> String {
    let address = test.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let limit = Duration::from_secs(20);
    timeout(limit, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// C-27: many requests at once on a connection are answered in their order, the bad ones too.
#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let test = TestApp::start().await;
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut sent = (one("/healthz") + &one("/nowhere")).repeat(500);
    sent.push_str("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = all_of(&test, sent.as_bytes()).await;
    let statuses: Vec<u16> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| status(&answer[at..]))
        .collect();
    assert_eq!(statuses.len(), 1001);
    for (n, status) in statuses.into_iter().enumerate() {
        assert_eq!(status, if n % 2 == 0 { 200 } else { 404 }, "{n}");
    }
}

#[track_caller]
fn expect_problem(answer: &str, wanted: u16, code: &str) {
    assert_eq!(status(answer), wanted, "{answer:.400}");
    let body = body(answer);
    assert_eq!(
        (&body["code"], &body["status"]),
        (&code.into(), &wanted.into()),
        "{answer:.400}"
    );
    assert!(
        answer.contains("content-type: application/problem+json"),
        "{answer}"
    );
    assert!(answer.contains("cache-control: no-store"), "{answer}");
    assert!(!body["request_id"].as_str().unwrap().is_empty());
}

/// C-10, C-11, C-12, C-30.
#[tokio::test]
async fn too_many_and_too_large_headers_are_refused() {
    let test = TestApp::start().await;
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(|n| format!("X-{n}: a\r\n")).collect();
        all.concat()
    };
    let large = |size: usize| format!("X-Large: {}\r\n", "a".repeat(size));
    let cookies = "Cookie: a=1\r\n".repeat(2);
    // With the host there are 64.
    for fine in [many(63), large(31 * 1024), cookies] {
        let answer = raw(&test, &post(&fine, "")).await;
        // It has no body, where the key might stand.
        assert_eq!(status(&answer), 422, "{answer}");
    }
    for headers in [
        many(64),
        many(94),
        large(33 * 1024),
        large(100 * 1024),
        format!("Cookie: {}\r\n", "a=1; ".repeat(10_000)),
    ] {
        let answer = raw(&test, &post(&headers, "")).await;
        expect_problem(&answer, 431, "headers_too_large");
    }
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
    for path in [
        format!("/{}", "a".repeat(17_000)),
        format!("/sites?a={}", "a".repeat(60_000)),
    ] {
        let answer = raw(&test, &get(&path)).await;
        expect_problem(&answer, 414, "target_too_long");
    }
    let borrowed = format!("/api/v1/sites/{}", "a".repeat(17_000));
    let answer = raw(&test, &get(&borrowed)).await;
    assert_eq!(
        (status(&answer), &body(&answer)["code"]),
        (414, &"target_too_long".into())
    );
    let answer = raw(&test, &get(&format!("/{}", "a".repeat(15_000)))).await;
    expect_problem(&answer, 404, "not_found");
    // Beyond what the library reads: it says so without a body, or resets the connection.
    for headers in [many(96), many(120)] {
        let answer = raw(&test, &post(&headers, "")).await;
        assert_eq!(status(&answer), 431, "{answer}");
    }
    let answer = raw(&test, &post(&large(140 * 1024), "")).await;
    assert!(matches!(status(&answer), 0 | 431), "{answer}");
    let answer = raw(&test, &get(&format!("/{}", "a".repeat(70_000)))).await;
    assert!(matches!(status(&answer), 400 | 414), "{answer}");
    assert_eq!(test.get("/healthz").send().await.status, 200);
}

/// C-05, C-21, D-17 and bodies that do not come: side by side, as some take their time.
#[tokio::test]
async fn bodies_are_counted_as_they_come_and_not_waited_for() {
    let bench = Bench::start().await;
    let test = &bench.test;
    let head = |more: &str| {
        format!(
            "Authorization: Bearer {}\r\nContent-Type: application/json\r\n{more}\r\n",
            bench.vendor.public_key
        )
    };
    let chunked = head("Transfer-Encoding: chunked");
    let site = "{\"secretId\":\"0123456789abcdef\"}";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let spaces = chunk(&" ".repeat(8192)).repeat(8);
    let large = format!("{}{spaces}0\r\n\r\n", chunk(site));
    let extended = format!(
        "{:x};{}\r\n{site}\r\n0\r\n\r\n",
        site.len(),
        "a".repeat(1024 * 1024)
    );
    let huge = head("Content-Length: 2147483648\r\nExpect: 100-continue");
    let rows: [(&str, &[u16], &str, Vec<u8>); 8] = [
        ("D-17", &[413], "body_too_large", post(&chunked, &large)),
        ("C-05", &[400], "", post(&chunked, "zz\r\n")),
        (
            "C-05",
            &[400],
            "",
            post(&chunked, "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ),
        // The library reads past what stands behind a chunk's size and keeps none of it; the body's time bounds it.
        ("C-05", &[201], "", post(&chunked, &extended)),
        ("C-05", &[408], "body_timeout", post(&chunked, &chunk(site))),
        ("C-21", &[413], "body_too_large", post(&huge, "")),
        (
            "C-05",
            &[408],
            "body_timeout",
            post(&head("Content-Length: 20"), "{\"sec"),
        ),
        // Half a head.
        (
            "C-05",
            &[0, 408],
            "",
            b"POST /sites HTTP/1.1\r\nHost: x\r\nX-Sl".to_vec(),
        ),
    ];
    let started = Instant::now();
    let answers = join_all(rows.iter().map(|row| raw(test, &row.3))).await;
    assert!(started.elapsed() < Duration::from_secs(30));
    for ((id, statuses, code, _), answer) in rows.iter().zip(answers) {
        let answer = answer.replacen("HTTP/1.1 100 Continue\r\n\r\n", "", 1);
        assert!(
            statuses.contains(&status(&answer)),
            "{id} {statuses:?}: {answer}"
        );
        if !code.is_empty() {
            expect_problem(&answer, statuses[0], code);
        }
    }
    let gone = "DELETE FROM sites";
    test.sql().await.batch_execute(gone).await.unwrap();
    let whole = format!("{}0\r\n\r\n", chunk(site));
    let answer = raw(test, &post(&chunked, &whole)).await;
    assert_eq!(status(&answer), 201, "{answer}");
}

/// C-15 to C-20, C-29 and C-24, C-25.
#[tokio::test]
async fn headers_that_would_steer_a_proxy_steer_nothing_here() {
    let bench = Bench::start().await;
    let test = &bench.test;
    for header in [
        "X-HTTP-Method-Override: DELETE",
        "X-Original-URL: /api/admin/vendors",
        "X-Rewrite-URL: /api/admin/vendors",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: http",
        "X-Vault-Token: x",
        "X-Vault-Namespace: other",
        "X-Vault-Wrap-TTL: 60",
        "X-Vault-Index: evil",
        "Origin: https://evil.example",
        "Forwarded: host=evil.example;proto=http",
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        let answer = raw(test, request.as_bytes()).await;
        assert_eq!(status(&answer), 200, "{header}: {answer}");
        let answer = answer.to_lowercase();
        assert!(
            !answer.contains("evil") && !answer.contains("access-control-"),
            "{answer}"
        );
        for kept in [
            "x-content-type-options: nosniff",
            "strict-transport-security: ",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(kept), "{kept}: {answer}");
        }
    }
    for line in [
        "GET /nowhere HTTP/1.1\r\nHost: evil.example",
        "GET http://evil.example/nowhere HTTP/1.1\r\nHost: localhost:6379",
    ] {
        let answer = raw(test, format!("{line}\r\n\r\n").as_bytes()).await;
        assert_eq!(status(&answer), 404, "{line}: {answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    // C-29: a browser's question is answered as any other method is, and nothing is allowed.
    let preflight = "OPTIONS /sites HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n\r\n";
    let answer = raw(test, preflight.as_bytes()).await;
    expect_problem(&answer, 405, "method_not_allowed");
    assert!(
        !answer.to_lowercase().contains("access-control-"),
        "{answer}"
    );
    // C-20: what a client says to OpenBao goes no further.
    let steering = ["x-vault-namespace", "x-vault-wrap-ttl"];
    let mut call = test.post("/api/site").bearer(&bench.vendor.public_key);
    for name in steering {
        call = call.header(name, "canary");
    }
    call = call
        .header("x-vault-token", "canary")
        .header("x-vault-policy-override", "true");
    assert_eq!(call.send().await.status, 200);
    let asked = bench.wire.deliberate();
    assert!(!asked.is_empty());
    for seen in asked {
        for name in steering {
            assert_ne!(
                seen.headers.get(name).map(String::as_str),
                Some("canary"),
                "{seen:?}"
            );
        }
    }
}
