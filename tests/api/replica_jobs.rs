//! Two replicas and a queue of jobs: each is done by one of them, and when the one that is at it dies, the other goes on.
//! `DRILL_JOBS` says how many, 300 by itself; `make drill` takes 10,000.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, stream};
use gatehouse::dev::postgres::SERVICE_ROLE;
use reqwest::Method;
use serde_json::json;

use crate::support::process::{Process, serve, settings};
use crate::support::receiver::{Receiver, Reply};
use crate::support::{Place, TestApp, TestVendor, Wire, servers};

/// How long the other one may take.
const TAKES_OVER: Duration = Duration::from_secs(30);

/// A kind of job: the task that does it, how many are left, and what lets the time pass at once after which those that a
/// process had in hand when it died are anybody's.
struct Job {
    task: &'static str,
    left: &'static str,
    time: &'static str,
}

const JOBS: [Job; 3] = [
    Job {
        task: "deliver_webhooks",
        left: "SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NULL",
        time: "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE last_attempt_at <= $1 AND next_attempt_at > now()",
    },
    Job {
        task: "revoke_tokens",
        left: "SELECT count(*) FROM issuances WHERE kind = 'read' AND revoked_at IS NULL",
        time: "UPDATE issuances SET revoke_after = now() WHERE revoked_at IS NULL AND revoke_after > now() \
               AND revoke_after <= $1::timestamptz + interval '15 seconds'",
    },
    Job {
        task: "remove_sites",
        left: "SELECT count(*) FROM sites WHERE state <> 'removed'",
        time: "UPDATE sites SET removal_claimed_until = NULL, removal_after = NULL WHERE state = 'removing' \
               AND removal_claimed_until <= $1::timestamptz + interval '60 seconds'",
    },
];

struct Replicas {
    test: TestApp,
    sql: tokio_postgres::Client,
    http: reqwest::Client,
    /// With the name by which PostgreSQL knows each.
    running: Vec<(String, Process)>,
    settings: Vec<(String, String)>,
}

impl Replicas {
    async fn left(&self, job: &Job) -> i64 {
        self.sql.query_one(job.left, &[]).await.unwrap().get(0)
    }

    /// Starts one that PostgreSQL knows by a name of its own.
    async fn start(&mut self) {
        let name = format!("replica_{}_{}", std::process::id(), servers::number());
        let role = format!("CREATE ROLE {name} LOGIN PASSWORD 'of-a-test' IN ROLE {SERVICE_ROLE}");
        self.sql.batch_execute(&role).await.unwrap();
        let mut url = url::Url::parse(&self.test.database_url).unwrap();
        url.set_username(&name).unwrap();
        url.set_password(Some("of-a-test")).unwrap();
        let mut settings = self.settings.clone();
        settings.push(("DATABASE_URL".to_owned(), url.to_string()));
        let process = serve(&settings, &self.http).await;
        self.running.push((name, process));
    }

    /// Who is at a task.
    async fn holder(&self, task: &str) -> Option<String> {
        let sql = "SELECT a.usename::text FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() \
                   AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)";
        let row = self.sql.query_opt(sql, &[&task]).await.unwrap();
        row.map(|row| row.get(0))
    }

    /// Kills the one that is at a job in the middle of it. Gives how long it took the other to go on; `None` where the jobs
    /// were done too soon.
    async fn kill_holder(&mut self, job: &Job, all: i64, waits: bool) -> Option<Duration> {
        let began = Instant::now();
        let at = loop {
            let left = self.left(job).await;
            let holder = self.holder(job.task).await;
            let place = self
                .running
                .iter()
                .position(|(name, _)| Some(name) == holder.as_ref());
            match place {
                Some(place) if left > 0 && left < all => break place,
                _ if left == 0 => return None,
                _ => assert!(
                    began.elapsed() < Duration::from_mins(1),
                    "{}: {left}",
                    job.task
                ),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let (victim, mut process) = self.running.remove(at);
        let mut in_hand = Vec::new();
        for job in &JOBS {
            if self.holder(job.task).await.as_ref() == Some(&victim) {
                in_hand.push(job);
            }
        }
        process.kill();
        let (killed, at, left) = (Instant::now(), SystemTime::now(), self.left(job).await);
        for job in in_hand.iter().filter(|_| !waits) {
            self.sql.execute(job.time, &[&at]).await.unwrap();
        }
        if left == 0 {
            self.start().await;
            return None;
        }
        while self.left(job).await == left {
            assert!(
                killed.elapsed() < TAKES_OVER * 2,
                "{}: {left} wait",
                job.task
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = killed.elapsed();
        self.start().await;
        Some(took)
    }
}

/// Makes the jobs, none of which is due yet.
async fn prepare(test: &TestApp, vendor: &TestVendor, tokens: usize, sites: usize) -> Vec<String> {
    let minting = (0..tokens).map(|_| test.read_token(vendor));
    let tokens = stream::iter(minting).buffer_unordered(8).collect().await;
    let storing = (0..sites).map(async |number| {
        test.site(
            vendor,
            &format!("site-{number:016}"),
            &format!("{number:064}"),
        )
        .await;
    });
    stream::iter(storing)
        .buffer_unordered(8)
        .collect::<()>()
        .await;
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_done_by_one_and_goes_on_when_its_holder_dies() {
    let drill = std::env::var("DRILL_JOBS").map(|text| text.parse().unwrap());
    let is_long = drill.is_ok();
    let jobs: usize = drill.unwrap_or(300);
    let (tokens, sites) = (jobs * 3 / 10, jobs * 2 / 10);
    let messages = jobs - tokens - sites;
    let place = Place::shared().await;
    let wire = Wire::to(&place.bao.addr).await;
    let config = place.config().await;
    let mut settings = settings(&place).await;
    settings.push(("GATEHOUSE_BAO_ADDR".to_owned(), wire.addr.clone()));
    let mut test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("media-vendor").await;
    let receiver = Receiver::start().await;
    receiver.always(Reply(200, String::new(), Duration::from_millis(25)));
    let doomed = prepare(&test, &vendor, tokens, sites).await;
    test.hook(&vendor, &receiver.url).await;
    test.stop().await;
    let sql = test.sql().await;
    sql.batch_execute(
        "DELETE FROM webhook_deliveries; UPDATE sites SET expires_at = now(); \
         UPDATE issuances SET revoke_asked_at = now(), revoke_after = now(), revoke_reason = 'a test', \
             revoke_actor = 'a test' WHERE kind = 'read'",
    )
    .await
    .unwrap();
    // Messages about the ends of sites come on top of these.
    test.fill(&vendor, i64::try_from(messages).unwrap()).await;
    let mut replicas = Replicas {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        running: Vec::new(),
        test,
        sql,
        settings,
    };
    let began = Instant::now();
    replicas.start().await;
    replicas.start().await;
    let mut kills = BTreeMap::new();
    for (job, all) in JOBS.iter().zip([messages, tokens, sites]) {
        let all = i64::try_from(all).unwrap();
        if let Some(took) = replicas.kill_holder(job, all, is_long).await {
            assert!(took <= TAKES_OVER, "{}: {took:?}", job.task);
            kills.insert(job.task, took);
        }
    }
    assert!(kills.contains_key("deliver_webhooks"), "{kills:?}");
    assert!(!is_long || kills.len() == JOBS.len(), "{kills:?}");
    // The ends of sites are told by messages.
    for job in JOBS.iter().rev() {
        let since = Instant::now();
        while replicas.left(job).await > 0 {
            assert!(since.elapsed() < Duration::from_mins(15), "{}", job.task);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
    let took = began.elapsed();
    let again = [
        sent_again(&replicas, &receiver).await,
        revoked_again(&replicas, &wire, &doomed).await,
        removed_once(&replicas, &wire, sites).await,
    ];
    // What a dead process had in hand; and of tokens the few that a long pass leaves to the next when its time is over.
    let most = [3 * 4, 3 * 8 + tokens / 50, 3];
    let is_little = again.iter().zip(most).all(|(again, most)| *again <= most);
    assert!(is_little, "{again:?} of {most:?}");
    writeln!(
        std::io::stderr(),
        "{messages} messages, {tokens} tokens, {sites} sites in {took:?}; taken over after {kills:?}; done again: {again:?}"
    )
    .unwrap();
}

/// Each message came, and was noted. Gives how many came again.
async fn sent_again(replicas: &Replicas, receiver: &Receiver) -> usize {
    let sql = "SELECT id::text, attempts FROM webhook_deliveries WHERE delivered_at IS NOT NULL AND dead_at IS NULL";
    let rows = replicas.sql.query(sql, &[]).await.unwrap();
    let ids: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let came = receiver.ids();
    assert_eq!(came.iter().cloned().collect::<BTreeSet<_>>(), ids);
    came.len() - ids.len()
}

/// Each token is dead, and that is told once. Gives how many were revoked again.
async fn revoked_again(replicas: &Replicas, wire: &Wire, doomed: &[String]) -> usize {
    for token in doomed {
        assert!(!replicas.test.is_alive(token).await);
    }
    let told = "SELECT count(*), count(DISTINCT e.issuance_id) FROM events e JOIN issuances i ON i.id = e.issuance_id \
                WHERE e.action = 'token.revoked' AND i.kind = 'read'";
    let told = replicas.sql.query_one(told, &[]).await.unwrap();
    let all = i64::try_from(doomed.len()).unwrap();
    assert_eq!((told.get::<_, i64>(0), told.get::<_, i64>(1)), (all, all));
    let accessors = "SELECT accessor FROM issuances WHERE kind = 'read'";
    let accessors = replicas.sql.query(accessors, &[]).await.unwrap();
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in wire.calls_to("auth/token/revoke-accessor") {
        let accessor = call.json()["accessor"].as_str().unwrap().to_owned();
        *calls.entry(accessor).or_default() += 1;
    }
    let of = |row: &tokio_postgres::Row| calls[row.get::<_, &str>(0)];
    accessors.iter().map(|row| of(row) - 1).sum()
}

/// Each site is gone with its secret, and that is told once. Gives how many secrets were deleted again.
async fn removed_once(replicas: &Replicas, wire: &Wire, sites: usize) -> usize {
    let told =
        "SELECT count(*), count(DISTINCT secret_id) FROM events WHERE action = 'site.removed'";
    let told = replicas.sql.query_one(told, &[]).await.unwrap();
    let all = i64::try_from(sites).unwrap();
    assert_eq!((told.get::<_, i64>(0), told.get::<_, i64>(1)), (all, all));
    let list = Method::from_bytes(b"LIST").unwrap();
    let left = replicas
        .test
        .bao_root(list, "media-vendor-store")
        .send()
        .await;
    assert_eq!((left.status, &left.json["data"]), (404, &json!(null)));
    let calls = wire.calls_to("media-vendor-store/");
    calls.iter().filter(|call| call.method == "DELETE").count() - sites
}
