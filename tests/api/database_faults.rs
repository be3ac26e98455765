//! PostgreSQL crashes, or takes no more connections, while the service is used.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::faults::own_servers;
use crate::support::{TestApp, TestVendor, servers};

/// Stores site after site until told to stop, and gives those that the service said it has.
async fn store(test: &TestApp, vendor: &TestVendor, from: usize, stop: &AtomicBool) -> Vec<String> {
    let mut stored = Vec::new();
    let mut number = from;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let id = format!("site-of-everybody-{number:06}");
        let body = json!({ "secretId": id, "accessKey": format!("{number:064x}") });
        let call = test.post("/sites").bearer(&vendor.public_key).json(&body);
        let answer = call.send().await;
        match answer.status {
            201 => stored.push(id),
            503 => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => panic!("{answer:?}"),
        }
    }
    stored
}

#[tokio::test]
async fn repeated_crashes_of_postgres_lose_nothing_that_was_acknowledged() {
    let times = std::env::var("DRILL_TIMES").map_or(2, |_| 20);
    let lasting = ["fsync", "full_page_writes"].map(|name| (name.to_owned(), "on".to_owned()));
    let (mut own, place) = own_servers(lasting.to_vec()).await;
    let config = place.config().await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let runtime = servers::shared().runtime.clone();
    let mut stored = Vec::new();
    for time in 0..times {
        let stop = AtomicBool::new(false);
        let loads = (0..4).map(|load| store(&test, &vendor, (time * 4 + load) * 10_000, &stop));
        let crash = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            // As `pg_ctl stop -m immediate` ends it: no checkpoint, no good-bye.
            let pid = Pid::from_raw(own.postgres.pid().try_into().unwrap()).unwrap();
            kill_process(pid, Signal::QUIT).unwrap();
            let restarted = runtime.spawn(async move {
                own.postgres.wait().await;
                own.postgres.restart().await.unwrap();
                own
            });
            own = restarted.await.unwrap();
            let started = Instant::now();
            loop {
                let call = test.post("/api/site").bearer(&vendor.public_key);
                let answer = call.send().await;
                if answer.status == 200 {
                    break;
                }
                assert_eq!(answer.status, 503, "{answer:?}");
                assert!(started.elapsed() < Duration::from_secs(15), "{answer:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            stop.store(true, Ordering::Relaxed);
            own
        };
        let (found, back) = tokio::join!(futures_util::future::join_all(loads), crash);
        own = back;
        stored.extend(found.into_iter().flatten());
    }
    assert!(stored.len() > times * 4, "{}", stored.len());
    let rows = test.sql().await;
    let rows = rows.query(
        "SELECT secret_id FROM sites WHERE state = 'registered'",
        &[],
    );
    let kept: BTreeSet<String> = rows.await.unwrap().iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = stored.iter().filter(|id| !kept.contains(*id)).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", stored.len());
    drop(own);
}

#[tokio::test]
async fn postgres_that_takes_no_more_connections_is_trouble_and_no_fault() {
    let few = vec![("max_connections".to_owned(), "20".to_owned())];
    let (own, place) = own_servers(few).await;
    let config = place.config().await;
    let url = place.database_url.clone();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    // Others take all that are left, and one takes the service's as they come free.
    let mut taken = Vec::new();
    let connect = async || tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
    while let Ok((client, connection)) = connect().await {
        tokio::spawn(connection);
        taken.push(client);
    }
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse'";
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gatehouse'";
    let killer = taken.pop().unwrap();
    // The service may be the quicker one to connect again, and a connection that ends is free a little later: until it has
    // none, and there is none to take, three times in a row.
    let (mut none, mut tries) = (0, 0);
    while none < 3 {
        killer.batch_execute(end).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = taken.len();
        while let Ok((client, connection)) = connect().await {
            tokio::spawn(connection);
            taken.push(client);
        }
        let left: i64 = killer.query_one(left, &[]).await.unwrap().get(0);
        let is_none = left == 0 && taken.len() == before;
        none = if is_none { none + 1 } else { 0 };
        tries += 1;
        assert!(tries < 100, "it keeps {left}");
    }
    let mut refused = 0;
    for _ in 0..10 {
        let started = Instant::now();
        let call = test.post("/api/site").bearer(&vendor.public_key);
        let answer = call.send().await;
        if answer.status == 503 {
            refused += 1;
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    assert!(refused > 0, "there was a connection all the same");
    assert_eq!(test.get("/healthz").send().await.status, 200);
    drop((taken, killer));
    test.until_ready().await;
    let call = test.post("/api/site").bearer(&vendor.public_key);
    assert_eq!(call.send().await.status, 200);
    drop(own);
}
