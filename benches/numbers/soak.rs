//! All that plugins and support teams do, for a long time, at three fifths of what can be done: does anything grow?
//! `BENCH_SOAK_MINUTES` says for how long, 30 by itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::overload::number;
use crate::paced::{Answer, paced, percentile};
use crate::place::{Bench, ROUND};
use crate::report::{Bar, Report};
use crate::support::servers;

/// Of the peak of the same mix.
const SHARE: f64 = 0.6;
/// What is looked at once for each.
const MINUTE: Duration = Duration::from_mins(1);

/// Sites that stay.
const STANDING: u64 = 200;

/// What the process holds.
struct Held {
    mib: f64,
    files: usize,
    threads: usize,
}

impl Held {
    fn by(bench: &Bench) -> Self {
        let process = format!("/proc/{}", bench.service.child.id());
        let entries = |of: &str| {
            std::fs::read_dir(format!("{process}/{of}"))
                .unwrap()
                .count()
        };
        let kib = u32::try_from(bench.service.memory()).unwrap();
        Self {
            mib: f64::from(kib) / 1024.0,
            files: entries("fd"),
            threads: entries("task"),
        }
    }
}

/// The rows of the soak.
pub async fn run(bench: &Bench, report: &mut Report) {
    let minutes = std::env::var("BENCH_SOAK_MINUTES").map_or(30, |text| text.parse().unwrap());
    assert!(minutes >= 3, "BENCH_SOAK_MINUTES must be 3 or more");
    stand(bench).await;
    let mix = mix(bench);
    peak(&mix).await;
    let rate = peak(&mix).await * SHARE;
    let warm = minutes / 3;
    let (mut held, mut slow, mut bad) = (Vec::new(), Vec::new(), 0);
    for minute in 0..minutes {
        let answers = paced(rate, MINUTE, mix.clone()).await;
        bad += answers.iter().filter(|answer| !is_good(answer)).count();
        slow.push(percentile(answers.iter().map(|answer| answer.took), 99) * 1000.0);
        held.push(Held::by(bench));
        let now = &held[held.len() - 1];
        println!(
            "minute {}: {} answers, {:.0} MiB, {} files, {} threads",
            minute + 1,
            answers.len(),
            now.mib,
            now.files,
            now.threads
        );
    }
    let (first, last) = (&held[warm], &held[held.len() - 1]);
    let of = format!("{minutes} minutes of mixed load");
    report.value(
        &format!("answers that were not good in {of}"),
        "",
        &[number(bad)],
        Bar::Most(0.0),
    );
    let slope = (last.mib - first.mib) / number(held.len() - 1 - warm);
    report.value(
        "resident memory after the first third",
        "MiB a minute",
        &[slope],
        Bar::Most(0.1),
    );
    for (what, one, other) in [
        ("open files", first.files, last.files),
        ("threads", first.threads, last.threads),
    ] {
        let work = format!("{what} at the end, more or fewer than after the first third");
        report.value(&work, "", &[number(one.abs_diff(other))], Bar::Most(5.0));
    }
    let third = slow.len() / 3;
    let (early, late) = (&slow[..third], &slow[slow.len() - third..]);
    let work = "99 of 100 calls of the last third, against the first";
    report.row(work, "ms", late, early, Bar::Most(1.2));
    report.value(
        "live tokens in OpenBao without a row, or rows without a token",
        "",
        &[number(astray(bench).await)],
        Bar::Most(0.0),
    );
}

fn is_good(answer: &Answer) -> bool {
    answer.status.is_some_and(|status| status.is_success())
}

/// As fast as it goes, a few seconds.
async fn peak(mix: &(impl Fn() -> RequestBuilder + Clone + Send + 'static)) -> f64 {
    let all = (0..32).map(|_| {
        let mix = mix.clone();
        tokio::spawn(async move {
            let (began, mut served) = (Instant::now(), 0);
            while began.elapsed() < ROUND {
                let answer = mix().send().await.unwrap();
                assert!(answer.status().is_success(), "{answer:?}");
                answer.bytes().await.unwrap();
                served += 1;
            }
            served
        })
    });
    let mut served = 0;
    for caller in all.collect::<Vec<_>>() {
        served += caller.await.unwrap();
    }
    number(served) / ROUND.as_secs_f64()
}

fn stands(number: u64) -> String {
    format!("soak-stands-{:06}", number % STANDING)
}

fn access_key(number: u64) -> String {
    format!("{:064x}", number % STANDING)
}

/// Sites that are there from the first to the last moment.
async fn stand(bench: &Bench) {
    for number in 0..STANDING {
        let site = json!({ "secretId": stands(number), "accessKey": access_key(number) });
        let call = bench.post("/sites", &bench.vendor.public_key).json(&site);
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// Write tokens for the store and for a site, read tokens, searches, lists, sites that come and go.
fn mix(bench: &Bench) -> impl Fn() -> RequestBuilder + Clone + Send + use<> {
    let (http, url) = (bench.http.clone(), bench.service.url.clone());
    let public = bench.vendor.public_key.clone();
    let private = bench.vendor.private_key.clone();
    let turn = Arc::new(AtomicU64::new(0));
    move || {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let passing = |turn: u64| format!("soak-passes-{:012}", turn / 8);
        let post = |path: &str, bearer: &str, body: Value| {
            let call = http.post(format!("{url}{path}"));
            call.bearer_auth(bearer).json(&body)
        };
        match turn % 8 {
            0 => post("/sites", &public, json!({ "secretId": passing(turn) })),
            1 | 2 => post("/api/site", &public, json!({})),
            3 => {
                let keys = json!({ "searchKeys": [access_key(turn)] });
                post("/sites/search", &private, keys)
            }
            4 => post(
                "/sites/token",
                &private,
                json!({ "secretId": stands(turn) }),
            ),
            5 => {
                let call = http.get(format!("{url}/sites?limit=20"));
                call.bearer_auth(&private)
            }
            6 => post("/sites/token", &private, json!({})),
            // One that came a good while ago.
            _ => {
                let id = passing(turn.saturating_sub(8_000));
                let call = http.delete(format!("{url}/sites/{id}"));
                call.bearer_auth(&public)
            }
        }
    }
}

/// Tokens that live in OpenBao without a row, and rows of tokens that do not.
async fn astray(bench: &Bench) -> usize {
    // What was begun ends.
    tokio::time::sleep(Duration::from_secs(90)).await;
    let (addr, root) = (&bench.openbao.addr, &bench.openbao.root_token);
    let list = Method::from_bytes(b"LIST").unwrap();
    let list = bench
        .http
        .request(list, format!("{addr}/v1/auth/token/accessors"));
    let listed: Value = list
        .header("x-vault-token", root)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let listed = listed["data"]["keys"].as_array().unwrap().iter();
    let listed: BTreeSet<String> = listed.map(|key| key.as_str().unwrap().to_owned()).collect();
    let sql = servers::client(&bench.place.database_url).await;
    let rows = "SELECT accessor FROM issuances WHERE revoked_at IS NULL AND max_expires_at > now()";
    let rows = sql.query(rows, &[]).await.unwrap();
    let recorded: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(recorded.len() > 1000, "{}", recorded.len());
    let mut astray = recorded.difference(&listed).count();
    for accessor in listed.difference(&recorded) {
        let url = format!("{addr}/v1/auth/token/lookup-accessor");
        let call = bench.http.post(url).header("x-vault-token", root);
        let found = call
            .json(&json!({ "accessor": accessor }))
            .send()
            .await
            .unwrap();
        let found: Value = found.json().await.unwrap();
        // Those of the service itself, and of the root, have no vendor.
        astray += usize::from(found["data"]["meta"]["vendor"].is_string());
    }
    astray
}
