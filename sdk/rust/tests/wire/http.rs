//! How calls behave on the wire, against a small real server.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::server::{Reply, Server, json, with_headers};
use gatehouse_client::{
    Credential, CredentialUpdate, Error, Ftp, Gatehouse, Login, Settings, SiteRegistration,
    TokenRequest, Vault,
};

const FTP: &str = r#"{"data":{"id":1,"key":"a","type":"ftp","version":3,
    "value":{"type":"ftp","hostname":"h","port":21,"secure":false,"username":null,"password":"s3cret"},
    "inserted_at":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z","rotateBy":null,"lastUsedAt":null}}"#;
const SESSION: &str = r#"{"access_token":"gho_one","expires_at":"2100-01-01T00:00:00Z"}"#;

fn settings() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(2),
        attempt_timeout: Duration::from_millis(600),
        total_timeout: Duration::from_secs(5),
        first_pause: Duration::from_millis(20),
        ..Settings::default()
    }
}

fn vendor(server: &Server) -> Gatehouse {
    Gatehouse::new(&server.url, Login::key("sk_s3cret"), settings()).unwrap()
}

fn worker(server: &Server) -> Gatehouse {
    let login = Login::worker("w@demo.test", "s3cret");
    Gatehouse::new(&server.url, login, settings()).unwrap()
}

#[test]
fn credential_is_read_with_the_key() {
    let server = Server::start([json(200, FTP), json(200, FTP)]);
    let client = vendor(&server);
    let Credential::Ftp(ftp) = client.read_credential("a.b-c").unwrap() else {
        panic!("no ftp");
    };
    assert_eq!(ftp.password.unwrap().expose(), "s3cret");
    let record = client.credential_record("a").unwrap();
    assert_eq!((record.info.version, record.info.id), (3, 1));
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /api/credentials/a.b-c");
    assert_eq!(seen[0].header("authorization"), Some("Bearer sk_s3cret"));
}

#[test]
fn unavailable_is_tried_again_and_waits_as_asked() {
    let busy = with_headers(
        503,
        "Retry-After: 1\r\n",
        r#"{"code":"sealed","detail":"x"}"#,
    );
    let server = Server::start([busy, Reply::HangUp, json(429, "{}"), json(200, FTP)]);
    vendor(&server).read_credential("a").unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[test]
fn attempts_are_limited() {
    let server = Server::start((0..9).map(|_| json(503, r#"{"code":"sealed","detail":"x"}"#)));
    let error = vendor(&server).read_credential("a").unwrap_err();
    assert_eq!((error.code(), error.status()), ("sealed", Some(503)));
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn pause_beyond_the_total_time_is_not_waited_for() {
    let busy = with_headers(
        429,
        "Retry-After: 60\r\n",
        r#"{"code":"rate_limited","detail":"x"}"#,
    );
    let server = Server::start([busy]);
    let began = Instant::now();
    let error = vendor(&server).read_credential("a").unwrap_err();
    let asked = error.refusal().unwrap().retry_after;
    assert_eq!(asked, Some(Duration::from_mins(1)));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn other_refusals_are_not_tried_again() {
    for status in [400, 403, 404, 409, 412, 422, 500, 502] {
        let server = Server::start([json(status, "{}")]);
        let error = vendor(&server).read_credential("a").unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[test]
fn calls_that_must_not_be_doubled_are_sent_once() {
    let server = Server::start([json(503, "{}"), Reply::HangUp, json(503, "{}")]);
    let client = vendor(&server);
    let ftp = Credential::Ftp(Ftp::new("h"));
    assert_eq!(
        client
            .create_credential("a", &ftp, None)
            .unwrap_err()
            .status(),
        Some(503)
    );
    let update = CredentialUpdate {
        if_version: Some(3),
        ..CredentialUpdate::default()
    };
    let error = client.update_credential("a", &ftp, update).unwrap_err();
    assert_eq!(error.code(), "transport");
    assert!(client.delete_credential("a").is_err());
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(
        seen[0].body,
        r#"{"key":"a","value":{"type":"ftp","hostname":"h","port":21,"secure":false,"username":null,"password":null}}"#
    );
    assert_eq!(seen[1].header("if-match"), Some("\"3\""));
    // Without a date, which the service takes for none.
    assert!(!seen[1].body.contains("rotateBy"), "{}", seen[1].body);
}

#[test]
fn registration_and_token_requests_are_repeated() {
    let server = Server::start([
        Reply::HangUp,
        json(
            201,
            r#"{"success":true,"siteId":"0123456789abcdef","expiresAt":null}"#,
        ),
        json(503, "{}"),
        json(200, r#"{"access_token":1}"#),
    ]);
    let client = vendor(&server);
    let site = client
        .register_site(&SiteRegistration::new("0123456789abcdef"))
        .unwrap();
    assert_eq!(site.site_id, "0123456789abcdef");
    let error = client
        .credential_token(&TokenRequest::default())
        .unwrap_err();
    assert_eq!(error.code(), "malformed");
    assert_eq!(server.seen()[0].body, r#"{"secretId":"0123456789abcdef"}"#);
    assert_eq!(server.seen()[3].body, "{}");
}

#[test]
fn worker_is_logged_in_once_for_many_calls() {
    let server = Server::start([json(200, SESSION), json(200, FTP), json(200, FTP)]);
    let client = worker(&server);
    client.read_credential("a").unwrap();
    client.clone().read_credential("b").unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /api/sessions");
    assert_eq!(
        seen[0].body,
        r#"{"session":{"email":"w@demo.test","password":"s3cret"}}"#
    );
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(seen[2].line, "GET /api/credentials/b");
    assert_eq!(seen[2].header("authorization"), Some("Bearer gho_one"));
}

#[test]
fn worker_is_logged_in_again_once_on_401() {
    let server = Server::start([
        json(200, SESSION),
        json(401, r#"{"code":"credentials_invalid","detail":"x"}"#),
        json(200, r#"{"access_token":"gho_two"}"#),
        json(200, FTP),
    ]);
    worker(&server).read_credential("a").unwrap();
    assert_eq!(
        server.seen()[3].header("authorization"),
        Some("Bearer gho_two")
    );

    let server = Server::start([
        json(200, SESSION),
        json(401, "{}"),
        json(200, SESSION),
        json(401, r#"{"code":"credentials_invalid","detail":"x"}"#),
    ]);
    let error = worker(&server).read_credential("a").unwrap_err();
    assert_eq!(error.code(), "credentials_invalid");
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn wrong_password_and_wrong_key_are_said_at_once() {
    let wrong = || {
        json(
            401,
            r#"{"code":"credentials_invalid","detail":"x","request_id":"r"}"#,
        )
    };
    let server = Server::start([wrong(), wrong()]);
    for client in [worker(&server), vendor(&server)] {
        let error = client.read_credential("a").unwrap_err();
        assert_eq!(error.code(), "credentials_invalid");
        assert!(!format!("{error} {error:?} {client:?}").contains("s3cret"));
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn redirect_is_not_followed() {
    let other = Server::start([json(200, FTP)]);
    let location = format!("Location: {}/api/credentials/a\r\n", other.url);
    for status in [301, 302, 307, 308] {
        let server = Server::start([with_headers(status, &location, "")]);
        let error = vendor(&server).read_credential("a").unwrap_err();
        assert_eq!(error.code(), "redirected");
    }
    assert!(other.seen().is_empty());
}

#[test]
fn silence_has_an_end() {
    let server = Server::start((0..4).map(|_| Reply::Silence(Duration::from_secs(20))));
    let began = Instant::now();
    let error = vendor(&server).read_credential("a").unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(server.seen().len(), 4);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn limits_may_be_as_long_as_they_like() {
    let server = Server::start([json(200, FTP)]);
    let endless = Settings {
        connect_timeout: Duration::MAX,
        attempt_timeout: Duration::MAX,
        total_timeout: Duration::MAX,
        first_pause: Duration::MAX,
        ..settings()
    };
    let client = Gatehouse::new(&server.url, Login::key("sk_x"), endless.clone()).unwrap();
    client.read_credential("a").unwrap();
    let hostname = format!("{}/v1/demo-credentials", server.url);
    let vault = Vault::with_token(&hostname, "x", endless).unwrap();
    server.wait_for(2);
    vault.read_credential("a").unwrap_err();
}

#[test]
fn all_attempts_share_the_total_time() {
    let server = Server::start((0..99).map(|_| Reply::Silence(Duration::from_secs(20))));
    let short = Settings {
        total_timeout: Duration::from_secs(1),
        attempts: 99,
        ..settings()
    };
    let client = Gatehouse::new(&server.url, Login::key("sk_x"), short).unwrap();
    let began = Instant::now();
    assert_eq!(client.read_credential("a").unwrap_err().code(), "timeout");
    assert!(began.elapsed() < Duration::from_millis(1900));
}

#[test]
fn no_server_is_a_transport_error() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let client = Gatehouse::new(&url, Login::key("sk_x"), settings()).unwrap();
    let error = client.read_credential("a").unwrap_err();
    assert_eq!(error.code(), "transport");
    assert!(error.to_string().contains(&port.to_string()));
}

#[test]
fn traps_in_names_are_never_sent() {
    let server = Server::start([]);
    let client = vendor(&server);
    for key in ["../sessions", "a/b", "", "..", "a%2fb", "a\t.."] {
        assert_eq!(
            client.read_credential(key).unwrap_err().code(),
            "invalid_argument"
        );
        assert_eq!(
            client.delete_credential(key).unwrap_err().code(),
            "invalid_argument"
        );
    }
    assert_eq!(
        client.remove_site("short").unwrap_err().code(),
        "invalid_argument"
    );
    assert!(server.seen().is_empty());
}

#[test]
fn long_and_odd_answers_are_malformed() {
    let long = format!("\"{}\"", "x".repeat(2 * 1024 * 1024));
    let server = Server::start([
        json(200, &long),
        json(200, "s3cret"),
        json(200, r#"{"data":{}}"#),
    ]);
    let client = vendor(&server);
    for _ in 0..3 {
        let error = client.read_credential("a").unwrap_err();
        assert_eq!(error.code(), "malformed");
        assert!(!error.to_string().contains("s3cret"));
    }
}

#[test]
fn keys_that_no_header_may_hold_are_refused() {
    let server = Server::start([]);
    let login = Login::key("sk_s3cret\r\nX-Evil: 1");
    let client = Gatehouse::new(&server.url, login, settings()).unwrap();
    let error = client.read_credential("a").unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[test]
fn lists_go_by_cursor() {
    let page = r#"{"items":[{"id":1,"key":"a","type":"s3","version":1,"inserted_at":"2026-01-01T00:00:00Z",
        "updatedAt":"2026-01-01T00:00:00Z","rotateBy":null,"lastUsedAt":null}],"nextCursor":"a+/="}"#;
    let server = Server::start([
        json(200, page),
        json(200, r#"{"items":[],"nextCursor":null}"#),
    ]);
    let client = vendor(&server);
    let first = client.list_credentials(1, None).unwrap();
    assert_eq!(first.items[0].type_name, "s3");
    let last = client
        .list_credentials(1, first.next_cursor.as_deref())
        .unwrap();
    assert!(last.next_cursor.is_none());
    assert_eq!(
        server.lines()[1],
        "GET /api/credentials?limit=1&cursor=a%2B%2F%3D"
    );
}
