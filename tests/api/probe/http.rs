//! `http`, against a small server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::credentials::probe::Step;
use serde_json::{Value, json};

use super::peers::{self, Certificate};
use super::{CANARY, egress, failure, passed, tried, tried_within};

/// Answers `/404` with 404, and keeps the heads of what it was asked.
async fn by_path() -> (String, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let address = peers::peer(move |mut stream| {
        let kept = Arc::clone(&kept);
        async move {
            let head = peers::head(&mut stream).await;
            let path = head.split(' ').nth(1).unwrap_or_default();
            let status = path.trim_matches('/').parse().unwrap_or(200);
            kept.lock().unwrap().push(head);
            let more = "location: /moved\r\n";
            peers::answer(&mut stream, status, more, CANARY).await;
        }
    })
    .await;
    (format!("http://127.0.0.1:{}", address.port()), heads)
}

fn http(endpoint: &str) -> Value {
    json!({ "type": "http", "endpoint": endpoint })
}

#[tokio::test]
async fn statuses_say_how_far_it_got() {
    let (url, heads) = by_path().await;
    let cases = [
        (200, None, "the service answers (200)"),
        (204, None, "the service answers (204)"),
        (
            302,
            None,
            "the service answers with a redirect, which a test does not follow (302)",
        ),
        (
            401,
            Some(Step::Login),
            "the service does not accept the credential (401)",
        ),
        (
            403,
            Some(Step::Permission),
            "the service does not allow this request (403)",
        ),
        (404, None, "the service answers (404)"),
        (
            407,
            Some(Step::Login),
            "a proxy before the service asks for credentials (407)",
        ),
        (500, None, "the service answers (500)"),
    ];
    for (status, step, text) in cases {
        let outcome = tried(&egress(None), http(&format!("{url}/{status}"))).await;
        assert_eq!(failure(&outcome), (step, text));
        assert!(passed(&outcome).contains(&Step::Protocol), "{outcome:?}");
    }
    assert_eq!(heads.lock().unwrap().len(), cases.len());
}

#[tokio::test]
async fn request_is_the_credentials_own_but_changes_nothing() {
    let (url, heads) = by_path().await;
    let headers = json!({ "X-Api-Key": CANARY, "Accept": "text/plain", "Content-Length": "7" });
    let cases = [
        ("GET", "GET", "the service answers (200)"),
        ("HEAD", "HEAD", "the service answers (200)"),
        ("OPTIONS", "OPTIONS", "the service answers (200)"),
        (
            "PUT",
            "OPTIONS",
            "the service answers (200 to OPTIONS, sent instead of PUT)",
        ),
        (
            "POST",
            "OPTIONS",
            "the service answers (200 to OPTIONS, sent instead of POST)",
        ),
    ];
    for (method, sent, text) in cases {
        let mut value = http(&format!("{url}/a/b?c=d#e"));
        value["method"] = json!(method);
        value["headers"] = json!(headers.to_string());
        value["body"] = json!(CANARY);
        let outcome = tried(&egress(None), value).await;
        assert_eq!(failure(&outcome), (None, text));
        let head = heads.lock().unwrap().pop().unwrap().to_lowercase();
        let mut lines = head.lines();
        let first = format!("{} /a/b?c=d http/1.1", sent.to_lowercase());
        assert_eq!(lines.next(), Some(first.as_str()));
        let mut lines: Vec<&str> = lines.collect();
        lines.sort_unstable();
        let host = format!("host: {}", url.trim_start_matches("http://"));
        let key = format!("x-api-key: {CANARY}");
        assert_eq!(
            lines,
            ["accept: text/plain", &host, "user-agent: gatehouse", &key]
        );
    }
}

#[tokio::test]
async fn over_tls() {
    let certificate = Certificate::of("localhost");
    let acceptor = certificate.acceptor();
    let address = peers::peer(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                peers::head(&mut stream).await;
                peers::answer(&mut stream, 200, "", CANARY).await;
            }
        }
    })
    .await;
    let trusting = egress(Some(&certificate.pem()));
    let port = address.port();
    let cases = [
        (
            &trusting,
            "https://localhost",
            None,
            "the service answers (200)",
        ),
        (
            &trusting,
            "https://127.0.0.1",
            Some(Step::Tls),
            "the certificate is for another host name",
        ),
        (
            &egress(None),
            "https://localhost",
            Some(Step::Tls),
            "the certificate is not signed by an authority this service trusts",
        ),
        (
            &trusting,
            "http://localhost",
            Some(Step::Protocol),
            "what answers at this port does not speak HTTP",
        ),
    ];
    for (egress, url, step, text) in cases {
        let outcome = tried(egress, http(&format!("{url}:{port}/"))).await;
        assert_eq!(failure(&outcome), (step, text), "{url}");
    }

    let url: url::Url = format!("https://localhost:{port}/").parse().unwrap();
    for (egress, trusted) in [(&trusting, true), (&egress(None), false)] {
        let client = egress.http_client(&url).await.unwrap();
        let answer = client.get(url.clone()).send().await;
        assert_eq!(answer.is_ok(), trusted, "{answer:?}");
    }
}

#[tokio::test]
async fn expired_certificate() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 2, 1);
    let cert = params.self_signed(&key).unwrap();
    let certificate = Certificate::new(cert, key);
    let acceptor = certificate.acceptor();
    let address = peers::peer(move |stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    })
    .await;
    let url = format!("https://localhost:{}/", address.port());
    let outcome = tried(&egress(Some(&certificate.pem())), http(&url)).await;
    let text = "the certificate has expired, or is not valid yet";
    assert_eq!(failure(&outcome), (Some(Step::Tls), text));
}

#[tokio::test]
async fn client_certificate_that_is_asked_for() {
    let certificate = Certificate::of("localhost");
    let acceptor = certificate.strict_acceptor();
    let address = peers::peer(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Err((_, mut stream)) = acceptor.accept(stream).into_fallible().await {
                peers::until_gone(&mut stream).await;
            }
        }
    })
    .await;
    let url = format!("https://localhost:{}/", address.port());
    let outcome = tried(&egress(Some(&certificate.pem())), http(&url)).await;
    let text = "the server refused the TLS handshake";
    assert_eq!(failure(&outcome), (Some(Step::Tls), text));
}

#[tokio::test]
async fn other_schemes_and_broken_headers_are_not_tried() {
    let (address, connections) = peers::counting().await;
    let port = address.port();
    let scheme = "only http and https endpoints can be tested";
    let header = "a header cannot be sent: its name or value breaks the rules of HTTP";
    let cases = [
        (format!("ftp://127.0.0.1:{port}/"), "{}", scheme),
        ("mailto:someone@example.org".to_owned(), "{}", scheme),
        ("file:///etc/passwd".to_owned(), "{}", scheme),
        (
            format!("http://127.0.0.1:{port}/"),
            r#"{ "a": "b\r\nc: canary" }"#,
            header,
        ),
    ];
    for (endpoint, headers, text) in cases {
        let mut value = http(&endpoint);
        value["headers"] = json!(headers);
        let outcome = tried(&egress(None), value).await;
        assert_eq!(
            failure(&outcome),
            (Some(Step::Protocol), text),
            "{endpoint}"
        );
    }
    assert_eq!(connections.get(), 0);
}

#[tokio::test]
async fn body_of_an_answer_is_not_waited_for() {
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\ncanary".to_vec();
    let address = peers::saying(text).await;
    let url = format!("http://127.0.0.1:{}/", address.port());
    let outcome = tried_within(Duration::from_secs(5), &egress(None), http(&url)).await;
    assert_eq!(failure(&outcome), (None, "the service answers (200)"));
}
