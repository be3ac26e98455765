//! What reading OpenBao's audit log into the database costs the token path.

use std::time::Duration;

use gatehouse::{access_logs, db};
use tokio_util::sync::CancellationToken;

use crate::load::load;
use crate::place::{Bench, ROUND, ROUNDS};
use crate::report::{Bar, Report};
use crate::support::app::db_settings;

const CALLERS: usize = 32;
const NODE: &str = "bench";

/// The row of shipping.
pub async fn run(bench: &Bench, report: &mut Report) {
    let pool = db::Pool::new(&db_settings(&bench.place.database_url)).unwrap();
    let settings = access_logs::Settings {
        file: bench.openbao.audit_log.clone(),
        node: NODE.to_owned(),
        namespace: None,
        proxies: Vec::new(),
    };
    let call = {
        let (http, key) = (bench.http.clone(), bench.vendor.public_key.clone());
        let url = format!("{}/api/site", bench.service.url);
        move || http.post(&url).bearer_auth(&key)
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(load(CALLERS, ROUND, 200, call.clone()).await.rate);
        let stop = CancellationToken::new();
        let shipping = tokio::spawn(access_logs::ship(
            pool.clone(),
            settings.clone(),
            stop.clone(),
        ));
        // Each round begins when it has read all there is.
        caught_up(&pool, bench).await;
        with.push(load(CALLERS, ROUND, 200, call.clone()).await.rate);
        stop.cancel();
        shipping.await.unwrap();
    }
    let work = "write tokens at 32 connections while the audit log is shipped, against without";
    report.row(work, "a second", &with, &without, Bar::Least(0.95));
}

/// Waits until the shipper has come to the end of the file.
async fn caught_up(pool: &db::Pool, bench: &Bench) {
    loop {
        let sql = "SELECT place FROM audit_positions WHERE node = $1";
        let client = pool.all().await.unwrap();
        let row = client.query_opt(sql, &[&NODE]).await.unwrap();
        let read: i64 = row.map_or(0, |row| row.get("place"));
        let length = std::fs::metadata(&bench.openbao.audit_log).unwrap().len();
        if u64::try_from(read).unwrap() >= length {
            return;
        }
        drop(client);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
