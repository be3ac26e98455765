//! The process is killed while its tasks end tokens: those that no row knows, and those that are to die. `make drill` does
//! it 20 times at each place.

use reqwest::Method;
use serde_json::json;

use crate::support::TestVendor;
use crate::support::kills::{Killing, times};
use crate::support::wait::until;

/// More than a token on its way into the ledger has.
const GRACE: usize = 61;

impl Killing {
    /// A token of a role of ours, made past the service: on no record.
    async fn stray(&self, vendor: &TestVendor) -> String {
        let body = json!({
            "policies": [format!("{}-write-policy", vendor.namespace)],
            "meta": { "vendor": vendor.namespace },
        });
        self.minted("auth/token/create/gatehouse-write", body).await
    }

    async fn minted(&self, path: &str, body: serde_json::Value) -> String {
        let made = self.test.bao_root(Method::POST, path).json(&body);
        let made = made.send().await;
        let token = made.json["auth"]["client_token"].as_str();
        token.unwrap_or_else(|| panic!("{made:?}")).to_owned()
    }
}

#[tokio::test]
async fn sweep_that_dies_anywhere_is_finished_by_the_next() {
    let mut killing = Killing::start().await;
    let vendor = killing.test.vendor("gravityview").await;
    let kept = killing
        .test
        .write_token(&vendor, "site-of-everybody-01")
        .await;
    let foreign = json!({ "policies": ["gravityview-write-policy"] });
    let foreign = killing.minted("auth/token/create", foreign).await;
    killing.test.stop().await;
    for _ in 0..times() {
        let mut strays = Vec::new();
        for call in [
            "LIST auth/token/accessors",
            "POST auth/token/lookup-accessor",
            "POST auth/token/revoke-accessor",
        ] {
            for side in ["before", "after"] {
                for _ in 0..3 {
                    strays.push(killing.stray(&vendor).await);
                }
                let place = format!("{side} {call}");
                killing.killed_in("sweep_tokens", GRACE, &place).await;
                assert!(killing.test.is_alive(&kept).await, "{place}");
                assert!(killing.test.is_alive(&foreign).await, "{place}");
            }
        }
        // It was the last thing that the last one did.
        let mut alive = 0;
        for stray in &strays {
            alive += usize::from(killing.test.is_alive(stray).await);
        }
        assert!((1..strays.len()).contains(&alive), "{alive}");
        let process = killing.tasked("sweep_tokens", GRACE, &[]);
        for stray in &strays {
            until("the stray is dead", async || {
                !killing.test.is_alive(stray).await
            })
            .await;
        }
        drop(process);
        killing.assert_ledger_is_true("while sweeping").await;
        assert!(killing.test.is_alive(&kept).await);
        assert!(killing.test.is_alive(&foreign).await);
    }
}

#[tokio::test]
async fn revocation_that_dies_anywhere_is_finished_by_the_next_and_told_once() {
    const DOOMED: usize = 60;
    let mut killing = Killing::start().await;
    let vendor = killing.test.vendor("gravityview").await;
    let kept = killing
        .test
        .write_token(&vendor, "site-of-everybody-01")
        .await;
    let mut doomed = Vec::new();
    for _ in 0..DOOMED * times() {
        doomed.push(killing.test.read_token(&vendor).await);
    }
    killing.test.stop().await;
    let sql = killing.test.sql().await;
    // Each try puts the next off by 15 seconds; these pass at once.
    let mut ahead = 0;
    for doomed in doomed.chunks(DOOMED) {
        let mark = "UPDATE issuances SET revoke_asked_at = now(), revoke_after = now(), revoke_reason = 'a test', \
                    revoke_actor = 'a test' WHERE id IN (SELECT id FROM issuances WHERE kind = 'read' \
                    AND revoke_asked_at IS NULL ORDER BY seq LIMIT 60)";
        assert_eq!(sql.execute(mark, &[]).await.unwrap(), DOOMED as u64);
        for step in [
            "claiming doomed tokens",
            "POST auth/token/revoke-accessor",
            "noting a revoked token",
        ] {
            for side in ["before", "after"] {
                ahead += 16;
                let place = format!("{side} {step}");
                killing.killed_in("revoke_tokens", ahead, &place).await;
                assert!(killing.test.is_alive(&kept).await, "{place}");
            }
        }
        let left = "SELECT count(*) FROM issuances WHERE revoke_asked_at IS NOT NULL AND revoked_at IS NULL";
        let left = async || sql.query_one(left, &[]).await.unwrap().get::<_, i64>(0);
        assert!(left().await > 0, "there is something to finish");
        ahead += 16;
        let process = killing.tasked("revoke_tokens", ahead, &[]);
        until("all are noted", async || left().await == 0).await;
        drop(process);
        for token in doomed {
            assert!(!killing.test.is_alive(token).await);
        }
        killing.assert_ledger_is_true("while revoking").await;
    }
    assert!(killing.test.is_alive(&kept).await);
    let told =
        "SELECT count(*), count(DISTINCT issuance_id) FROM events WHERE action = 'token.revoked'";
    let told = sql.query_one(told, &[]).await.unwrap();
    let all = i64::try_from(doomed.len()).unwrap();
    assert_eq!((told.get::<_, i64>(0), told.get::<_, i64>(1)), (all, all));
}
