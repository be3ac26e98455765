//! Who is suspended is refused everywhere, and everything works again for who is resumed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use gatehouse::types::VendorId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::http::Call;
use crate::support::life::Full;
use crate::support::lockbox::PASSWORD;
use crate::support::receiver::Receiver;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID};
use crate::support::users::two_replicas;
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};
use crate::vendor_life::{PAUSED, RESUMED, told};

/// What a call is answered, with its name.
async fn said(name: String, call: Call<'_>, body: &Value) -> (String, u16, String) {
    let call = if body.is_null() {
        call
    } else {
        call.json(body)
    };
    let answer = call.send().await;
    (name, answer.status, answer.code().to_owned())
}

/// What everybody who lives by a vendor is answered.
async fn answers(test: &TestApp, full: &Full) -> Vec<(String, u16, String)> {
    let (vendor, none) = (&full.vendor, Value::Null);
    let private = vendor.private_key.as_str();
    let account = format!("/api/v1/accounts/{}", vendor.id);
    let (find, messages) = (format!("{account}/sites"), format!("{account}/messages"));
    let keys = json!({ "searchKeys": [ACCESS_KEY] });
    let mut all = Vec::new();
    for (method, path, bearer, body) in [
        (Method::POST, "/api/site", vendor.public_key.as_str(), &none),
        (
            Method::POST,
            "/sites",
            &vendor.public_key,
            &json!({ "secretId": SECRET_ID }),
        ),
        (Method::POST, "/api/site", private, &none),
        (Method::POST, "/sites/token", private, &none),
        (Method::POST, "/sites/search", private, &keys),
        (Method::GET, "/sites", private, &none),
        (Method::GET, "/api/credentials", private, &none),
        (
            Method::POST,
            "/api/credentials/token",
            &full.session,
            &json!({}),
        ),
        (Method::GET, "/api/credentials/cred-1", &full.session, &none),
        (Method::GET, "/api/issuances", private, &none),
        (Method::GET, "/api/webhooks", private, &none),
        (Method::GET, "/api/lockbox", &full.user_session, &none),
        (Method::GET, "/api/users/me", &full.user_session, &none),
    ] {
        let call = test.call(method.clone(), path).bearer(bearer);
        all.push(said(format!("{method} {path}"), call, body).await);
    }
    for (method, path, body) in [
        (Method::POST, &find, &keys),
        (Method::GET, &messages, &none),
    ] {
        let call = test.call(method.clone(), path).trusted_login(vendor);
        all.push(said(format!("{method} {path}"), call, body).await);
    }
    // RPort's dialect has no codes.
    let rport = test
        .rport(Method::GET, "vault-admin", &full.admin)
        .send()
        .await;
    all.push((
        "GET vault-admin".to_owned(),
        rport.status,
        "vendor_suspended".to_owned(),
    ));
    all
}

#[tokio::test]
async fn suspended_vendor_is_refused_everywhere_and_its_tokens_die() {
    let (test, second) = two_replicas().await;
    let full = test.full("vendor-a", 0, 1).await;
    for (what, status, code) in answers(&test, &full).await {
        assert!(
            matches!(status, 200 | 201 | 403 | 404) && code != "vendor_suspended"
                || what.contains("vault"),
            "{what}: {status}"
        );
        assert!(
            status != 403 || what.starts_with("POST /sites"),
            "{what}: {status} {code}"
        );
    }
    let id = VendorId(full.vendor.id);
    let suspended = test.operate(Method::POST, "vendor-a", "/suspend").await;
    assert_eq!(
        (suspended.status, &suspended.json["status"]),
        (200, &json!("suspended"))
    );
    // Whoever suspended it waited for OpenBao, too.
    for token in &full.tokens {
        assert!(!test.is_alive(token).await);
    }
    for (what, status, code) in answers(&test, &full).await {
        assert_eq!((status, code.as_str()), (403, "vendor_suspended"), "{what}");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (what, status, code) in answers(&second, &full).await {
        assert_eq!(
            (status, code.as_str()),
            (403, "vendor_suspended"),
            "{what} elsewhere"
        );
    }
    for replica in [&test, &second] {
        assert!(replica.app.lockboxes.held(id).is_none(), "the key is wiped");
    }
    let live = "SELECT count(*) FROM issuances WHERE revoked_at IS NULL AND max_expires_at > now()";
    let live: i64 = test.sql().await.query_one(live, &[]).await.unwrap().get(0);
    assert_eq!(live, 0, "also those that the service used itself");
    let log_in = test
        .basic_status(&full.admin.login, &full.admin.password)
        .await;
    assert_eq!(log_in, 403);

    // Removal goes on.
    let removed = test
        .delete("/sites/site-of-everybody-01")
        .bearer(&full.vendor.public_key);
    assert_eq!(removed.send().await.status, 200);
    let path = "vendor-a-store/site-of-everybody-01";
    assert_eq!(test.bao_root(Method::GET, path).send().await.status, 404);

    let resumed = test.operate(Method::POST, "vendor-a", "/resume").await;
    assert_eq!(resumed.json["status"], "active");
    let token = test.write_token(&full.vendor, "another-site-0001").await;
    assert!(test.is_alive(&token).await);
    let read = test.backend_read(&full.session, "cred-1").await;
    assert_eq!(read.status, 200, "{read:?}");
    assert_eq!(test.lock_status(&full.admin).await, "locked");
    assert_eq!(test.unlock(&full.admin, PASSWORD).await.status, 201);
    for token in &full.tokens {
        assert!(!test.is_alive(token).await, "the old ones stay dead");
    }
}

#[tokio::test]
async fn webhook_suspends_as_an_operator_does() {
    let test = TestApp::start().await;
    let full = test.full("vendor-a", 0, 0).await;
    let paused = test.webhook("m1", &told("vendor-a", PAUSED, 1)).await;
    assert_eq!(
        (paused.status, &paused.json["vendor"]["status"]),
        (200, &json!("suspended"))
    );
    for token in &full.tokens {
        assert!(!test.is_alive(token).await);
    }
    let refused = test
        .post("/api/site")
        .bearer(&full.vendor.public_key)
        .send()
        .await;
    refused.expect_problem(403, "vendor_suspended");
    let resumed = test.webhook("m2", &told("vendor-a", RESUMED, 2)).await;
    assert_eq!(resumed.json["vendor"]["status"], "active");
    let served = test
        .post("/api/site")
        .bearer(&full.vendor.public_key)
        .send()
        .await;
    assert_eq!(served.status, 200);
}

#[tokio::test]
async fn queued_webhooks_wait_for_the_vendor_to_be_resumed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let _held = test.hold_deliveries().await;
    let receiver = Receiver::start().await;
    let hook = test.hook(&vendor, &receiver.url).await;
    test.knock(&vendor, &hook).await;
    test.operate(Method::POST, "vendor-a", "/suspend").await;
    assert_eq!(test.deliver().await.delivered, 0);
    assert!(receiver.got().is_empty());
    test.operate(Method::POST, "vendor-a", "/resume").await;
    assert_eq!(test.deliver().await.delivered, 1);
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn unlocking_that_meets_a_suspension_leaves_the_lockbox_locked() {
    let test = TestApp::start().await;
    let (vendor, admin) = test.lockbox("vendor-a").await;
    let newcomer = test.vendor("vendor-b").await;
    let other = test.administrator(&newcomer).await;
    assert_eq!(test.lock(&admin).await.status, 204);
    let mut sql = test.sql().await;
    let suspending = sql.transaction().await.unwrap();
    suspending
        .batch_execute("UPDATE vendors SET status = 'suspended'")
        .await
        .unwrap();
    let body = json!({ "password": PASSWORD });
    let init = async {
        test.send(&other, "POST /api/v1/vault-admin/init", &body)
            .await
    };
    let commit = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        suspending.commit().await.unwrap();
    };
    let (unlocked, made, ()) = tokio::join!(test.unlock(&admin, PASSWORD), init, commit);
    unlocked.expect_faults(403);
    made.expect_faults(403);
    for vendor in [&vendor, &newcomer] {
        assert!(test.app.lockboxes.held(VendorId(vendor.id)).is_none());
    }
    let open = "SELECT count(*) FROM lockboxes WHERE NOT locked";
    let open: i64 = test.sql().await.query_one(open, &[]).await.unwrap().get(0);
    assert_eq!(open, 0);
}

#[tokio::test]
async fn suspension_marks_every_token_of_a_large_ledger() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    // More than one statement marks, none of them known to OpenBao.
    let rows = "INSERT INTO issuances (id, vendor_id, kind, accessor, caller, request_id, issued_at, expires_at, max_expires_at) \
                SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid, \
                $1, 'write', 'accessor-' || n, 'public-key', '', now(), now() + interval '1 day', now() + interval '7 days' \
                FROM generate_series(1, 12001) AS n";
    let sql = test.sql().await;
    sql.execute(rows, &[&vendor.id]).await.unwrap();
    test.write_token(&vendor, "site-among-many-01").await;
    let suspended = test.operate(Method::POST, "vendor-a", "/suspend").await;
    assert_eq!(suspended.status, 200, "{suspended:?}");
    let unmarked = "SELECT count(*) FROM issuances WHERE revoke_asked_at IS NULL";
    let unmarked: i64 = sql.query_one(unmarked, &[]).await.unwrap().get(0);
    assert_eq!(unmarked, 0);
}

/// A token that was asked for, and what came of it.
struct Asked {
    sent: Instant,
    status: u16,
    token: Option<String>,
    code: Value,
}

/// Asks for tokens, again and again, until the time.
async fn mint(test: &TestApp, vendor: &TestVendor, until: Instant, asked: &Mutex<Vec<Asked>>) {
    while Instant::now() < until {
        let sent = Instant::now();
        let answer = test
            .post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await;
        let token = answer.json["token"].as_str().map(str::to_owned);
        asked.lock().unwrap().push(Asked {
            sent,
            status: answer.status,
            token,
            code: answer.json["code"].clone(),
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_no_replica_hands_out_a_token_a_second_after_the_suspension() {
    let (one, other) = two_replicas().await;
    let vendor = one.vendor("vendor-a").await;
    let known = || std::future::ready(other.app.directory.by_id(VendorId(vendor.id)).is_some());
    until("the other knows the vendor", known).await;
    let (here, there) = (Mutex::default(), Mutex::default());
    let end = Instant::now() + Duration::from_secs(5);
    let minting = async {
        let all = (0..8).map(|number| {
            let (test, asked) = if number % 2 == 0 {
                (&one, &here)
            } else {
                (&other, &there)
            };
            mint(test, &vendor, end, asked)
        });
        futures_util::future::join_all(all).await;
    };
    let suspending = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let begun = Instant::now();
        let answer = one.operate(Method::POST, "vendor-a", "/suspend").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        begun
    };
    let ((), begun) = tokio::join!(minting, suspending);
    let (here, there) = (here.into_inner().unwrap(), there.into_inner().unwrap());
    let mut handed_out = Vec::new();
    let shut = begun + Duration::from_secs(1);
    for asked in [&here, &there] {
        let served = asked.iter().filter(|one| one.status == 200);
        handed_out.extend(served.clone().map(|one| one.token.clone().unwrap()));
        assert!(
            served.clone().any(|one| one.sent < begun),
            "there was load before"
        );
        assert_eq!(served.filter(|one| one.sent > shut).count(), 0);
        let refused = asked.iter().filter(|one| one.status == 403).count();
        assert!(refused > 10, "{refused}");
        // A machine that stands still for seconds cannot see its database, and says so.
        let others = asked.iter().filter(|one| !matches!(one.status, 200 | 403));
        for one in others {
            let what = (one.status, one.code.as_str().unwrap());
            assert_eq!(what, (503, "database_out_of_sight"));
        }
    }
    // Whatever was handed out before is dead, or dies at once.
    let dead = async || {
        let live = "SELECT count(*) FROM issuances WHERE revoked_at IS NULL";
        let row = one.sql().await.query_one(live, &[]).await.unwrap();
        row.get::<_, i64>(0) == 0
    };
    until("all are revoked", dead).await;
    for token in &handed_out {
        assert!(!one.is_alive(token).await);
    }
    // And none is on record that was not marked.
    let late = "SELECT count(*) FROM issuances WHERE revoke_asked_at IS NULL";
    let late: i64 = one.sql().await.query_one(late, &[]).await.unwrap().get(0);
    assert_eq!(late, 0);
}

#[tokio::test]
async fn body_that_comes_after_the_suspension_is_not_read() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let body = json!({ "secretId": SECRET_ID, "accessKey": ACCESS_KEY }).to_string();
    let address = test.url.trim_start_matches("http://").to_owned();
    for (path, key) in [
        ("/sites", &vendor.private_key),
        ("/api/users", &vendor.private_key),
        ("/api/v1/report-brute-force", &vendor.public_key),
    ] {
        let mut late = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        late.write_all(head.as_bytes()).await.unwrap();
        late.write_all(&body.as_bytes()[..5]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let suspended = test.operate(Method::POST, "vendor-a", "/suspend").await;
        assert_eq!(suspended.status, 200);
        late.write_all(&body.as_bytes()[5..]).await.unwrap();
        let mut answer = String::new();
        late.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{path}: {answer}");
        assert!(answer.contains("vendor_suspended"), "{path}: {answer}");
        let resumed = test.operate(Method::POST, "vendor-a", "/resume").await;
        assert_eq!(resumed.status, 200);
    }
    let sql = "SELECT count(*) FROM sites";
    let stored: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(stored, 0);
}
