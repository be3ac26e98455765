//! TrustedLogin's v1: OpenBao is sealed in the middle of a call. It is told, nothing is lost or half done, and the same
//! call works when OpenBao is unsealed.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::{Own, start_wired};
use crate::support::http::Answer;
use crate::support::receiver::Receiver;
use crate::support::trustedlogin::{ACCESS_KEY, envelope, login_attempt, message, seen};
use crate::support::wait::until;
use crate::support::wire::Wire;
use crate::support::{TestApp, TestVendor};
use crate::trustedlogin_open::open;
use crate::trustedlogin_sites::{find, in_openbao, remove, store};

struct Bench {
    own: Own,
    test: TestApp,
    vendor: TestVendor,
    wire: Wire,
}

impl Bench {
    /// Makes a call, and seals OpenBao while the call's own one to `path` is on its way there.
    async fn sealed_at(&self, path: &str, call: impl Future<Output = Answer>) -> Answer {
        self.wire.forget();
        self.wire.delay(path, Duration::from_millis(700));
        let seal = async {
            until(path, async || !self.wire.calls_to(path).is_empty()).await;
            let sealed = self.test.bao_root(Method::PUT, "sys/seal").send().await;
            assert_eq!(sealed.status, 204);
        };
        let (answer, ()) = tokio::join!(call, seal);
        answer
    }

    async fn unseal(&self) {
        self.own.unseal(&self.test).await;
        // It takes a moment to become active; the service may not have noticed that it was away.
        until("an active OpenBao", async || {
            let health = self.test.bao(Method::GET, "sys/health", "");
            health.send().await.status == 200
        })
        .await;
        self.test.until_ready().await;
    }

    async fn store(&self, id: &str) -> Answer {
        let body = envelope(&self.vendor, id, ACCESS_KEY);
        store(&self.test, &self.vendor, &body).await
    }

    async fn open(&self, id: &str, nonce: &(String, String)) -> Answer {
        let path = format!("{}/{id}", self.vendor.id);
        open(&self.test, &self.vendor, &path, nonce.clone()).await
    }

    async fn report(&self, path: &str, body: Value) -> u16 {
        let call = self.test.post(&format!("/api/v1/{path}"));
        let call = call.bearer(&self.vendor.public_key);
        call.json(&body).send().await.status
    }

    /// Removing: with the token, with the secret; refused at once, carried out later, once.
    async fn remove_and_seal(&self) {
        for (id, path) in [
            (IDS[0], "auth/token/create/gatehouse-delete".to_owned()),
            (IDS[1], secret(IDS[1])),
        ] {
            let queued = self
                .sealed_at(&path, remove(&self.test, &self.vendor, id))
                .await;
            assert_eq!(
                (queued.status, &queued.json),
                (202, &json!({ "deleted": false, "queued": true }))
            );
            let found = find(&self.test, &self.vendor, json!([ACCESS_KEY])).await;
            let left: Vec<&str> = IDS.into_iter().skip_while(|one| *one <= id).collect();
            assert_eq!(found.json[ACCESS_KEY], json!(left));
            self.unseal().await;
            self.test.app.clock.advance(120);
            until("the removal", async || {
                self.test.pass("remove_sites").await;
                in_openbao(&self.test, id).await.status == 404
                    && self.events("site.removed", id).await == 1
            })
            .await;
            let again = remove(&self.test, &self.vendor, id).await;
            assert_eq!(again.json["reason"], "unknown_secret_id");
        }
    }

    /// Each site was told of once, and so was each removal.
    async fn expect_webhooks(&self, receiver: &Receiver) {
        until("the webhooks", async || {
            self.test.pass("deliver_webhooks").await;
            let got = receiver.got();
            let of = |kind: &str| {
                let about = |id: &&str| {
                    let is = |one: &Value| one["type"] == kind && one["data"]["id"] == **id;
                    got.iter().filter(|one| is(&one.json())).count()
                };
                IDS.each_ref().map(about)
            };
            assert!(of("site.deleted").iter().all(|number| *number <= 1));
            of("site.created") == [1, 1, 1] && of("site.deleted") == [1, 1, 0]
        })
        .await;
    }

    async fn events(&self, action: &str, id: &str) -> i64 {
        let sql = "SELECT count(*) FROM events WHERE action = $1 AND secret_id = $2";
        let row = self.test.sql().await.query_one(sql, &[&action, &id]).await;
        row.unwrap().get(0)
    }
}

fn secret(id: &str) -> String {
    format!("gravityview-store/{id}")
}

const IDS: [&str; 3] = [
    "0123456789abcdef0123456789abcdef",
    "1123456789abcdef0123456789abcdef",
    "2123456789abcdef0123456789abcdef",
];

#[tokio::test]
async fn openbao_is_sealed_in_the_middle_of_each_call() {
    let (own, test, vendor, wire) = start_wired().await;
    let connector = test.connector(&vendor).await;
    let receiver = Receiver::start().await;
    test.hook(&vendor, &receiver.url).await;
    let bench = Bench {
        own,
        test,
        vendor,
        wire,
    };
    let write_token = "auth/token/create/gatehouse-write";

    // Storing: with the token, with the envelope, and an extension.
    for (id, path) in [
        (IDS[0], write_token.to_owned()),
        (IDS[1], secret(IDS[1])),
        (IDS[2], secret(IDS[2])),
    ] {
        let refused = bench.sealed_at(&path, bench.store(id)).await;
        refused.expect_refusal(503, "openbao_sealed");
        assert_eq!(bench.events("site.registered", id).await, 0);
        bench.unseal().await;
        until(&path, async || bench.store(id).await.status == 201).await;
        assert_eq!(bench.events("site.registered", id).await, 1);
    }
    let refused = bench.sealed_at(&secret(IDS[2]), bench.store(IDS[2])).await;
    refused.expect_refusal(503, "openbao_sealed");

    // What needs no OpenBao works meanwhile.
    let found = find(&bench.test, &bench.vendor, json!([ACCESS_KEY])).await;
    assert_eq!(found.json[ACCESS_KEY], json!(IDS));
    let site = |rest: &str| format!("sites/{}/{rest}", IDS[0]);
    let url = "https://customer.example/wp";
    assert_eq!(
        bench.report(&site("verify-identifier"), seen(url)).await,
        200
    );
    assert_eq!(
        bench.report(&site("login-attempts"), login_attempt()).await,
        201
    );
    assert_eq!(bench.report("report-brute-force", seen(url)).await, 200);
    let messages = format!("accounts/{}/messages", bench.vendor.id);
    assert_eq!(bench.report(&messages, message("x")).await, 201);
    assert_eq!(
        bench.test.connect(&bench.vendor, &connector.endpoint).await,
        200
    );
    bench.unseal().await;
    until("the extension", async || {
        bench.store(IDS[2]).await.status == 201
    })
    .await;

    // Opening: with the token, with the key that signs, and with the envelope. The nonce is not used up.
    let nonce = connector.nonce();
    for path in [
        "auth/token/create/gatehouse-read".to_owned(),
        "gatehouse-keys/data/envelope-signing".to_owned(),
        secret(IDS[0]),
    ] {
        let refused = bench.sealed_at(&path, bench.open(IDS[0], &nonce)).await;
        refused.expect_refusal(503, "openbao_sealed");
        assert_eq!(bench.events("envelope.opened", IDS[0]).await, 0, "{path}");
        bench.unseal().await;
    }
    until("the envelope", async || {
        bench.open(IDS[0], &nonce).await.status == 200
    })
    .await;
    assert_eq!(bench.events("envelope.opened", IDS[0]).await, 1);
    let account = format!("/api/v1/accounts/{}", bench.vendor.id);
    let read = || bench.test.get(&account).trusted_login(&bench.vendor).send();
    let refused = bench.sealed_at("auth/token/create/gatehouse-read", read());
    refused.await.expect_refusal(503, "openbao_sealed");
    bench.unseal().await;
    until("the account", async || {
        let account = read().await;
        if account.status == 200 {
            bench.test.keep_secret(&account.text_of("readKey"));
        }
        account.status == 200
    })
    .await;

    bench.remove_and_seal().await;
    assert_eq!(in_openbao(&bench.test, IDS[2]).await.status, 200);
    bench.expect_webhooks(&receiver).await;
}
