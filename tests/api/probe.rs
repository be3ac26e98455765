//! The connection test of credentials, against real peers: good ones, broken ones and hostile ones.

mod ftp;
mod http;
pub mod peers;
mod s3;

use std::time::Duration;

use gatehouse::credentials::models::{Credential, Fields};
use gatehouse::credentials::probe::{Outcome, Step, probe, probe_within};
use gatehouse::egress::{Egress, Settings, authorities};
use rustls::RootCertStore;
use serde_json::{Value, json};

use crate::support::logs;

/// Stands in every secret and in every text of a peer; never in an outcome or a log.
const CANARY: &str = "canary-3f2504e04f8911d39a0c0305";

/// A guard that lets this machine be reached.
fn egress(authority: Option<&str>) -> Egress {
    let authorities = authority.map_or_else(RootCertStore::empty, |pem| {
        authorities(pem.as_bytes()).unwrap()
    });
    let allow = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap());
    let allow = allow.to_vec();
    Egress::new(&Settings::new(allow, authorities)).unwrap()
}

/// A guard that does not.
fn closed_egress() -> Egress {
    Egress::new(&Settings::new(Vec::new(), RootCertStore::empty())).unwrap()
}

fn credential(value: Value) -> Credential {
    let fields: Fields = serde_json::from_value(value).unwrap();
    Credential::read(fields).unwrap_or_else(|error| panic!("{error}"))
}

/// Tests a credential within a limit, and looks whether anything secret got out.
async fn tried_within(limit: Duration, egress: &Egress, value: Value) -> Outcome {
    logs::capture();
    let log_start = logs::len();
    let credential = credential(value);
    let outcome = sendable(probe_within(limit, egress, &credential)).await;
    let outcome = outcome.expect("a type that can be tested");
    let shown = format!("{outcome:?}{}", serde_json::to_string(&outcome).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    let logged = logs::find_secret(log_start, &[CANARY.to_owned()]);
    assert_eq!(logged, None, "logged");
    outcome
}

/// A handler hands it to another thread.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}

async fn tried(egress: &Egress, value: Value) -> Outcome {
    tried_within(Duration::from_secs(10), egress, value).await
}

/// What failed, and what of it is said.
fn failure(outcome: &Outcome) -> (Option<Step>, &str) {
    assert_eq!(outcome.ok, outcome.failed.is_none(), "{outcome:?}");
    (outcome.failed, &outcome.detail)
}

fn passed(outcome: &Outcome) -> Vec<Step> {
    outcome.steps.iter().map(|passed| passed.step).collect()
}

/// One credential of each type that can be tested, for a host and port.
fn of_each_type(host: &str, port: u16) -> [Value; 4] {
    [
        json!({ "type": "ftp", "hostname": host, "port": port, "username": "u", "password": CANARY }),
        json!({ "type": "ftp", "hostname": host, "port": port, "secure": true }),
        json!({ "type": "s3", "hostname": format!("{host}:{port}"), "access_key_id": CANARY, "secret_access_key": CANARY }),
        json!({ "type": "http", "endpoint": format!("http://user:{CANARY}@{host}:{port}/{CANARY}"), "method": "PUT" }),
    ]
}

#[tokio::test]
async fn generic_credentials_cannot_be_tested() {
    let value = json!({ "type": "generic", "endpoint": "http://127.0.0.1" });
    assert!(probe(&egress(None), &credential(value)).await.is_none());
}

#[tokio::test]
async fn unknown_name_fails_at_the_name() {
    for value in of_each_type("nothing.invalid", 2121) {
        let outcome = tried(&egress(None), value).await;
        assert_eq!(outcome.failed, Some(Step::Name));
        assert!(outcome.steps.is_empty(), "{outcome:?}");
    }
}

#[tokio::test]
async fn refused_address_is_not_connected_to() {
    let (address, connections) = peers::counting().await;
    let hosts = ["127.0.0.1", "localhost", "127.1"];
    for host in hosts {
        for value in of_each_type(host, address.port()) {
            let outcome = tried(&closed_egress(), value).await;
            assert_eq!(outcome.failed, Some(Step::AddressRefused), "{host}");
            assert!(outcome.steps.is_empty(), "{outcome:?}");
        }
    }
    assert_eq!(connections.get(), 0);
}

#[tokio::test]
async fn metadata_of_clouds_is_refused_even_where_loopback_is_allowed() {
    let hosts = [
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "0.0.0.0",
    ];
    for host in hosts {
        for value in of_each_type(host, 80) {
            let outcome = tried(&egress(None), value).await;
            assert_eq!(outcome.failed, Some(Step::AddressRefused), "{host}");
        }
    }
}

#[tokio::test]
async fn closed_port_fails_at_the_port() {
    let port = peers::closed_port().await;
    for value in of_each_type("127.0.0.1", port) {
        let outcome = tried(&egress(None), value).await;
        let text = "the connection was refused: nothing listens at this port";
        assert_eq!(failure(&outcome), (Some(Step::Port), text));
        assert_eq!(passed(&outcome), [Step::Name]);
    }
}

#[tokio::test]
async fn port_that_does_not_answer_is_given_three_seconds() {
    let full = peers::Full::start().await;
    let [ftp, ..] = of_each_type("127.0.0.1", full.port);
    let outcome = tried(&egress(None), ftp).await;
    let expected = (Some(Step::Port), "the connection was not made in time");
    assert_eq!(failure(&outcome), expected);
    assert!((2900..6000).contains(&outcome.duration_ms), "{outcome:?}");
}

#[tokio::test]
async fn silent_peer_is_left_when_the_time_is_over() {
    let (address, _connections) = peers::counting().await;
    let [plain, secure, s3, http] = of_each_type("127.0.0.1", address.port());
    let silent = "the server did not answer in time";
    let cases = [
        (plain, Step::Protocol, silent),
        (secure, Step::Protocol, silent),
        (
            s3,
            Step::Tls,
            "the server did not finish the TLS handshake in time",
        ),
        (http, Step::Protocol, silent),
    ];
    for (value, step, text) in cases {
        let limit = Duration::from_millis(300);
        let outcome = tried_within(limit, &egress(None), value).await;
        assert_eq!(failure(&outcome), (Some(step), text));
        assert!((290..3000).contains(&outcome.duration_ms), "{outcome:?}");
    }
}

#[tokio::test]
async fn garbage_is_not_the_protocol() {
    let address = peers::saying(format!("{CANARY} \0\r\n{CANARY}\r\n\r\n").into_bytes()).await;
    let [plain, secure, s3, http] = of_each_type("127.0.0.1", address.port());
    let cases = [
        (
            plain,
            Step::Protocol,
            "what answers at this port does not speak FTP",
        ),
        (
            secure,
            Step::Protocol,
            "what answers at this port does not speak FTP",
        ),
        (
            s3,
            Step::Tls,
            "what answers at this port does not speak TLS",
        ),
        (
            http,
            Step::Protocol,
            "what answers at this port does not speak HTTP",
        ),
    ];
    for (value, step, text) in cases {
        let outcome = tried(&egress(None), value).await;
        assert_eq!(failure(&outcome), (Some(step), text));
    }
}

#[tokio::test]
async fn endless_answers_are_cut() {
    let starts = [
        "220-",
        "HTTP/1.1 200 OK\r\nx: ",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ];
    for start in starts {
        let address = peers::endless(start).await;
        for value in of_each_type("127.0.0.1", address.port()) {
            let limit = Duration::from_millis(700);
            let outcome = tried_within(limit, &egress(None), value).await;
            let step = outcome.failed;
            assert!(
                matches!(step, Some(Step::Protocol | Step::Tls)),
                "{outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn outcome_is_ready_for_an_answer() {
    let value = json!({ "type": "http", "endpoint": "http://169.254.169.254/latest" });
    let outcome = tried(&egress(None), value).await;
    let mut written = serde_json::to_value(&outcome).unwrap();
    written["durationMs"] = json!(0);
    let expected = json!({
        "ok": false,
        "failed": "address_refused",
        "detail": "the host has an address that this service may not connect to",
        "durationMs": 0,
        "steps": []
    });
    assert_eq!(written, expected);
}
