//! What is sent to vendors' webhooks: to a real receiver.

use std::time::{Duration, Instant};

use gatehouse::egress::authorities;
use gatehouse::webhooks::retry::PAUSES;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::credentials::ftp;
use crate::probe::peers::Certificate;
use crate::support::receiver::{Receiver, Reply, TestHook};
use crate::support::wait::until;
use crate::support::{Place, TestApp, TestVendor};

pub async fn start() -> (TestApp, TestVendor, Receiver, TestHook) {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let receiver = Receiver::start().await;
    let hook = test.hook(&vendor, &receiver.url).await;
    (test, vendor, receiver, hook)
}

/// The only message there is.
async fn only(test: &TestApp, vendor: &TestVendor, hook: &TestHook) -> Value {
    let all = test.deliveries(vendor, hook).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[tokio::test]
async fn event_is_delivered_once_and_signed() {
    let (test, vendor, receiver, hook) = start().await;
    let other = Receiver::start().await;
    let body = json!({ "url": other.url, "types": ["token.ends_soon"] });
    let call = test.post("/api/webhooks").bearer(&vendor.private_key);
    assert_eq!(call.json(&body).send().await.status, 201);
    let at = test.app.clock.now().as_second() + 3 * 24 * 3600;
    let body = json!({ "key": "soon", "value": ftp("h"), "rotateBy": at });
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    assert_eq!(call.json(&body).send().await.status, 201);
    assert_eq!(test.pass("tidy_credentials").await["reminded"], 1);
    test.pass("deliver_webhooks").await;
    until("the message", || async { !receiver.got().is_empty() }).await;
    test.pass("deliver_webhooks").await;
    let got = receiver.got();
    assert_eq!((got.len(), other.got().len()), (1, 0));
    let message = &got[0];
    assert!(message.is_signed_by(&hook.secret), "{message:?}");
    let sent: i64 = message.header("webhook-timestamp").parse().unwrap();
    assert!((test.app.clock.now().as_second() - sent).abs() < 60);
    assert_eq!(message.header("content-type"), "application/json");
    let said = message.json();
    assert_eq!(said["type"], "credential.rotation_due");
    assert_eq!(said["data"]["key"], "soon");
    said["timestamp"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>()
        .unwrap();
    let noted = only(&test, &vendor, &hook).await;
    assert_eq!(
        (&noted["state"], &noted["lastStatus"], &noted["attempts"]),
        (&json!("delivered"), &json!(200), &json!(1))
    );
    assert_eq!(noted["id"], message.header("webhook-id"));
    // A copy of the database signs nothing.
    let dump = test.dump().await;
    let bare = hook.secret.strip_prefix("whsec_").unwrap();
    assert!(dump.contains("credential.rotation_due") && !dump.contains(bare));
}

#[tokio::test]
async fn certificate_of_the_receiver_is_checked() {
    let ours = Certificate::of("localhost");
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.egress.authorities = authorities(ours.pem().as_bytes()).unwrap();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("media-vendor").await;
    let trusted = Receiver::with_tls(ours.acceptor()).await;
    let forged = Receiver::with_tls(Certificate::of("localhost").acceptor()).await;
    let _held = test.hold_deliveries().await;
    for (receiver, state, problem) in [
        (&trusted, "delivered", Value::Null),
        (&forged, "waiting", json!("not_connected")),
    ] {
        let hook = test.hook(&vendor, &receiver.url).await;
        test.knock(&vendor, &hook).await;
        test.deliver().await;
        let noted = only(&test, &vendor, &hook).await;
        assert_eq!(
            (&noted["state"], &noted["lastProblem"]),
            (&json!(state), &problem)
        );
    }
    assert_eq!((trusted.got().len(), forged.got().len()), (1, 0));
}

#[tokio::test]
async fn end_of_a_token_is_said_too() {
    let (test, vendor, receiver, _hook) = start().await;
    let worker = test.worker(&vendor, &["*"]).await;
    let body = json!({ "keepAlive": true, "worker": worker.login });
    let handed = test.credentials_token(&vendor.private_key, body).await;
    test.app.clock.advance(26 * 24 * 3600);
    assert_eq!(test.pass("renew_tokens").await["endingSoon"], 1);
    test.pass("deliver_webhooks").await;
    until("the message", || async { !receiver.got().is_empty() }).await;
    let said = receiver.got()[0].json();
    assert_eq!(said["type"], "token.ends_soon");
    assert_eq!(said["data"]["issuanceId"], handed.text_of("issuanceId"));
    let name = said["data"]["worker"].as_str().unwrap();
    assert!(worker.login.starts_with(name));
}

#[tokio::test]
async fn receiver_that_was_down_gets_it_when_it_is_up() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let hook = test.hook(&vendor, &format!("http://{address}/hook")).await;
    let _held = test.hold_deliveries().await;
    test.knock(&vendor, &hook).await;
    assert_eq!(test.deliver().await.put_off, 1);
    assert_eq!(
        only(&test, &vendor, &hook).await["lastProblem"],
        "not_connected"
    );
    let receiver = Receiver::at(address).await;
    test.app.clock.advance(6);
    assert_eq!(test.deliver().await.delivered, 1);
    assert_eq!(receiver.got()[0].json()["type"], "test");
    assert!(receiver.got()[0].is_signed_by(&hook.secret));
}

#[tokio::test]
async fn pauses_grow_until_it_is_dead_and_then_it_is_replayed() {
    let (test, vendor, receiver, hook) = start().await;
    receiver.always(Reply::status(500));
    let _held = test.hold_deliveries().await;
    let id = test.knock(&vendor, &hook).await;
    for (tries, pause) in (1..).zip(PAUSES) {
        assert_eq!(test.deliver().await.put_off, 1, "try {tries}");
        // Not before its time.
        assert_eq!(test.deliver().await.put_off, 0);
        let noted = only(&test, &vendor, &hook).await;
        assert_eq!(
            (&noted["attempts"], &noted["lastStatus"]),
            (&json!(tries), &json!(500))
        );
        let next: Timestamp = noted["nextAttemptAt"].as_str().unwrap().parse().unwrap();
        let left = next.as_second() - test.app.clock.now().as_second();
        assert!(
            (pause - 3..=pause + pause / 10 + 1).contains(&left),
            "{left}"
        );
        test.app.clock.advance(left + 1);
    }
    assert_eq!(test.deliver().await.dead, 1);
    let noted = only(&test, &vendor, &hook).await;
    assert_eq!(
        (&noted["state"], &noted["lastProblem"]),
        (&json!("dead"), &json!("status"))
    );
    // The vendor is told, in its access log.
    let path = "/api/access-logs?action=webhook.gave_up";
    let told = test.get(path).bearer(&vendor.private_key).send().await;
    let told = told.json["items"].as_array().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0]["details"],
        json!({ "webhook": hook.id, "delivery": id, "type": "test" })
    );
    test.app.clock.advance(24 * 3600);
    test.deliver().await;
    assert_eq!(receiver.got().len(), PAUSES.len() + 1);
    receiver.next([Reply::status(500), Reply::status(204)]);
    let path = format!("/api/webhooks/{}/deliveries/{id}/replay", hook.id);
    let replayed = test.post(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(
        (replayed.status, replayed.text_of("state")),
        (202, "waiting".to_owned())
    );
    assert_eq!(test.deliver().await.put_off, 1);
    test.app.clock.advance(6);
    assert_eq!(test.deliver().await.delivered, 1);
    assert!(receiver.ids().iter().all(|one| *one == id));
    assert_eq!(only(&test, &vendor, &hook).await["state"], "delivered");
}

#[tokio::test]
async fn gone_disables_until_it_is_enabled_again() {
    let (test, vendor, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let ids = [
        test.knock(&vendor, &hook).await,
        test.knock(&vendor, &hook).await,
    ];
    receiver.always(Reply::status(410));
    assert!(test.deliver().await.dead >= 1);
    assert_eq!(test.deliver().await.dead, 0);
    let path = format!("/api/webhooks/{}", hook.id);
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(shown.json["enabled"], false);
    for one in test.deliveries(&vendor, &hook).await {
        assert_eq!(one["state"], "dead", "{one}");
    }
    let knock = test
        .post(&format!("{path}/test"))
        .bearer(&vendor.private_key);
    knock.send().await.expect_problem(409, "webhook_disabled");
    let again = format!("{path}/deliveries/{}/replay", ids[0]);
    let replay = test.post(&again).bearer(&vendor.private_key);
    replay.send().await.expect_problem(409, "webhook_disabled");
    let sql = "SELECT count(*) FROM events WHERE action = 'webhook.disabled'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    receiver.always(Reply::status(200));
    let call = test.call(reqwest::Method::PATCH, &path);
    let call = call.bearer(&vendor.private_key);
    let enabled = call.json(&json!({ "enabled": true })).send().await;
    assert_eq!(enabled.json["enabled"], true, "{enabled:?}");
    let replay = test.post(&again).bearer(&vendor.private_key).send().await;
    assert_eq!(replay.status, 202);
    assert_eq!(test.deliver().await.delivered, 1);
}

#[tokio::test]
async fn slow_receiver_holds_up_no_other_vendor() {
    let (test, slow, receiver, slow_hook) = start().await;
    let fast = test.vendor("fast-vendor").await;
    let fast_receiver = Receiver::start().await;
    let fast_hook = test.hook(&fast, &fast_receiver.url).await;
    receiver.always(Reply::never());
    let _held = test.hold_deliveries().await;
    for _ in 0..40 {
        test.knock(&slow, &slow_hook).await;
    }
    test.knock(&fast, &fast_hook).await;
    let started = Instant::now();
    let passing = test.delivering();
    until("the first", || async { fast_receiver.got().len() == 1 }).await;
    // And what comes while the slow one is waited for.
    test.knock(&fast, &fast_hook).await;
    until("the second", || async { fast_receiver.got().len() == 2 }).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!((1..8).contains(&receiver.got().len()), "a few at once");
    let passed = passing.await.unwrap();
    assert_eq!(passed.delivered, 2);
    let timed_out = test.deliveries(&slow, &slow_hook).await;
    assert!(
        timed_out
            .iter()
            .any(|one| one["lastProblem"] == "timed_out")
    );
}

#[tokio::test]
async fn both_secrets_sign_for_a_day_after_a_rotation() {
    let (test, vendor, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let rotate = async |body: Value| {
        let path = format!("/api/webhooks/{}/secret", hook.id);
        let call = test.post(&path).bearer(&vendor.private_key);
        let made = call.json(&body).send().await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text_of("signingSecret")
    };
    let signed = async |secrets: &[&str]| {
        test.knock(&vendor, &hook).await;
        assert_eq!(test.deliver().await.delivered, 1);
        let last = receiver.got().pop().unwrap();
        let number = last.header("webhook-signature").split(' ').count();
        let by: Vec<bool> = secrets.iter().map(|one| last.is_signed_by(one)).collect();
        (number, by)
    };
    let second = rotate(json!({})).await;
    assert_ne!(hook.secret, second);
    let secrets = [hook.secret.as_str(), &second];
    assert_eq!(signed(&secrets).await, (2, vec![true, true]));
    test.app.clock.advance(24 * 3600 + 1);
    assert_eq!(signed(&secrets).await, (1, vec![false, true]));
    // One that leaked ends at once.
    let third = rotate(json!({ "overlap": 0 })).await;
    assert_eq!(signed(&[&second, &third]).await, (1, vec![false, true]));
}

#[tokio::test]
async fn two_passes_at_once_deliver_once_each() {
    let (test, vendor, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let mut sent = Vec::new();
    for _ in 0..24 {
        sent.push(test.knock(&vendor, &hook).await);
    }
    let (one, two) = tokio::join!(test.deliver(), test.deliver());
    assert_eq!(one.delivered + two.delivered, sent.len());
    let mut got = receiver.ids();
    got.sort();
    sent.sort();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn message_on_the_way_when_the_service_died_is_sent_again() {
    let (test, vendor, receiver, hook) = start().await;
    receiver.next([Reply::never()]);
    let _held = test.hold_deliveries().await;
    let id = test.knock(&vendor, &hook).await;
    let passing = test.delivering();
    until("the first try", || async { receiver.got().len() == 1 }).await;
    passing.abort();
    assert!(passing.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(test.deliver().await.delivered, 0);
    test.app.clock.advance(61);
    assert_eq!(test.deliver().await.delivered, 1);
    assert_eq!(receiver.ids(), [id.clone(), id]);
    assert_eq!(only(&test, &vendor, &hook).await["attempts"], 2);
}

#[tokio::test]
async fn what_is_over_is_forgotten_after_a_month() {
    let (test, vendor, _receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    test.knock(&vendor, &hook).await;
    assert_eq!(test.deliver().await.delivered, 1);
    assert_eq!(test.pass("purge").await["messages"], 0);
    test.app.clock.advance(31 * 24 * 3600);
    test.knock(&vendor, &hook).await;
    assert_eq!(test.pass("purge").await["messages"], 1);
    assert_eq!(only(&test, &vendor, &hook).await["state"], "waiting");
}

#[tokio::test]
async fn webhooks_hear_of_users() {
    let (test, vendor, receiver, _) = start().await;
    test.user(&vendor, "ada", &[]).await;
    let removed = test.delete("/api/users/ada").bearer(&vendor.private_key);
    assert_eq!(removed.send().await.status, 200);
    until("two messages", async || {
        test.pass("deliver_webhooks").await;
        receiver.got().len() >= 2
    })
    .await;
    for message in receiver.got() {
        let data = &message.json()["data"];
        assert_eq!(
            (&data["name"], &data["email"]),
            (&json!("ada"), &Value::Null)
        );
        assert!(data["id"].is_string(), "{data}");
    }
}

#[tokio::test]
async fn ten_thousand_messages_wait_and_the_oldest_make_room() {
    let (test, vendor, _receiver, _) = start().await;
    let _held = test.hold_deliveries().await;
    test.fill(&vendor, 10_000).await;
    for name in ["ada", "bob"] {
        test.user(&vendor, name, &[]).await;
    }
    let count = async |what: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM webhook_deliveries WHERE {what}");
        test.sql().await.query_one(&sql, &[]).await.unwrap().get(0)
    };
    assert_eq!(count("next_attempt_at IS NOT NULL").await, 10_000);
    let dropped = "last_problem = 'dropped' AND dead_at IS NOT NULL AND right(id::text, 12) <= '000000000002'";
    assert_eq!(count(dropped).await, 2);
    assert_eq!(
        count("type = 'user.created' AND next_attempt_at IS NOT NULL").await,
        2
    );
}
