//! Alive, and fit to serve.

use std::time::Duration;

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
