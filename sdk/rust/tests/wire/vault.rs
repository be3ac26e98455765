//! How a token is kept, against a small real server in the place of OpenBao and of Gatehouse.

use std::time::{Duration, Instant};

use crate::server::{Reply, Server, json};
use gatehouse_client::{Error, Gatehouse, Login, Settings, TokenRequest, Vault};

const SECRET: &str = r#"{"data":{"data":{"type":"generic","a":"b"},"metadata":{"version":1}}}"#;
const DENIED: &str = r#"{"errors":["permission denied"]}"#;

fn settings() -> Settings {
    Settings {
        attempt_timeout: Duration::from_secs(2),
        total_timeout: Duration::from_secs(5),
        first_pause: Duration::from_millis(20),
        ..Settings::default()
    }
}

fn life(ttl: u64) -> Reply {
    let body = format!(r#"{{"data":{{"ttl":{ttl},"creation_ttl":{ttl},"renewable":true}}}}"#);
    json(200, &body)
}

fn renewed(ttl: u64) -> Reply {
    json(
        200,
        &format!(r#"{{"auth":{{"client_token":"x","lease_duration":{ttl}}}}}"#),
    )
}

/// A server that is both: the token's `vaultHostname` leads back to it.
fn issued(server: &Server, token: &str, ttl: u64) -> Reply {
    let url = &server.url;
    json(
        200,
        &format!(
            r#"{{"token":"{token}","accessor":"acc","policies":[],"ttl":{ttl},"expiresAt":"2026-01-01T00:00:00Z",
            "renewable":true,"vaultUrl":"{url}","vaultHostname":"{url}/v1/demo-credentials",
            "store":"demo-credentials/secret","path":"demo-credentials/secret/data","issuanceId":"i"}}"#
        ),
    )
}

fn with_token(server: &Server) -> Vault {
    let hostname = format!("{}/v1/team/demo-credentials", server.url);
    Vault::with_token(&hostname, "hvs.s3cret", settings()).unwrap()
}

fn through(server: &Server, ttl: u64) -> Vault {
    server.push(issued(server, "hvs.one", ttl));
    let gatehouse = Gatehouse::new(&server.url, Login::key("sk_x"), settings()).unwrap();
    Vault::through(&gatehouse, TokenRequest::default()).unwrap()
}

#[test]
fn token_of_unknown_life_is_looked_up_and_renewed_in_its_namespace() {
    let server = Server::start([life(1), renewed(3600)]);
    let vault = with_token(&server);
    server.wait_for(2);
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /v1/team/auth/token/lookup-self");
    assert_eq!(seen[0].header("x-vault-token"), Some("hvs.s3cret"));
    assert_eq!(seen[1].line, "POST /v1/team/auth/token/renew-self");
    assert_eq!(seen[1].body, r#"{"increment":"1s"}"#);
    let waited = seen[1].at - seen[0].at;
    assert!(
        waited >= Duration::from_millis(550) && waited < Duration::from_secs(1),
        "{waited:?}"
    );
    server.push(json(200, SECRET));
    vault.read_credential("key").unwrap();
    assert_eq!(
        server.lines()[2],
        "GET /v1/team/demo-credentials/secret/data/key"
    );
    let state = vault.token_state();
    assert!(state.remaining.unwrap() > Duration::from_secs(3590));
    assert_eq!((state.renewed, state.replaced, state.trouble), (1, 0, None));
}

#[test]
fn renewal_that_extends_nothing_leaves_the_token_alone() {
    let server = Server::start([life(1), renewed(0)]);
    let vault = with_token(&server);
    server.wait_for(2);
    std::thread::sleep(Duration::from_millis(400));
    let state = vault.token_state();
    assert!(state.trouble.unwrap().contains("no longer extends"));
    for reply in [json(403, DENIED), json(403, DENIED)] {
        server.push(reply);
    }
    let error = vault.read_credential("key").unwrap_err();
    assert!(matches!(error, Error::Expired(_)), "{error:?}");
    assert!(error.to_string().contains("no longer extends"));
    assert!(!format!("{error:?} {vault:?}").contains("s3cret"));
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn denied_key_is_no_lost_token() {
    let server = Server::start([]);
    let vault = through(&server, 3600);
    server.push(json(403, DENIED));
    server.push(life(3600));
    let error = vault.read_credential("other").unwrap_err();
    assert_eq!(error.code(), "permission_denied");
    assert_eq!(vault.token_state().replaced, 0);
}

#[test]
fn lost_token_is_replaced_through_gatehouse() {
    let server = Server::start([]);
    let vault = through(&server, 3600);
    server.push(json(403, DENIED));
    server.push(json(403, DENIED));
    server.push(issued(&server, "hvs.two", 3600));
    server.push(json(200, SECRET));
    vault.read_credential("key").unwrap();
    let seen = server.seen();
    assert_eq!(seen[3].line, "POST /api/credentials/token");
    assert_eq!(seen[4].header("x-vault-token"), Some("hvs.two"));
    assert_eq!(vault.token_state().replaced, 1);
}

#[test]
fn token_at_the_end_of_its_life_is_replaced_in_the_background() {
    let server = Server::start([]);
    let vault = through(&server, 1);
    server.push(renewed(0));
    server.push(issued(&server, "hvs.two", 3600));
    server.wait_for(3);
    std::thread::sleep(Duration::from_millis(100));
    let state = vault.token_state();
    assert_eq!((state.replaced, state.trouble), (1, None));
    server.push(json(200, SECRET));
    vault.read_credential("key").unwrap();
    assert_eq!(server.seen()[3].header("x-vault-token"), Some("hvs.two"));
}

#[test]
fn failed_renewal_is_tried_again() {
    let server = Server::start([]);
    let vault = through(&server, 1);
    server.push(json(503, r#"{"errors":["Vault is sealed"]}"#));
    server.push(renewed(3600));
    server.wait_for(3);
    std::thread::sleep(Duration::from_millis(100));
    let state = vault.token_state();
    assert_eq!((state.renewed, state.replaced, state.trouble), (1, 0, None));
}

#[test]
fn close_gives_back_what_came_through_gatehouse_only() {
    let server = Server::start([]);
    let vault = through(&server, 3600);
    server.push(json(204, ""));
    vault.close().unwrap();
    assert_eq!(server.lines()[1], "POST /v1/auth/token/revoke-self");

    let server = Server::start([life(3600)]);
    let vault = with_token(&server);
    server.wait_for(1);
    vault.close().unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn dropping_stops_the_thread_at_once() {
    let server = Server::start([life(3600)]);
    let vault = with_token(&server);
    server.wait_for(1);
    let began = Instant::now();
    drop(vault);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn stopped_thread_fetches_no_other_token() {
    let server = Server::start([]);
    let vault = through(&server, 1);
    let late = Duration::from_millis(500);
    server.push(Reply::Late(late, Box::new(json(403, DENIED))));
    server.wait_for(2);
    let began = Instant::now();
    drop(vault);
    assert!(began.elapsed() < late + Duration::from_millis(500));
    assert_eq!(server.lines()[1], "POST /v1/auth/token/renew-self");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn vault_that_is_let_go_waits_for_nothing() {
    let server = Server::start([]);
    let vault = through(&server, 1);
    let late = Duration::from_millis(500);
    server.push(Reply::Late(late, Box::new(json(403, DENIED))));
    server.wait_for(2);
    let began = Instant::now();
    vault.let_go();
    assert!(began.elapsed() < late / 2);
    std::thread::sleep(late * 2);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn wrapped_token_and_short_address_are_refused() {
    let error = Vault::with_token("http://127.0.0.1:8200/v1", "x", settings()).unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    let error = Vault::with_token("http://vault.example/v1/a", "x", settings()).unwrap_err();
    assert!(error.to_string().contains("https://"));
}

#[test]
fn deleted_secret_is_not_found() {
    let server = Server::start([life(3600)]);
    let vault = with_token(&server);
    server.wait_for(1);
    server.push(json(
        404,
        r#"{"data":{"data":null,"metadata":{"version":2}}}"#,
    ));
    assert_eq!(
        vault.read_credential("key").unwrap_err().code(),
        "not_found"
    );
}
