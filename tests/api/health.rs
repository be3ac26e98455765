//! Alive, and fit to serve.

use std::time::Duration;

use gatehouse::webhooks::SigningSecret;
use serde_json::Value;

use crate::support::app::SIGNUP_SECRET;
use crate::support::{Place, TestApp, Wire};

#[tokio::test]
async fn readiness_is_proved_at_most_once_a_second_however_many_ask() {
    let (test, wire) = Wire::start().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    wire.forget();
    let ask = || test.get("/readyz").send();
    let started = std::time::Instant::now();
    for _ in 0..5 {
        let answers = futures_util::future::join_all((0..20).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
    }
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap();
    let proofs = wire.calls_to("auth/token/lookup-self").len();
    assert!(
        (1..=2 + seconds).contains(&proofs),
        "{proofs} in {seconds} s"
    );
}

#[tokio::test]
async fn clock_that_is_wrong_is_warned_of_and_what_is_signed_with_a_time_refused() {
    let test = TestApp::start().await;
    let clock = async || {
        // What was found is kept for a second.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        test.until_ready().await;
        let ready = test.get("/readyz").send().await;
        let checks = ready.json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "clock");
        check.unwrap()["warning"].clone()
    };
    assert_eq!(clock().await, Value::Null);
    let signed_at = test.app.clock.now().as_second();
    for off in [3600, -7200] {
        test.app.clock.advance(off);
        assert_eq!(clock().await, "apart", "{off}");
        let body = br#"{"type":"vendor.created","timestamp":"2026-11-01T00:00:00Z","data":{"namespace":"gravityview","name":"G"}}"#;
        let secret = SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap();
        let call = test.post("/webhooks/vendor-signup").body(body.to_vec());
        let refused = call
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", &signed_at.to_string())
            .header("webhook-signature", &secret.sign("msg_1", signed_at, body))
            .send()
            .await;
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    test.app.clock.advance(3600);
    assert_eq!(clock().await, Value::Null);
}

#[tokio::test]
async fn readiness_turns_before_the_service_stops_answering() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.http.stop_delay = Duration::from_secs(2);
    let mut test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let url = test.url.clone();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let status = async |path: &str| {
        let answer = http.get(format!("{url}{path}")).send().await;
        answer.map(|answer| answer.status().as_u16()).ok()
    };
    let watch = async {
        // The probe's answer is kept for a second; that the service stops is not.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let turned = status("/readyz").await;
        let alive = status("/healthz").await;
        let sites = http
            .get(format!("{url}/sites"))
            .bearer_auth(&vendor.private_key);
        let served = sites
            .send()
            .await
            .ok()
            .map(|answer| answer.status().as_u16());
        (turned, alive, served)
    };
    let (seen, ()) = tokio::join!(watch, test.stop());
    assert_eq!(seen, (Some(503), Some(200), Some(200)));
    assert_eq!(status("/healthz").await, None);
}
