//! PostgreSQL, and the way to it.

use std::time::Duration;

use rustix::process::Signal;

use super::Fault;
use crate::place::line::Mode;
use crate::place::{Place, empty, fill};

pub fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::new(
            "postgres_killed",
            "F28",
            "PostgreSQL gets SIGKILL and is started again.",
            |place| Box::pin(ended(place, Signal::KILL)),
            |place| Box::pin(revived(place)),
        ),
        Fault::new(
            "postgres_restarted",
            "F27",
            "PostgreSQL is stopped (fast), and started again.",
            |place| Box::pin(ended(place, Signal::INT)),
            |place| Box::pin(revived(place)),
        ),
        Fault::new(
            "postgres_out_of_connections",
            "F30",
            "Others hold every connection, the service's too as they come free.",
            |place| Box::pin(out_of_connections(place)),
            |place| Box::pin(async { place.taken.clear() }),
        ),
        Fault::new(
            "postgres_hung",
            "F31",
            "PostgreSQL and all its processes get SIGSTOP, then SIGCONT.",
            |place| Box::pin(async { place.database.signal(Signal::STOP, true) }),
            |place| Box::pin(async { place.database.signal(Signal::CONT, true) }),
        ),
        Fault::new(
            "postgres_held",
            "F31",
            "Nothing passes between the service and PostgreSQL, in both directions; connections stay.",
            |place| Box::pin(async { place.database.line.set(Mode::Held) }),
            |place| Box::pin(async { place.database.line.set(Mode::Open) }),
        ),
        Fault::new(
            "postgres_replies_lost",
            "F34",
            "Three in a hundred of PostgreSQL's answers are lost with their connection, those of COMMIT too.",
            |place| Box::pin(async { place.database.line.set(Mode::Lossy(3)) }),
            |place| Box::pin(async { place.database.line.set(Mode::Open) }),
        ),
        Fault::new(
            "postgres_backends_killed",
            "F34",
            "Every connection of the service is ended by PostgreSQL, ten times a second.",
            |place| Box::pin(backends_killed(place)),
            |_| Box::pin(async {}),
        ),
        Fault::new(
            "postgres_locked",
            "F29, F35",
            "Somebody holds the ledger locked.",
            |place| Box::pin(locked(place)),
            |place| Box::pin(async { place.taken.clear() }),
        ),
        Fault::new(
            "postgres_full",
            "F32",
            "PostgreSQL's file system is full.",
            |place| Box::pin(async { fill(&place.database.dir) }),
            |place| Box::pin(emptied(place)),
        ),
        Fault::new(
            "postgres_failed_over",
            "F33",
            "A second server has followed every change; the first gets SIGKILL, and the second takes its place.",
            |place| Box::pin(failed_over(place)),
            |_| Box::pin(async {}),
        ),
    ];
    for fault in &mut faults {
        // Its beginning lasts by itself.
        if fault.name == "postgres_backends_killed" {
            fault.lasts = Duration::ZERO;
        }
    }
    faults
}

async fn ended(place: &mut Place, by: Signal) {
    place.database.signal(by, false);
    place.database.postgres.wait().await;
}

async fn revived(place: &mut Place) {
    place.database.revive().await;
}

async fn out_of_connections(place: &mut Place) {
    let url = place.database.direct("postgres");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse'";
    let connect = async || tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
    let mut none = 0;
    for _ in 0..200 {
        let before = place.taken.len();
        while let Ok((client, connection)) = connect().await {
            tokio::spawn(connection);
            place.taken.push(client);
        }
        none = if place.taken.len() == before {
            none + 1
        } else {
            0
        };
        if none >= 10 {
            return;
        }
        place.taken[0].batch_execute(end).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there were connections left");
}

async fn backends_killed(place: &mut Place) {
    let client = place.database.client().await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse'";
    for _ in 0..100 {
        client.batch_execute(end).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn locked(place: &mut Place) {
    let client = place.database.client().await;
    let lock = "BEGIN; LOCK TABLE issuances IN ACCESS EXCLUSIVE MODE";
    client.batch_execute(lock).await.unwrap();
    place.taken.push(client);
}

async fn emptied(place: &mut Place) {
    empty(&place.database.dir);
    place.database.revive().await;
}

async fn failed_over(place: &mut Place) {
    place.database.follow().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    place.database.fail_over().await;
}
