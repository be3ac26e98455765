//! Chapter I: headers that would write lines of their own into the log, or into the answer.

use reqwest::header::HeaderValue;

use super::{Bench, expect_lines};
use crate::support::logs;

/// The ids whose rows are here.
pub const IDS: [&str; 4] = ["I-01", "I-03", "I-04", "I-07"];

/// Values of `User-Agent`, as the bytes that a client may send.
const AGENTS: [&[u8]; 6] = [
    b"x\xe2\x80\xa8{\"level\":\"ERROR\",\"message\":\"forged\"}",
    b"\",\"message\":\"forged",
    b"${jndi:ldap://127.0.0.1/a}",
    b"{} %s%n {0}",
    b"\xe2\x80\xae\xff\xfe",
    b"\xc2\x9b31m red",
];

/// Values of `X-Request-Id`.
const REQUEST_IDS: [&[u8]; 6] = [
    b"short",
    b"0123456789 abcdef",
    b"0123456789\xc3\xa9abcdef",
    b"0123456789\"abcdef",
    b"<script>01234567",
    b"0123456789;abcdef",
];

#[tokio::test]
async fn rows_of_headers_write_no_lines() {
    let bench = Bench::start().await;
    let before = bench.state().await;
    let logged = logs::len();
    let long = vec![b'a'; 20 * 1024];
    let send = async |name: &str, bytes: &[u8]| {
        let value = HeaderValue::from_bytes(bytes).unwrap();
        let call = bench.test.get("/sites").value(name, value);
        call.bearer(&bench.vendor.private_key).send().await
    };
    for agent in AGENTS.into_iter().chain([long.as_slice()]) {
        let answer = send("user-agent", agent).await;
        assert_eq!(answer.status, 200, "{agent:?}: {answer:?}");
    }
    let huge = send("user-agent", &vec![b'a'; 64 * 1024]).await;
    huge.expect_problem(431, "headers_too_large");
    for id in REQUEST_IDS.into_iter().chain([&long[..10 * 1024]]) {
        let answer = send("x-request-id", id).await;
        assert_ne!(answer.headers["x-request-id"].as_bytes(), id);
    }
    // I-03: no more of it is logged than anybody needs.
    assert!(logs::lines_with(logged, &"a".repeat(600)).is_empty());
    expect_lines(logged);
    assert_eq!(bench.state().await, before);
}
