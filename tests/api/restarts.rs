//! Processes that are restarted while everybody goes on asking. `make drill` does it 20 times.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::process::{Process, serve, settings};
use crate::support::wire::Wire;
use crate::support::{Place, TestApp};

/// What a load balancer does: asks each one whether it is ready, ten times a second, and sends requests to those that
/// are.
struct Balancer {
    ready: Mutex<Vec<String>>,
    next: AtomicUsize,
    http: reqwest::Client,
}

impl Balancer {
    fn pick(&self) -> String {
        let ready = self.ready.lock().unwrap();
        assert!(!ready.is_empty(), "none is ready");
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        ready[next % ready.len()].clone()
    }

    async fn look(&self) {
        let urls = self.ready.lock().unwrap().clone();
        for url in urls {
            let asked = self.http.get(format!("{url}/readyz")).send().await;
            if !asked.is_ok_and(|answer| answer.status() == 200) {
                self.ready.lock().unwrap().retain(|one| *one != url);
            }
        }
    }
}

/// Ends a process as an orchestrator does, and waits until it has gone in peace.
async fn end(mut process: Process) {
    let started = Instant::now();
    kill_process(Pid::from_child(&process.child), Signal::TERM).unwrap();
    loop {
        if let Some(status) = process.child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0), "{status:?}");
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it lives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn repeated_rolling_restarts_break_no_request() {
    let times: usize = std::env::var("DRILL_TIMES").map_or(1, |_| 10);
    let place = Place::shared().await;
    let config = place.config().await;
    let mut settings = settings(&place).await;
    settings.push(("GATEHOUSE_STOP_DELAY".to_owned(), "3".to_owned()));
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let http = reqwest::Client::builder().no_proxy();
    let http = http.pool_idle_timeout(Duration::from_secs(2)).build();
    let http = http.unwrap();
    let mut running = vec![serve(&settings, &http).await, serve(&settings, &http).await];
    let balancer = Arc::new(Balancer {
        ready: Mutex::new(running.iter().map(|one| one.url.clone()).collect()),
        next: AtomicUsize::new(0),
        http,
    });
    let stop = AtomicBool::new(false);
    let looking = async {
        while !stop.load(Ordering::Relaxed) {
            balancer.look().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asking = async |number: usize| {
        let (mut all, mut doubted) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let url = balancer.pick();
            let call = match number % 3 {
                0 => balancer.http.post(format!("{url}/sites/token")),
                1 => balancer.http.get(format!("{url}/sites?limit=1")),
                _ => balancer.http.post(format!("{url}/api/site")),
            };
            let key = if number % 3 == 2 {
                &vendor.public_key
            } else {
                &vendor.private_key
            };
            let answer = call.bearer_auth(key).send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{error:?}"));
            let status = answer.status();
            let body = answer.text().await.unwrap();
            // A machine that stands still for seconds makes a replica doubt what it knows; no restart does.
            let doubts = status == 503 && body.contains("database_");
            assert!(status == 200 || doubts, "{url}: {body}");
            doubted += usize::from(doubts);
            all += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(doubted * 50 <= all, "{doubted} of {all}");
        all
    };
    let restarting = async {
        for _ in 0..times * 2 {
            end(running.remove(0)).await;
            let new = serve(&settings, &balancer.http).await;
            balancer.ready.lock().unwrap().push(new.url.clone());
            running.push(new);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let load = futures_util::future::join_all((0..6).map(asking));
    let (all, (), ()) = tokio::join!(load, looking, restarting);
    assert!(all.iter().sum::<usize>() > 100, "{all:?}");
}

#[tokio::test]
async fn crowd_that_waits_for_a_start_is_served_with_one_log_in_and_no_more_calls() {
    let place = Place::shared().await;
    let wire = Wire::to(&place.bao.addr).await;
    let config = place.config().await;
    let mut settings = settings(&place).await;
    settings.push(("GATEHOUSE_BAO_ADDR".to_owned(), wire.addr.clone()));
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let first = serve(&settings, &http).await;
    wire.forget();
    let address = first.url.clone();
    drop(first);
    // They ask before it listens, and ask again until they are served.
    let served = AtomicUsize::new(0);
    let url = Mutex::new(address);
    let asking = async |_: usize| {
        let started = Instant::now();
        loop {
            let at = url.lock().unwrap().clone();
            let call = http.post(format!("{at}/sites/token"));
            if let Ok(answer) = call.bearer_auth(&vendor.private_key).send().await {
                let status = answer.status().as_u16();
                if status == 200 {
                    served.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                assert!(matches!(status, 429 | 503), "{status}");
            }
            assert!(started.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let starting = async {
        let process = serve(&settings, &http).await;
        url.lock().unwrap().clone_from(&process.url);
        process
    };
    let crowd = futures_util::future::join_all((0..300).map(asking));
    let (_, process) = tokio::join!(crowd, starting);
    assert_eq!(served.load(Ordering::Relaxed), 300);
    // One each; a call that took too long is made again.
    let logins = wire.calls_to("auth/approle/login").len();
    assert!((3..=4).contains(&logins), "{logins}");
    let made = wire.calls_to("auth/token/create/gatehouse-read").len();
    assert!((300..=360).contains(&made), "{made}");
    drop(process);
}
