//! What receivers of webhooks answer, and what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::process::{serve, settings};
use crate::support::receiver::Reply;
use crate::support::wait::until;
use crate::support::{Place, TestApp};
use crate::webhooks_out::start;

const DAY: i64 = 24 * 3600;

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[tokio::test]
async fn receiver_is_left_alone_as_long_as_it_asks() {
    let (test, vendor, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let date = |seconds| {
        let at = test.app.clock.now() + SignedDuration::from_secs(seconds);
        http_date(at)
    };
    let own = 5..=6;
    for (status, retry_after, left) in [
        (429, "7200".to_owned(), 7200..=7200),
        (503, "60".to_owned(), 60..=60),
        (503, date(1800), 1790..=1801),
        (429, "0".to_owned(), own.clone()),
        // Shorter than our own pause.
        (429, "2".to_owned(), own.clone()),
        // Ten years, in seconds and as a date, and more than a number can hold: a day.
        (503, "315360000".to_owned(), DAY..=DAY),
        (503, date(3650 * DAY), DAY..=DAY),
        (429, "9".repeat(40), DAY..=DAY),
        // Nonsense.
        (429, "-7200".to_owned(), own.clone()),
        (503, "soon".to_owned(), own.clone()),
        (503, "7200.5".to_owned(), own.clone()),
        (429, date(-7200), own.clone()),
        // It is not about the next try with these.
        (500, "7200".to_owned(), own.clone()),
        (301, "7200".to_owned(), own.clone()),
    ] {
        let id = test.knock(&vendor, &hook).await;
        let header = format!("retry-after: {retry_after}\r\n");
        receiver.next([Reply(status, header, Duration::ZERO)]);
        let before = test.app.clock.now();
        assert_eq!(test.deliver().await.put_off, 1);
        let after = test.app.clock.now();
        let noted = test.deliveries(&vendor, &hook).await.swap_remove(0);
        assert_eq!((&noted["id"], &noted["attempts"]), (&json!(id), &json!(1)));
        let next: Timestamp = noted["nextAttemptAt"].as_str().unwrap().parse().unwrap();
        let what = format!("{status} {retry_after}: {noted}");
        assert!(
            next >= before + SignedDuration::from_secs(*left.start()),
            "{what}"
        );
        assert!(
            next <= after + SignedDuration::from_secs(*left.end()),
            "{what}"
        );
        // So that only the next one is due below.
        let sql = "UPDATE webhook_deliveries SET next_attempt_at = NULL, dead_at = now() WHERE id::text = $1 AND \
                   $2 <> '7200'";
        test.sql()
            .await
            .execute(sql, &[&id, &retry_after])
            .await
            .unwrap();
    }
    // The two that asked for two hours with the right status, and those who should not have.
    test.app.clock.advance(60);
    assert_eq!(test.deliver().await.delivered, 2);
    test.app.clock.advance(7000);
    assert_eq!(test.deliver().await.delivered, 0);
    test.app.clock.advance(200);
    assert_eq!(test.deliver().await.delivered, 1);
}

/// A listener inside that nothing may connect to, and how often something did.
async fn inside() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&seen);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, seen)
}

#[tokio::test]
async fn redirects_are_failures_and_not_followed() {
    let (test, vendor, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let (url, seen) = inside().await;
    let mut sent = 0;
    for status in [300, 301, 302, 303, 304, 307, 308] {
        for location in [
            url.as_str(),
            "//127.0.0.1:8200/v1/sys/seal",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            receiver.url.as_str(),
            "",
        ] {
            let header = format!("location: {location}\r\n");
            receiver.next([Reply(status, header, Duration::ZERO)]);
            test.knock(&vendor, &hook).await;
            sent += 1;
            assert_eq!(test.deliver().await.put_off, 1, "{status} {location}");
            let noted = test.deliveries(&vendor, &hook).await.swap_remove(0);
            assert_eq!(
                (&noted["state"], &noted["lastStatus"], &noted["lastProblem"]),
                (&json!("waiting"), &json!(status), &json!("redirect")),
                "{location}"
            );
            // What the receiver says is shown to nobody.
            assert!(location.is_empty() || !noted.to_string().contains(location));
            let sql = "UPDATE webhook_deliveries SET next_attempt_at = NULL, dead_at = now() WHERE dead_at IS NULL";
            test.sql().await.execute(sql, &[]).await.unwrap();
        }
    }
    // One request for each message: none came back to the receiver itself either.
    assert_eq!(
        (receiver.got().len(), seen.load(Ordering::SeqCst)),
        (sent, 0)
    );
    // And the listener would have told.
    TcpStream::connect(url.strip_prefix("http://").unwrap().trim_end_matches('/'))
        .await
        .unwrap();
    until("the connection", async || seen.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn good_answer_that_comes_late_is_none() {
    let (test, vendor, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    receiver.next([Reply(200, String::new(), Duration::from_secs(6))]);
    let id = test.knock(&vendor, &hook).await;
    let started = Instant::now();
    assert_eq!(test.deliver().await.put_off, 1);
    let took = started.elapsed();
    assert!((5..6).contains(&took.as_secs()), "{took:?}");
    let noted = test.deliveries(&vendor, &hook).await.swap_remove(0);
    assert_eq!(
        (&noted["lastStatus"], &noted["lastProblem"]),
        (&Value::Null, &json!("timed_out"))
    );
    test.app.clock.advance(6);
    assert_eq!(test.deliver().await.delivered, 1);
    assert_eq!(receiver.ids(), [id.clone(), id]);
}

/// How a receiver answers that means harm.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// 200, and a body that never ends, as fast as it is taken.
    EndlessBody,
    /// The same, one byte a second.
    SlowBody,
    /// A gigabyte of nothing, packed into a megabyte.
    Bomb,
    /// A head that never ends.
    EndlessHead,
    /// A head, one byte a second.
    SlowHead,
}

impl Harm {
    /// Begins at once; then, again and again after a pause.
    fn says(self) -> (&'static str, Vec<u8>, Duration) {
        let second = Duration::from_secs(1);
        let ok = "HTTP/1.1 200 OK\r\n";
        match self {
            Self::EndlessBody => {
                let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x1_0000], b"\r\n"].concat();
                (
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                    chunk,
                    Duration::ZERO,
                )
            }
            Self::SlowBody => (
                "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n",
                b"x".to_vec(),
                second,
            ),
            Self::Bomb => (
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1043804\r\n\r\n\x1f",
                vec![0; 0x1_0000],
                Duration::ZERO,
            ),
            Self::EndlessHead => (
                ok,
                [b"x-y: ".as_slice(), &[b'z'; 1000], b"\r\n"].concat(),
                Duration::ZERO,
            ),
            Self::SlowHead => (ok, b"x".to_vec(), second),
        }
    }
}

impl Harm {
    async fn answer(self, mut stream: TcpStream, taken: Arc<AtomicU64>) -> std::io::Result<()> {
        let (first, then, pause) = self.says();
        let mut request = vec![0; 4096];
        assert_ne!(stream.read(&mut request).await?, 0);
        stream.write_all(first.as_bytes()).await?;
        let length = u64::try_from(then.len()).unwrap();
        loop {
            tokio::time::sleep(pause).await;
            stream.write_all(&then).await?;
            taken.fetch_add(length, Ordering::SeqCst);
        }
    }
}

/// A receiver that means harm: its URL, and how many bytes were taken of it.
async fn harmful(harm: Harm) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let taken = Arc::<AtomicU64>::default();
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(harm.answer(stream, Arc::clone(&count)));
        }
    });
    (url, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_end_take_neither_time_nor_memory() {
    const EACH: usize = 16;
    let place = Place::shared().await;
    let config = place.config().await;
    let settings = settings(&place).await;
    let mut test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("media-vendor").await;
    let mut hooks = Vec::new();
    for harm in [
        Harm::EndlessBody,
        Harm::SlowBody,
        Harm::Bomb,
        Harm::EndlessHead,
        Harm::SlowHead,
    ] {
        let (url, taken) = harmful(harm).await;
        hooks.push((harm, test.hook(&vendor, &url).await, taken));
    }
    test.stop().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let process = serve(&settings, &http).await;
    let call = async |method, path: String| {
        let call = http.request(method, format!("{}/api/webhooks{path}", process.url));
        let answer = call.bearer_auth(&vendor.private_key).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json::<Value>().await.unwrap()
    };
    let (started, before) = (Instant::now(), process.memory());
    for _ in 0..EACH {
        for (_, hook, _) in &hooks {
            call(reqwest::Method::POST, format!("/{}/test", hook.id)).await;
        }
    }
    let mut most = before;
    for (harm, hook, taken) in &hooks {
        let tried = async || {
            let path = format!("/{}/deliveries?limit=100", hook.id);
            let page = call(reqwest::Method::GET, path).await;
            let all = page["items"].as_array().unwrap().clone();
            assert_eq!(all.len(), EACH);
            all
        };
        let right = match harm {
            Harm::EndlessBody | Harm::SlowBody | Harm::Bomb => json!("delivered"),
            Harm::EndlessHead => json!("not_connected"),
            Harm::SlowHead => json!("timed_out"),
        };
        loop {
            most = most.max(process.memory());
            let all = tried().await;
            let first = all.iter().map(|one| match one["state"].as_str() {
                Some("delivered") => &one["state"],
                _ => &one["lastProblem"],
            });
            let noted: Vec<&Value> = first.filter(|one| !one.is_null()).collect();
            assert!(
                noted.iter().all(|one| **one == right),
                "{harm:?}: {noted:?}"
            );
            // Slow ones are tried four at once; a few will do.
            if noted.len() >= EACH || (matches!(harm, Harm::SlowHead) && noted.len() >= 4) {
                break;
            }
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "{harm:?}: {noted:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // What the system's buffers hold, and hyper reads of a head; not what the receiver would send.
        let taken = taken.load(Ordering::SeqCst);
        let each = taken / u64::try_from(EACH).unwrap();
        assert!(each < 8 << 20, "{harm:?}: {each} bytes were taken for each");
    }
    assert!(
        most < before + (48 << 10),
        "{before} KiB of memory grew to {most} KiB"
    );
}
