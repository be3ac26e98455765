//! A request with an `Idempotency-Key`, and a process that dies at each place of it: asked again it makes one token, which
//! the client has. `make drill` does it 20 times at each place.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ledger::{live_tokens, recorded};
use crate::support::http::Answer;
use crate::support::kills::{Killing, times};
use crate::support::{TestApp, TestVendor};

const MINT: &str = "POST auth/token/create/gatehouse-write";
const TORN: &str = "after the first byte of an answer";

/// What a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// For the store.
    Store,
    /// For a site that has a token already.
    Site,
    /// For the store, wrapped.
    Wrapped,
}

/// A request, and the places where it has a process die, one after the other.
struct Case {
    what: What,
    places: Vec<String>,
    key: String,
    body: Value,
}

fn cases() -> Vec<Case> {
    use What::{Site, Store, Wrapped};
    let before_and_after = |what, step: &str| {
        let at = |side: &str| (what, vec![format!("{side} {step}")]);
        [at("before"), at("after")]
    };
    let twice = |first: &str, second: &str| (Store, vec![first.to_owned(), second.to_owned()]);
    let all = [
        before_and_after(Store, "claiming an idempotency key"),
        before_and_after(Store, MINT),
        before_and_after(Site, &format!("{MINT}-site")),
        before_and_after(Store, "recording tokens"),
        [
            (Site, vec!["tokens recorded".to_owned()]),
            (Site, vec!["after recording tokens".to_owned()]),
        ],
        before_and_after(Site, "POST auth/token/revoke-accessor"),
        before_and_after(Site, "noting a revoked token"),
        before_and_after(Wrapped, "POST auth/token/lookup-accessor"),
        before_and_after(Store, "keeping an answer"),
        before_and_after(Store, "the first byte of an answer"),
        // The one that takes the key over dies too.
        [
            twice(
                "after recording tokens",
                "before POST auth/token/revoke-accessor",
            ),
            twice(
                "before keeping an answer",
                "after POST auth/token/revoke-accessor",
            ),
        ],
        [
            twice("after recording tokens", "before forgetting former tries"),
            twice("before keeping an answer", &format!("after {MINT}")),
        ],
    ];
    let cases = all.into_iter().flatten().map(|(what, places)| {
        let key = Uuid::new_v4().to_string();
        let body = match what {
            What::Store => json!({}),
            What::Site => json!({ "secretId": format!("site-of-{key}") }),
            What::Wrapped => json!({ "wrapTtl": 600 }),
        };
        Case {
            what,
            places,
            key,
            body,
        }
    });
    cases.collect()
}

async fn ask(test: &TestApp, vendor: &TestVendor, key: &str, body: &Value) -> Answer {
    let call = test.post("/api/site").bearer(&vendor.public_key);
    call.header("idempotency-key", key).json(body).send().await
}

fn is_replay(answer: &Answer) -> bool {
    answer.headers.contains_key("idempotent-replayed")
}

impl Killing {
    /// Has one process after the other die at the places of a case.
    async fn die(&self, vendor: &TestVendor, case: &Case) {
        for (number, place) in case.places.iter().enumerate() {
            if number > 0 {
                self.let_claims_end().await;
            }
            let begun = self
                .killed(place, |http, url| {
                    let call = http.post(format!("{url}/api/site"));
                    let call = call.bearer_auth(&vendor.public_key).json(&case.body);
                    call.header("idempotency-key", &case.key)
                })
                .await;
            assert_eq!(begun, place == TORN, "{place}");
        }
    }

    /// What a dead process had in hand for half a minute is anybody's at once.
    pub async fn let_claims_end(&self) {
        let sql = "UPDATE idempotency_keys SET claimed_until = now() - interval '1 second' WHERE done_at IS NULL";
        self.test.sql().await.batch_execute(sql).await.unwrap();
    }

    /// Whether the holder of an answer can do with its token what it is for.
    async fn assert_token_works(&self, case: &Case, answer: &Answer) {
        let test = &self.test;
        let mut token = answer.json["token"].as_str().unwrap_or("").to_owned();
        if case.what == What::Wrapped {
            let wrapping = answer.text_of("wrapToken");
            let call = test.bao(reqwest::Method::POST, "sys/wrapping/unwrap", &wrapping);
            let inside = call.send().await.json;
            inside["auth"]["client_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut token);
            test.keep_secret(&token);
        }
        let site = case.body["secretId"].as_str().unwrap_or("any-secret-id-01");
        let path = format!("gravityview-store/{site}");
        let call = test.bao(reqwest::Method::POST, &path, &token);
        let written = call.json(&json!({ "a": "b" })).send().await;
        assert_eq!(written.status, 204, "{:?}: {written:?}", case.places);
    }
}

#[tokio::test]
async fn wherever_the_process_dies_the_same_request_makes_one_token() {
    for _ in 0..times() {
        let killing = Killing::start().await;
        let vendor = killing.test.vendor("gravityview").await;
        let (test, cases) = (&killing.test, cases());
        for case in cases.iter().filter(|case| case.what == What::Site) {
            // There is a former one to be superseded.
            let site = case.body["secretId"].as_str().unwrap();
            test.write_token(&vendor, site).await;
        }
        let dying = cases.iter().map(|case| killing.die(&vendor, case));
        stream::iter(dying)
            .buffer_unordered(4)
            .collect::<()>()
            .await;

        // At once there is the answer, where it was kept; where nothing was begun, it is done now.
        for case in &cases {
            let place = case.places.last().unwrap();
            let answer = ask(test, &vendor, &case.key, &case.body).await;
            let was_kept = place == TORN
                || place == "after keeping an answer"
                || place.starts_with("before the first byte");
            if was_kept {
                assert!(
                    answer.status == 200 && is_replay(&answer),
                    "{place}: {answer:?}"
                );
            } else if place == "before claiming an idempotency key" {
                assert!(
                    answer.status == 200 && !is_replay(&answer),
                    "{place}: {answer:?}"
                );
            } else if answer.status != 200 {
                let told = (answer.status, answer.code());
                assert_eq!(told, (409, "idempotency_in_flight"), "{place}: {answer:?}");
            }
        }
        test.app.clock.advance(31);
        let mut issued = BTreeSet::new();
        let mut answers = Vec::new();
        for case in &cases {
            let first = ask(test, &vendor, &case.key, &case.body).await;
            assert_eq!(first.status, 200, "{:?}: {first:?}", case.places);
            let again = ask(test, &vendor, &case.key, &case.body).await;
            assert!(is_replay(&again) && again.text == first.text, "{again:?}");
            assert!(issued.insert(first.text_of("issuanceId")));
            answers.push(first);
        }
        killing.follow().await;
        killing.assert_ledger_is_true("while answering a key").await;
        let live = "SELECT id::text FROM issuances WHERE revoked_at IS NULL";
        let live = test.sql().await.query(live, &[]).await.unwrap();
        let live: BTreeSet<String> = live.iter().map(|row| row.get(0)).collect();
        assert_eq!(live, issued);
        for (case, answer) in cases.iter().zip(&answers) {
            killing.assert_token_works(case, answer).await;
        }
    }
}

#[tokio::test]
async fn token_whose_row_cannot_be_written_is_dead_and_its_key_makes_one_later() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let sql = test.sql().await;
    sql.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON issuances FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    let (key, body) = (Uuid::new_v4().to_string(), json!({}));
    for _ in 0..3 {
        let refused = ask(&test, &vendor, &key, &body).await;
        refused.expect_problem(503, "database_unavailable");
        assert!(live_tokens(&test).await.is_empty());
    }
    sql.batch_execute("DROP TRIGGER refuse ON issuances")
        .await
        .unwrap();
    let first = ask(&test, &vendor, &key, &body).await;
    assert!(first.status == 200 && !is_replay(&first), "{first:?}");
    let again = ask(&test, &vendor, &key, &body).await;
    assert!(is_replay(&again) && again.text == first.text, "{again:?}");
    assert_eq!(live_tokens(&test).await, [first.text_of("accessor")]);
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
}
