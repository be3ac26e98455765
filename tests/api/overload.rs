//! More callers than OpenBao can serve.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::wire::Wire;

/// As many as are let in, as wait for a place, and some on top.
const LET_IN: usize = 64;
const WAITING: usize = 64;
const ON_TOP: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn callers_on_top_are_sent_away_at_once_and_the_others_are_served() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("vendor-a").await;
    let slow = Duration::from_secs(3);
    for _ in 0..LET_IN {
        wire.delay("auth/token/create/gatehouse-write", slow);
    }
    let calls = (0..LET_IN + WAITING + ON_TOP).map(async |_| {
        let began = Instant::now();
        let call = test.post("/api/site").bearer(&vendor.public_key).send();
        (call.await, began.elapsed())
    });
    let answers = join_all(calls).await;
    let (served, sent_away): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(answer, _)| answer.status == 200);
    // Nobody who waited got a place in time, as all those who were let in took longer.
    assert_eq!(served.len(), LET_IN);
    assert_eq!(sent_away.len(), WAITING + ON_TOP);
    for (answer, took) in &sent_away {
        assert_eq!((answer.status, answer.code()), (503, "busy"), "{answer:?}");
        let wait: u64 = answer.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        assert!(*took < slow, "{took:?}");
    }
    let at_once = sent_away
        .iter()
        .filter(|(_, took)| *took < Duration::from_secs(1));
    assert!(at_once.count() >= ON_TOP / 2);
    let after = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(after.status, 200, "{after:?}");
    let told = test.get("/metrics").send().await.text;
    // Those of other tests are counted there too.
    assert!(told.contains("\ngatehouse_sent_away_total "));
}
