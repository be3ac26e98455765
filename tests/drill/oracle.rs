//! Holds what the callers were told against OpenBao and PostgreSQL, as root and as superuser.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::load::Asked;
use crate::place::Place;

/// Those who clean up have so long: a minute, and the time from one pass to the next.
const PATIENCE: Duration = Duration::from_secs(100);

/// What is there, and what differs.
#[derive(Default)]
pub struct Found {
    /// Tokens of our roles in OpenBao.
    pub living: usize,
    /// Those the ledger takes for alive.
    pub recorded: usize,
    /// Rows of the ledger.
    pub rows: usize,
    pub sites: usize,
    pub differences: Vec<String>,
    /// How long it took until there were no differences, or until it was given up.
    pub took: Duration,
}

/// Looks again and again until there is no difference, or time is up.
pub async fn look(place: &Place, bao: &mut Accessors) -> Found {
    let began = Instant::now();
    loop {
        let mut found = once(place, bao).await;
        found.took = began.elapsed();
        if found.differences.is_empty() || found.took > PATIENCE {
            return found;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Accessors that were looked at before, and are of tokens that are not ours.
#[derive(Default)]
pub struct Accessors(BTreeSet<String>);

struct Root<'a> {
    http: &'a Client,
    url: String,
    token: &'a str,
}

impl Root<'_> {
    async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let call = self.http.request(method, format!("{}/v1/{path}", self.url));
        let call = call.header("x-vault-token", self.token).json(body);
        let answer = call.timeout(Duration::from_secs(10)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// The living tokens of our roles.
    async fn living(&self, seen: &mut Accessors) -> BTreeSet<String> {
        // A leader that is new, or that just came back, may refuse for a moment.
        let (mut status, mut listed) = (0, Value::Null);
        for _ in 0..60 {
            (status, listed) = self.call("LIST", "auth/token/accessors", &json!({})).await;
            if status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(status, 200, "{listed}");
        let listed = listed["data"]["keys"].as_array().unwrap().iter();
        let listed: BTreeSet<String> = listed.map(|key| key.as_str().unwrap().to_owned()).collect();
        // A leader that died in the middle of a revocation leaves accessors in the list whose token is dead: each is looked at.
        let looking = listed.difference(&seen.0).map(async |accessor| {
            let body = json!({ "accessor": accessor });
            let path = "auth/token/lookup-accessor";
            let (status, found) = self.call("POST", path, &body).await;
            let is_ours = found["data"]["meta"]["vendor"].is_string();
            // Calls left below 0: it was being revoked, and nobody can use it any more.
            let is_ending = found["data"]["num_uses"].as_i64().unwrap_or(0) < 0;
            (status == 200 && !is_ending).then(|| (accessor.clone(), is_ours))
        });
        let looked = stream::iter(looking).buffer_unordered(8);
        let looked: Vec<(String, bool)> = looked.filter_map(std::future::ready).collect().await;
        let (ours, others): (Vec<_>, Vec<_>) = looked.into_iter().partition(|one| one.1);
        seen.0.extend(others.into_iter().map(|one| one.0));
        ours.into_iter().map(|one| one.0).collect()
    }
}

/// A row of the ledger.
struct Row {
    accessor: String,
    is_revoked: bool,
    is_asked: bool,
}

async fn once(place: &Place, seen: &mut Accessors) -> Found {
    let leader = place.cluster.leader().await;
    let root = Root {
        http: &place.http,
        url: format!("http://{}", place.cluster.nodes[leader].address),
        token: &place.cluster.root,
    };
    let client = place.database.client().await;
    let living = root.living(seen).await;
    let rows = "SELECT id::text, accessor, revoked_at IS NOT NULL, revoke_asked_at IS NOT NULL FROM issuances";
    let rows: BTreeMap<String, Row> = client
        .query(rows, &[])
        .await
        .unwrap()
        .iter()
        .map(row)
        .collect();
    let sites = "SELECT secret_id, state FROM sites WHERE state <> 'reserved'";
    let sites = client.query(sites, &[]).await.unwrap();
    let sites: BTreeMap<String, String> =
        sites.iter().map(|row| (row.get(0), row.get(1))).collect();

    let mut differences = Vec::new();
    let live_rows: BTreeSet<&String> = rows
        .values()
        .filter(|row| !row.is_revoked)
        .map(|row| &row.accessor)
        .collect();
    for accessor in living.iter().filter(|one| !live_rows.contains(one)) {
        differences.push(format!(
            "a token lives without a row that has it as living: {accessor}"
        ));
    }
    for accessor in live_rows.iter().filter(|one| !living.contains(**one)) {
        differences.push(format!(
            "a row has a token as living that OpenBao does not have: {accessor}"
        ));
    }
    for (id, row) in rows
        .iter()
        .filter(|(_, row)| row.is_asked && !row.is_revoked)
    {
        differences.push(format!(
            "asked to revoke, and not done: {id} {}",
            row.accessor
        ));
    }
    told_of_tokens(place, &rows, &living, &mut differences);
    let gone = told_of_sites(place, &sites, &mut differences);
    let store = format!("{}-store", place.load.vendor.namespace);
    let reading = gone.iter().map(async |id| {
        let (status, _) = root
            .call("GET", &format!("{store}/{id}"), &Value::Null)
            .await;
        (status != 404).then(|| format!("removed, and its secret is in OpenBao ({status}): {id}"))
    });
    let read = stream::iter(reading).buffer_unordered(8);
    differences.extend(
        read.filter_map(std::future::ready)
            .collect::<Vec<_>>()
            .await,
    );
    Found {
        living: living.len(),
        recorded: live_rows.len(),
        rows: rows.len(),
        sites: sites
            .values()
            .filter(|state| *state == "registered")
            .count(),
        differences,
        took: Duration::ZERO,
    }
}

fn row(row: &tokio_postgres::Row) -> (String, Row) {
    let of = Row {
        accessor: row.get(1),
        is_revoked: row.get(2),
        is_asked: row.get(3),
    };
    (row.get(0), of)
}

/// Each token that was handed out has its row; it lives, or is dead where that was acknowledged.
fn told_of_tokens(
    place: &Place,
    rows: &BTreeMap<String, Row>,
    living: &BTreeSet<String>,
    differences: &mut Vec<String>,
) {
    let known = place.load.known.lock().unwrap();
    for (id, held) in &known.tokens {
        let Some(row) = rows.get(id) else {
            differences.push(format!("a token was handed out that has no row: {id}"));
            continue;
        };
        if row.accessor != held.accessor {
            differences.push(format!("the row has another accessor: {id}"));
        }
        let site = held.site.as_ref().and_then(|site| known.sites.get(site));
        let removal = site.map_or(Asked::No, |site| site.remove);
        let lives = living.contains(&held.accessor);
        match held.revoke.max(removal) {
            Asked::No if !lives => {
                differences.push(format!("handed out, nobody ended it, and it is dead: {id}"));
            }
            Asked::Acknowledged if lives => {
                differences.push(format!("its end was acknowledged, and it lives: {id}"));
            }
            _ => {}
        }
    }
}

/// Each acknowledged site is there, each acknowledged removal was done; gives those whose secret must be gone.
fn told_of_sites(
    place: &Place,
    sites: &BTreeMap<String, String>,
    differences: &mut Vec<String>,
) -> Vec<String> {
    let known = place.load.known.lock().unwrap();
    let mut gone = Vec::new();
    for (id, site) in &known.sites {
        let state = sites.get(id).map_or("absent", String::as_str);
        match site.remove {
            Asked::No if state != "registered" => {
                differences.push(format!("an acknowledged site is {state}: {id}"));
            }
            Asked::Acknowledged if !matches!(state, "removed" | "absent") => {
                differences.push(format!("an acknowledged removal left it {state}: {id}"));
            }
            Asked::Acknowledged if site.is_written => gone.push(id.clone()),
            _ => {}
        }
    }
    gone
}

/// Whether it would see: a row that names another token, and an acknowledged site that is not there.
pub async fn check_itself(place: &Place, seen: &mut Accessors) {
    let client = place.database.client().await;
    let of_last = "(SELECT id FROM issuances WHERE revoke_asked_at IS NULL AND revoked_at IS NULL ORDER BY seq DESC LIMIT 1)";
    let other = format!("UPDATE issuances SET accessor = reverse(accessor) WHERE id = {of_last}");
    let before = once(place, seen).await.differences.len();
    client.batch_execute(&other).await.unwrap();
    let found = once(place, seen).await.differences;
    client.batch_execute(&other).await.unwrap();
    assert!(found.len() >= before + 2, "{found:?}");
    let known = place.load.known.lock().unwrap().sites.clone();
    let mut known = known.iter().filter(|(_, site)| site.remove == Asked::No);
    let (id, _) = known.next().unwrap();
    let set = "UPDATE sites SET state = $1 WHERE secret_id = $2";
    client.execute(set, &[&"reserved", id]).await.unwrap();
    let found = once(place, seen).await.differences;
    client.execute(set, &[&"registered", id]).await.unwrap();
    assert!(found.len() > before, "{found:?}");
}
