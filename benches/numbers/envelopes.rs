//! Envelopes: opened for a Connector that signed a nonce, on record and signed, against a plain read from OpenBao.

use std::sync::{Arc, Mutex};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::load::load;
use crate::place::{Bench, ROUND, ROUNDS};
use crate::report::{Bar, Report};
use crate::support::connector::TestConnector;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope};

const CALLERS: usize = 16;
/// More than are opened in a round: signing them is the Connector's work.
const NONCES: usize = 20_000;

/// The row of envelopes.
pub async fn run(bench: &Bench, report: &mut Report) {
    let vendor = &bench.vendor;
    let connector = TestConnector::start().await;
    let both = format!("{}{}", vendor.public_key, vendor.private_key);
    let signed = hex::encode(Sha256::digest(both));
    let account = format!("{}/api/v1/accounts/{}", bench.service.url, vendor.id);
    let body = json!({ "api_endpoint": connector.endpoint });
    let call = bench.http.post(account).bearer_auth(&vendor.private_key);
    let call = call.header("x-tl-token", &signed).json(&body);
    assert_eq!(call.send().await.unwrap().status(), 200);
    let stored = envelope(vendor, SECRET_ID, ACCESS_KEY);
    let call = bench
        .post("/api/v1/sites", &vendor.public_key)
        .json(&stored);
    assert_eq!(call.send().await.unwrap().status(), 201);
    let path = format!("{}-store/{SECRET_ID}", vendor.namespace);
    let read_key = bench
        .post("/sites/token", &vendor.private_key)
        .send()
        .await
        .unwrap();
    let read_key: serde_json::Value = read_key.json().await.unwrap();
    let read_key = read_key["token"].as_str().unwrap().to_owned();
    let (mut own, mut plain) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let direct = {
            let (http, token) = (bench.http.clone(), read_key.clone());
            let url = format!("{}/v1/{path}", bench.openbao.addr);
            move || http.get(&url).header("x-vault-token", &token)
        };
        let nonces = (0..NONCES).map(|_| connector.nonce()).collect();
        let nonces: Arc<Mutex<Vec<(String, String)>>> = Arc::new(Mutex::new(nonces));
        let ours = {
            let (http, key, signed) = (
                bench.http.clone(),
                vendor.private_key.clone(),
                signed.clone(),
            );
            let site = format!("{}/{SECRET_ID}", vendor.id);
            let url = format!("{}/api/v1/sites/{site}/get-envelope", bench.service.url);
            move || {
                let (nonce, proof) = nonces.lock().unwrap().pop().unwrap();
                let user = json!({ "id": 3, "name": "Ada" });
                let body = json!({ "user": user, "nonce": nonce, "signedNonce": proof });
                let call = http.post(&url).bearer_auth(&key);
                call.header("x-tl-token", &signed).json(&body)
            }
        };
        let (theirs, our) = (
            load(CALLERS, ROUND, 200, direct).await.rate,
            load(CALLERS, ROUND, 200, ours).await.rate,
        );
        // The first is nobody's.
        if round > 0 {
            plain.push(theirs);
            own.push(our);
        }
    }
    let work = "get-envelope at 16 connections, against a read from OpenBao";
    report.row(work, "a second", &own, &plain, Bar::Least(0.75));
}
