//! Wrong keys: refused much faster than tokens are made, without PostgreSQL and OpenBao.

use std::time::Duration;

use crate::load::load;
use crate::place::{Bench, ROUND, ROUNDS};
use crate::report::{Bar, Report};
use crate::support::servers;

const CALLERS: usize = 32;

/// The row of refusals.
pub async fn run(bench: &Bench, report: &mut Report) {
    let call = |key: String| {
        let (http, url) = (
            bench.http.clone(),
            format!("{}/api/site", bench.service.url),
        );
        move || http.post(&url).bearer_auth(&key)
    };
    // As long as a right one, and with its beginning, which says which key it would be.
    let right = bench.vendor.public_key.clone();
    let end = if right.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{end}", &right[..right.len() - 1]);
    load(CALLERS, Duration::from_secs(1), 401, call(wrong.clone())).await;
    let (mut refused, mut made) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = touched(bench).await;
        let round = load(CALLERS, ROUND, 401, call(wrong.clone())).await;
        let after = touched(bench).await;
        // What the service does by itself meanwhile is little, and does not grow with the refusals.
        let most = round.rate * ROUND.as_secs_f64() / 100.0;
        assert!(
            after.0 - before.0 < most && after.1 - before.1 < most,
            "{before:?} {after:?}"
        );
        refused.push(round.rate);
        made.push(load(CALLERS, ROUND, 200, call(right.clone())).await.rate);
    }
    let work = "wrong keys refused at 32 connections, against write tokens";
    report.row(work, "a second", &refused, &made, Bar::Least(20.0));
}

/// Transactions of PostgreSQL, and lines of OpenBao's audit log.
async fn touched(bench: &Bench) -> (f64, f64) {
    let client = servers::client(&bench.place.database_url).await;
    let sql = "SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()";
    let transactions: f64 = client.query_one(sql, &[]).await.unwrap().get(0);
    let log = std::fs::read(&bench.openbao.audit_log).unwrap();
    let lines = log.split(|byte| *byte == b'\n').count();
    (transactions, f64::from(u32::try_from(lines).unwrap()))
}
