//! OpenBao, and the way to it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gatehouse::bootstrap::Role;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Fault;
use crate::place::line::Mode;
use crate::place::{Place, bao, empty, fill};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault::new(
            "sealed",
            "F01, F02",
            "The leader is sealed, and the one that leads next; then all are started again, and unseal by themselves.",
            |place| Box::pin(sealed(place)),
            |place| Box::pin(all_anew(place)),
        ),
        Fault::new(
            "leader_killed",
            "F06",
            "The leader gets SIGKILL; ten seconds later it is started again.",
            |place| Box::pin(leader_ends(place, Signal::KILL)),
            |place| Box::pin(started(place)),
        ),
        Fault::new(
            "leader_terminated",
            "F07",
            "The leader gets SIGTERM; ten seconds later it is started again.",
            |place| Box::pin(leader_ends(place, Signal::TERM)),
            |place| Box::pin(started(place)),
        ),
        Fault::new(
            "leader_stepped_down",
            "F07",
            "The leader is told to step down.",
            |place| Box::pin(stepped_down(place)),
            |place| Box::pin(whole(place)),
        ),
        Fault::new(
            "leader_stopped",
            "F08",
            "The leader gets SIGSTOP, and SIGCONT when another leads.",
            |place| Box::pin(leader_stopped(place)),
            |place| Box::pin(continued(place)),
        ),
        Fault::new(
            "quorum_lost",
            "F09",
            "Both followers get SIGKILL; then they are started again.",
            |place| Box::pin(quorum_lost(place)),
            |place| Box::pin(started(place)),
        ),
        Fault::new(
            "standbys",
            "F04, F23",
            "The balancer sends connections to all three nodes, whoever leads.",
            |place| Box::pin(standbys(place)),
            |place| Box::pin(follows(place)),
        ),
        Fault::new(
            "redirected",
            "F05",
            "The service talks to a follower, whose leader gets SIGKILL: 307 to the dead one until another leads.",
            |place| Box::pin(redirected(place)),
            |place| Box::pin(started(place)),
        ),
        Fault::new(
            "openbao_held",
            "F10, F11",
            "Nothing passes between the service and OpenBao, in both directions; connections stay.",
            |place| Box::pin(async { place.cluster.line.set(Mode::Held) }),
            |place| Box::pin(async { place.cluster.line.set(Mode::Open) }),
        ),
        Fault::new(
            "openbao_replies_lost",
            "F10",
            "A fifth of OpenBao's answers are lost with their connection, after it did what was asked.",
            |place| Box::pin(async { place.cluster.line.set(Mode::Lossy(20)) }),
            |place| Box::pin(async { place.cluster.line.set(Mode::Open) }),
        ),
        Fault::new(
            "app_tokens_revoked",
            "F14",
            "The service's own tokens are revoked, all three roles'.",
            |place| Box::pin(app_tokens_revoked(place)),
            |_| Box::pin(async {}),
        ),
        Fault::new(
            "audit_full",
            "F19",
            "The file systems with the audit logs are full, on all three nodes.",
            |place| Box::pin(async { audit_full(place) }),
            |place| Box::pin(audit_emptied(place)),
        ),
        Fault::new(
            "audit_blocked",
            "F20",
            "The audit log of the leader is a pipe whose reader gets SIGSTOP, then SIGCONT.",
            |place| Box::pin(audit_blocked(place)),
            |place| Box::pin(audit_freed(place)),
        ),
    ]
}

/// The leader, then the one that leads next: the third cannot lead alone.
async fn sealed(place: &mut Place) {
    for _ in 0..2 {
        let leader = place.cluster.leader().await;
        place.cluster.put(leader, "sys/seal").await;
    }
}

async fn all_anew(place: &mut Place) {
    for node in &mut place.cluster.nodes {
        node.end(Signal::KILL).await;
        node.start();
    }
    place.cluster.whole().await;
}

async fn leader_ends(place: &mut Place, by: Signal) {
    let leader = place.cluster.leader().await;
    place.cluster.nodes[leader].end(by).await;
}

/// Those that have ended start again.
async fn started(place: &mut Place) {
    for node in &mut place.cluster.nodes {
        if node.has_ended() {
            node.start();
        }
    }
    follows(place).await;
}

async fn whole(place: &mut Place) {
    place.cluster.whole().await;
}

async fn follows(place: &mut Place) {
    place.cluster.follows.store(true, Ordering::Relaxed);
    place.cluster.whole().await;
}

async fn stepped_down(place: &mut Place) {
    let leader = place.cluster.leader().await;
    place.cluster.put(leader, "sys/step-down").await;
}

async fn leader_stopped(place: &mut Place) {
    place.victim = place.cluster.leader().await;
    place.cluster.nodes[place.victim].signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn continued(place: &mut Place) {
    place.cluster.nodes[place.victim].signal(Signal::CONT);
    place.cluster.whole().await;
}

async fn quorum_lost(place: &mut Place) {
    let leader = place.cluster.leader().await;
    for (number, node) in place.cluster.nodes.iter_mut().enumerate() {
        if number != leader {
            node.end(Signal::KILL).await;
        }
    }
}

/// New connections go to the followers, and to the leader too where wanted. Those that are end.
async fn to_followers(place: &mut Place, to_leader: bool) -> usize {
    let cluster = &place.cluster;
    let leader = cluster.leader().await;
    cluster.follows.store(false, Ordering::Relaxed);
    let nodes = cluster.nodes.iter().enumerate();
    let nodes = nodes.filter(|(number, _)| to_leader || *number != leader);
    let nodes: Vec<String> = nodes.map(|(_, node)| node.address.clone()).collect();
    cluster.line.aim(&nodes);
    cluster.line.set(Mode::Lossy(100));
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.line.set(Mode::Open);
    leader
}

async fn standbys(place: &mut Place) {
    to_followers(place, true).await;
}

async fn redirected(place: &mut Place) {
    let leader = to_followers(place, false).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    place.cluster.nodes[leader].end(Signal::KILL).await;
}

async fn app_tokens_revoked(place: &mut Place) {
    let leader = place.cluster.leader().await;
    let url = format!(
        "http://{}/v1/auth/token",
        place.cluster.nodes[leader].address
    );
    let ours = [Role::Issuer, Role::Revoker, Role::Provisioner];
    let ours = ours.map(|role| format!("{role:?}").to_lowercase());
    let method = reqwest::Method::from_bytes(b"LIST").unwrap();
    let root = &place.cluster.root;
    let call = place.http.request(method, format!("{url}/accessors"));
    let listed = call.header("x-vault-token", root).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    let mut ended = 0;
    for accessor in listed["data"]["keys"].as_array().unwrap() {
        let body = json!({ "accessor": accessor });
        let call = place
            .http
            .post(format!("{url}/lookup-accessor"))
            .json(&body);
        let found = call.header("x-vault-token", root).send().await.unwrap();
        let found: Value = found.json().await.unwrap_or_default();
        let policies = found["data"]["policies"].to_string();
        let is_ours = ours
            .iter()
            .any(|role| policies.contains(&format!("{role}-policy")));
        if is_ours && found["data"]["path"] == "auth/approle/login" {
            let call = place
                .http
                .post(format!("{url}/revoke-accessor"))
                .json(&body);
            let done = call.header("x-vault-token", root).send().await.unwrap();
            ended += usize::from(done.status().is_success());
        }
    }
    assert!(ended >= 3, "{ended} tokens of the service's own");
}

fn audit_full(place: &mut Place) {
    for node in &place.cluster.nodes {
        fill(&node.dir.join("audit"));
    }
}

async fn audit_emptied(place: &mut Place) {
    for node in &place.cluster.nodes {
        empty(&node.dir.join("audit"));
    }
    place.cluster.whole().await;
}

async fn audit_blocked(place: &mut Place) {
    place.victim = place.cluster.leader().await;
    let reader = bao::pipe_audit(&place.cluster.nodes[place.victim]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    crate::place::signal(reader.pid(), Signal::STOP);
    place.readers.push(reader);
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn audit_freed(place: &mut Place) {
    let mut reader = place.readers.pop().unwrap();
    crate::place::signal(reader.pid(), Signal::CONT);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let node = &place.cluster.nodes[place.victim];
    std::fs::remove_file(node.dir.join("audit/audit.log")).unwrap();
    node.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_secs(1)).await;
    reader.stop(Duration::from_secs(5)).await.unwrap();
    place.cluster.whole().await;
}
