//! The service itself.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Fault;
use crate::place::{Place, signal};

pub fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::new(
            "none",
            "",
            "Nothing at all: what follows is held against it.",
            |_| Box::pin(async {}),
            |_| Box::pin(async {}),
        ),
        Fault::new(
            "service_killed",
            "F38",
            "The one process gets SIGKILL in the middle of requests, and another is started.",
            |place| Box::pin(async { place.services[0].kill() }),
            |place| Box::pin(anew(place, &[])),
        ),
        Fault::new(
            "service_stopped",
            "F08",
            "The one process gets SIGSTOP for six seconds, then SIGCONT.",
            |place| Box::pin(async { signal(place.services[0].child.id(), Signal::STOP) }),
            |place| Box::pin(async { signal(place.services[0].child.id(), Signal::CONT) }),
        ),
        Fault::new(
            "service_terminated",
            "F41",
            "The one process gets SIGTERM under load, ends by itself with 0, and another is started.",
            |place| Box::pin(terminated(place)),
            |place| Box::pin(anew(place, &[])),
        ),
        Fault::new(
            "clock_ahead",
            "F46",
            "The service's clock is ten minutes ahead, then right again.",
            |place| Box::pin(anew(place, &[("GATEHOUSE_KILL_AHEAD", "600")])),
            |place| Box::pin(anew(place, &[])),
        ),
        Fault::new(
            "replicas_killed",
            "F45",
            "Three processes serve; each is killed in turn and another is started.",
            |place| Box::pin(replicas_killed(place)),
            |place| Box::pin(alone(place)),
        ),
    ];
    for fault in &mut faults[1..] {
        fault.breaks_connections = true;
    }
    faults[2].lasts = Duration::from_secs(6);
    faults[5].lasts = Duration::from_secs(1);
    faults
}

async fn anew(place: &mut Place, more: &[(&str, &str)]) {
    place.services.clear();
    place.serve(more).await;
}

async fn terminated(place: &mut Place) {
    let service = &mut place.services[0];
    signal(service.child.id(), Signal::TERM);
    let began = Instant::now();
    loop {
        if let Some(status) = service.child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0), "{}", service.log());
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it lives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn replicas_killed(place: &mut Place) {
    place.serve(&[]).await;
    place.serve(&[]).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut first = place.services.remove(0);
        first.kill();
        place.aim();
        place.serve(&[]).await;
    }
}

/// The replicas but the last end in peace.
async fn alone(place: &mut Place) {
    let last = place.services.pop().unwrap();
    let others = std::mem::replace(&mut place.services, vec![last]);
    place.aim();
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(others);
}
