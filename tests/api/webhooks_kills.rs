//! The process is killed between sending a message and noting that. `DRILL_KILLS` says how often, 6 by itself; `make
//! drill` does it 200 times.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::process::{serve, settings};
use crate::support::receiver::{Receiver, Reply};
use crate::support::wait::until;
use crate::support::{Place, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_send_and_mark_each_message_comes_under_its_one_id() {
    let kills = std::env::var("DRILL_KILLS").map(|text| text.parse().unwrap());
    let kills: usize = kills.unwrap_or(6);
    let place = Place::shared().await;
    let config = place.config().await;
    let settings = settings(&place).await;
    let mut test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("media-vendor").await;
    let receiver = Receiver::start().await;
    let hook = test.hook(&vendor, &receiver.url).await;
    test.stop().await;
    // What was on the way is tried again a minute later: that minute passes at once.
    let client = test.sql().await;
    let minute = "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - interval '1 minute' \
                  WHERE next_attempt_at > now()";
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut process = serve(&settings, &http).await;
    for _ in 0..kills {
        let few = Duration::from_millis(rand::random_range(0..20));
        receiver.always(Reply(200, String::new(), few));
        let url = format!("{}/api/webhooks/{}/test", process.url, hook.id);
        for _ in 0..20 {
            let call = http.post(&url).bearer_auth(&vendor.private_key);
            assert_eq!(call.send().await.unwrap().status(), 202);
        }
        // Somewhere in the middle, or when all are sent and the last are to be noted.
        let before = receiver.len();
        let further = rand::random_range(1..=12);
        until("a few", async || receiver.len() >= before + further).await;
        process.kill();
        client.execute(minute, &[]).await.unwrap();
        process = serve(&settings, &http).await;
    }
    // The last one is left alone.
    let waiting = "SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NULL";
    let began = Instant::now();
    loop {
        let left: i64 = client.query_one(waiting, &[]).await.unwrap().get(0);
        if left == 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{left} wait");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let sql = "SELECT id::text, delivered_at IS NOT NULL AND dead_at IS NULL, body FROM webhook_deliveries";
    let rows = client.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), kills * 20);
    let mut came: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for one in receiver.got() {
        assert!(one.is_signed_by(&hook.secret));
        let id = one.header("webhook-id").to_owned();
        came.entry(id).or_default().push(one.body);
    }
    let all: usize = came.values().map(Vec::len).sum();
    for row in &rows {
        let (id, is_noted, body): (&str, bool, &str) = (row.get(0), row.get(1), row.get(2));
        let bodies = came.remove(id).unwrap_or_default();
        assert!(is_noted, "{id} was given up");
        assert!(!bodies.is_empty(), "{id} was lost");
        assert!(bodies.iter().all(|one| one == body.as_bytes()), "{id}");
    }
    // A receiver that passes over ids it knows sees each once, and no other.
    assert!(came.is_empty(), "{came:?}");
    let again = all - rows.len();
    assert!(again > 0, "nothing was killed between send and mark");
    writeln!(
        std::io::stderr(),
        "killed {kills} times: {} messages, {again} of them again",
        rows.len()
    )
    .unwrap();
}
