//! `ftp`, against pyftpdlib and servers that go astray.

use gatehouse::credentials::probe::{Outcome, Step};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::peers::{self, Certificate, FtpServer};
use super::{CANARY, egress, failure, passed, tried};

fn ftp(port: u16, user: &Value, password: &Value) -> Value {
    json!({ "type": "ftp", "hostname": "localhost", "port": port, "username": user, "password": password })
}

fn secure(mut value: Value) -> Value {
    value["secure"] = json!(true);
    value
}

#[tokio::test]
async fn right_password_is_let_in() {
    let server = FtpServer::start(None).await;
    let users = [
        (json!("reader"), json!(CANARY)),
        (json!(null), json!(null)),
        (json!("anonymous"), json!(null)),
    ];
    for (user, password) in users {
        let outcome = tried(&egress(None), ftp(server.port, &user, &password)).await;
        let said = "logged in, and the start folder can be entered";
        assert_eq!(failure(&outcome), (None, said), "{user}");
        assert_eq!(
            passed(&outcome),
            [
                Step::Name,
                Step::Port,
                Step::Protocol,
                Step::Login,
                Step::Permission
            ]
        );
    }
}

#[tokio::test]
async fn wrong_passwords_users_and_rights_are_told_apart() {
    let server = FtpServer::start(None).await;
    let refused = "the server refused the user name and password (530)";
    let line = "the user name or the password holds a line break, which FTP cannot carry";
    let cases = [
        ("reader", "canary", Step::Login, refused),
        ("canary", CANARY, Step::Login, refused),
        ("reader\r\nDELE x", CANARY, Step::Login, line),
        (
            "nobody",
            CANARY,
            Step::Permission,
            "the start folder may not be entered (550)",
        ),
    ];
    for (user, password, step, text) in cases {
        let value = ftp(server.port, &json!(user), &json!(password));
        let outcome = tried(&egress(None), value).await;
        assert_eq!(failure(&outcome), (Some(step), text), "{user}");
    }
    let outcome = tried(
        &egress(None),
        secure(ftp(server.port, &json!("reader"), &json!(CANARY))),
    )
    .await;
    assert_eq!(
        failure(&outcome),
        (Some(Step::Tls), "the server offers no TLS (500)")
    );
}

#[tokio::test]
async fn over_tls_with_a_certificate_that_holds() {
    let certificate = Certificate::of("localhost");
    let server = FtpServer::start(Some(&certificate)).await;
    let trusting = egress(Some(&certificate.pem()));
    let value = secure(ftp(server.port, &json!("reader"), &json!(CANARY)));
    let outcome = tried(&trusting, value.clone()).await;
    let said = "logged in over TLS, and the start folder can be entered";
    assert_eq!(failure(&outcome), (None, said));
    assert_eq!(
        passed(&outcome),
        [
            Step::Name,
            Step::Port,
            Step::Protocol,
            Step::Tls,
            Step::Login,
            Step::Permission
        ]
    );

    let untrusted = tried(&egress(None), value.clone()).await;
    let text = "the certificate is not signed by an authority this service trusts";
    assert_eq!(failure(&untrusted), (Some(Step::Tls), text));

    let mut elsewhere = value;
    elsewhere["hostname"] = json!("127.0.0.1");
    let other_name = tried(&trusting, elsewhere).await;
    let text = "the certificate is for another host name";
    assert_eq!(failure(&other_name), (Some(Step::Tls), text));

    let in_the_clear = ftp(server.port, &json!("reader"), &json!(CANARY));
    let demands_tls = tried(&trusting, in_the_clear).await;
    let text =
        "the server refused the user name without asking for the password; it may demand TLS (550)";
    assert_eq!(failure(&demands_tls), (Some(Step::Login), text));
}

/// What a server that answers from a list makes of a test.
async fn scripted(secure_asked: bool, replies: &'static [&'static str]) -> Outcome {
    let address = peers::peer(move |mut stream| async move {
        for reply in replies {
            stream.write_all(reply.as_bytes()).await.ok();
            if !matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {
                return;
            }
        }
    })
    .await;
    let mut value = ftp(address.port(), &json!("reader"), &json!(CANARY));
    value["secure"] = json!(secure_asked);
    tried(&egress(None), value).await
}

#[tokio::test]
async fn servers_that_go_astray() {
    let ended = "the server ended the connection";
    let not_ftp = "what answers at this port does not speak FTP";
    let early = "something was sent in the clear after the start of TLS";
    let cases: [(bool, &[&str], Step, &str); 12] = [
        (false, &[], Step::Protocol, ended),
        (
            false,
            &["421 canary\r\n"],
            Step::Protocol,
            "the server takes no connections from here (421)",
        ),
        (false, &["230 canary\r\n"], Step::Protocol, not_ftp),
        (false, &["120 soon\r\n220 now\r\n"], Step::Login, ended),
        (
            false,
            &["220 x\r\n", "331 x\r\n", "421 x\r\n"],
            Step::Login,
            "the server refused the user name and password (421)",
        ),
        (
            false,
            &["220 x\r\n", "331 x\r\n", "332 x\r\n"],
            Step::Login,
            "the server asks for an account (332)",
        ),
        (
            false,
            &["220 x\r\n", "331 x\r\n", "canary\r\n"],
            Step::Protocol,
            not_ftp,
        ),
        (
            false,
            &["220 x\r\n", "230 x\r\n", "550 x\r\n"],
            Step::Permission,
            "the server names no start folder (550)",
        ),
        (
            false,
            &["220 x\r\n", "230 x\r\n", "257 x\r\n"],
            Step::Protocol,
            not_ftp,
        ),
        (
            true,
            &["220 x\r\n", "234 x\r\n230 in\r\n"],
            Step::Tls,
            early,
        ),
        (
            true,
            &["220 x\r\n", "234 x\r\n", "HTTP/1.1 200 OK\r\n"],
            Step::Tls,
            "what answers at this port does not speak TLS",
        ),
        (
            true,
            &["220 x\r\n", "234 x\r\n"],
            Step::Tls,
            "the connection ended during the TLS handshake",
        ),
    ];
    for (secure_asked, replies, step, text) in cases {
        let replies: &'static [&'static str] = replies.to_vec().leak();
        let outcome = scripted(secure_asked, replies).await;
        assert_eq!(failure(&outcome), (Some(step), text), "{replies:?}");
    }
}
