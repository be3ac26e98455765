//! The keys that vendors' Connectors sign with: fetched, kept for minutes, and refused.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::connector::{key, told};
use crate::probe::peers::{closed_port, counting};
use crate::support::connector::TestConnector;
use crate::support::{TestApp, TestVendor};

/// 100,000 zeros, as gzip packs them.
const ZEROS: &str = "H4sIAAAAAAACA+3BMQEAAADCoPVPbQ0PoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIBXA32VEdSghgEA";

async fn start() -> (TestApp, TestVendor, TestConnector) {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let connector = test.connector(&vendor).await;
    (test, vendor, connector)
}

#[tokio::test]
async fn key_is_kept_for_minutes_and_another_one_is_an_event() {
    let (test, vendor, connector) = start().await;
    let first = connector.key();
    for _ in 0..3 {
        assert_eq!(key(&test, &vendor).await.as_ref(), Ok(&first));
    }
    let line = "GET /wp-json/trustedlogin/v1/signature_key HTTP/1.1";
    assert_eq!(connector.asked(), [line]);
    test.app.clock.advance(301);
    assert_eq!(key(&test, &vendor).await.as_ref(), Ok(&first));
    assert_eq!(connector.asked().len(), 2);
    connector.reinstall();
    assert_eq!(key(&test, &vendor).await, Ok(first));
    test.app.clock.advance(301);
    let second = connector.key();
    assert_eq!(key(&test, &vendor).await.as_ref(), Ok(&second));
    let told = told(&test, &vendor, "connector.key_changed").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["former"], Value::Null);
    assert_eq!(told[0]["fingerprint"], told[1]["former"]);
    assert_eq!(told[1]["by"], "gatehouse");
    assert!(!told[1].to_string().contains(&second));
    let sql = "SELECT signature_key FROM connectors";
    let stored: String = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(stored, second);

    // Another address: what was held is of no use, although it is of this vendor.
    let moved = test.connector(&vendor).await;
    assert_eq!(key(&test, &vendor).await, Ok(moved.key()));
}

#[tokio::test]
async fn key_that_is_another_one_each_time_is_an_event_each_time() {
    let (test, vendor, connector) = start().await;
    for number in 1..=4 {
        connector.reinstall();
        test.app.clock.advance(301);
        assert_eq!(key(&test, &vendor).await, Ok(connector.key()));
        let told = told(&test, &vendor, "connector.key_changed").await;
        assert_eq!(told.len(), number);
    }
}

#[tokio::test]
async fn without_an_address_or_an_answer_there_is_no_key() {
    let (test, vendor, connector) = start().await;
    let other = test.vendor("acme-two").await;
    assert!(key(&test, &other).await.unwrap_err().contains("not named"));
    let (inside, sentry) = counting().await;
    let location = format!("location: http://{inside}/\r\n");
    let good = connector.key();
    let said = |text: &str| json!({ "signatureKey": text }).to_string().into_bytes();
    // 40 MB of zeros, in 64 KB.
    let bomb = BASE64_STANDARD.decode(ZEROS).unwrap().repeat(400);
    assert!((50_000..65_536).contains(&bomb.len()));
    let packed = "content-encoding: gzip\r\ncontent-type: application/json\r\n";
    let page = "<!doctype html><html><body>canary</body></html>";
    let large = format!(
        "{{\"signatureKey\":\"{good}\",\"more\":\"{}\"}}",
        "x".repeat(65_536)
    );
    let cases: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("301 Moved", &location, Vec::new(), "redirect"),
        ("302 Found", &location, said(&good), "redirect"),
        ("307 Temporary", &location, Vec::new(), "redirect"),
        (
            "308 Permanent",
            "location: file:///etc/passwd\r\n",
            Vec::new(),
            "redirect",
        ),
        ("404 Not Found", "", said(&good), "error"),
        ("410 Gone", "", Vec::new(), "error"),
        (
            "429 Slow",
            "retry-after: 315360000\r\n",
            Vec::new(),
            "error",
        ),
        ("501 Not Implemented", "", b"null".to_vec(), "error"),
        ("503 Away", "retry-after: -1\r\n", Vec::new(), "error"),
        ("200 OK", "", Vec::new(), "no signature key"),
        ("200 OK", "", page.as_bytes().to_vec(), "no signature key"),
        ("200 OK", "", b"[]".to_vec(), "no signature key"),
        (
            "200 OK",
            "",
            b"{\"signatureKey\":null}".to_vec(),
            "no signature key",
        ),
        (
            "200 OK",
            "",
            b"{\"signature_key\":\"00\"}".to_vec(),
            "no signature key",
        ),
        ("200 OK", "", said(&good[..62]), "no signature key"),
        ("200 OK", "", said(&format!("{good}00")), "no signature key"),
        ("200 OK", "", said(&"00".repeat(32)), "no signature key"),
        (
            "200 OK",
            "",
            said(&format!("01{}", "00".repeat(31))),
            "no signature key",
        ),
        ("200 OK", "", large.into_bytes(), "no signature key"),
        ("200 OK", packed, bomb, "no signature key"),
    ];
    for (status, headers, body, expected) in cases {
        connector.answer(status, headers, &body);
        test.app.clock.advance(6);
        let why = key(&test, &vendor).await.unwrap_err();
        assert!(why.contains(expected), "{status}: {why}");
    }
    for odd in [
        "",
        "\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    ] {
        connector.say(odd.as_bytes());
        test.app.clock.advance(6);
        let why = key(&test, &vendor).await.unwrap_err();
        assert!(why.contains("cannot be reached"), "{odd}: {why}");
    }
    assert_eq!(sentry.get(), 0);
    let marked = format!("\u{feff}{{\"signatureKey\":\"{good}\",\"more\":[]}}");
    connector.answer("200 OK", "", marked.as_bytes());
    test.app.clock.advance(6);
    assert_eq!(key(&test, &vendor).await, Ok(good));
    let nothing = format!("http://127.0.0.1:{}/", closed_port().await);
    assert_eq!(test.connect(&vendor, &nothing).await, 200);
    let why = key(&test, &vendor).await.unwrap_err();
    assert!(why.contains("cannot be reached"), "{why}");
}

#[tokio::test]
async fn answers_without_end_and_slow_ones_are_cut() {
    let (test, vendor, connector) = start().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let chunk = vec![b'x'; 65_536];
    connector.endless(
        &format!("{head}content-length: 1073741824\r\n\r\n"),
        &chunk,
        Duration::ZERO,
    );
    assert!(key(&test, &vendor).await.is_err());
    let chunked = [b"10000\r\n", chunk.as_slice(), b"\r\n"].concat();
    connector.endless(
        &format!("{head}transfer-encoding: chunked\r\n\r\n"),
        &chunked,
        Duration::ZERO,
    );
    test.app.clock.advance(6);
    assert!(key(&test, &vendor).await.is_err());
    // What lies in the buffers of the connection is written too.
    assert!(
        connector.written() < 16 * 1024 * 1024,
        "{}",
        connector.written()
    );
    let began = Instant::now();
    let heads = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    for (start, more, pause) in [
        (head.to_owned(), b"x-more: y\r\n".to_vec(), Duration::ZERO),
        (String::new(), heads.into_bytes(), Duration::from_millis(10)),
        (
            format!("{head}content-length: 100\r\n\r\n"),
            b" ".to_vec(),
            Duration::from_millis(500),
        ),
        (String::new(), Vec::new(), Duration::from_mins(1)),
    ] {
        connector.endless(&start, &more, pause);
        test.app.clock.advance(6);
        assert!(key(&test, &vendor).await.is_err(), "{start}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn dead_connector_costs_one_try_and_holds_up_nobody_else() {
    let (test, vendor, connector) = start().await;
    let other = test.vendor("acme-two").await;
    let alive = test.connector(&other).await;
    connector.endless("", b"", Duration::from_mins(1));
    let began = Instant::now();
    let asking = futures_util::future::join_all((0..30).map(|_| key(&test, &vendor)));
    let others = async {
        assert_eq!(key(&test, &other).await, Ok(alive.key()));
        began.elapsed()
    };
    let (answers, took) = tokio::join!(asking, others);
    assert!(took < Duration::from_secs(3), "{took:?}");
    for why in answers {
        assert!(why.unwrap_err().contains("in time"));
    }
    assert_eq!(connector.asked().len(), 1);
    assert!(began.elapsed() < Duration::from_secs(8));
    connector.mend();
    assert!(key(&test, &vendor).await.is_err());
    // Who saves the plugin's settings again is not made to wait.
    assert_eq!(test.connect(&vendor, &connector.endpoint).await, 200);
    assert_eq!(key(&test, &vendor).await, Ok(connector.key()));
    assert_eq!(connector.asked().len(), 2);

    test.app.clock.advance(301);
    let asking = futures_util::future::join_all((0..30).map(|_| key(&test, &vendor)));
    let right = connector.key();
    assert!(asking.await.iter().all(|one| one.as_ref() == Ok(&right)));
    assert_eq!(connector.asked().len(), 3);
}
