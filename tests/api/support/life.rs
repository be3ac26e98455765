//! A vendor with everything that one can have, and what is left of it.

use std::fmt::Write;

use gatehouse::vendors::cancel::store::FORGOTTEN;
use reqwest::Method;
use serde_json::{Value, json};

use super::http::Answer;
use super::lockbox::PASSWORD;
use super::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope, login_attempt, message};
use super::{TestApp, TestUser, TestVendor};

/// Stands in everything about people.
pub const CANARY: &str = "mustermann";

/// A vendor, and who lives by it.
pub struct Full {
    pub vendor: TestVendor,
    pub admin: TestUser,
    /// A worker's.
    pub session: String,
    /// Of a user.
    pub user_session: String,
    /// Of OpenBao, of each kind that is handed out.
    pub tokens: Vec<String>,
    /// Secrets in the store and the credentials, but for one under a name that is in no path.
    pub secrets: i64,
}

impl TestApp {
    /// A call of the operator on a vendor.
    pub async fn operate(&self, method: Method, namespace: &str, rest: &str) -> Answer {
        let path = format!("/api/admin/vendors/{namespace}{rest}");
        self.call(method, &path).bearer(&self.operator).send().await
    }

    /// Cancels a vendor: 202, or 200 where nothing is left.
    pub async fn cancel(&self, namespace: &str) -> Answer {
        let rest = format!("?confirm={namespace}");
        self.operate(Method::DELETE, namespace, &rest).await
    }

    /// Waits for the end of a cancellation.
    pub async fn until_gone(&self, namespace: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..1200 {
            last = self.operate(Method::GET, namespace, "").await.json;
            if last["cancellation"]["stage"] == "done" {
                return last;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("never gone: {last}");
    }

    async fn made(&self, method: Method, path: &str, bearer: &str, body: &Value) -> Value {
        let call = self.call(method, path).bearer(bearer).json(body);
        let made = call.send().await;
        assert!(matches!(made.status, 200..=204), "{path}: {made:?}");
        made.json
    }

    /// A vendor with everything, `extra` more secrets in its store, and `sites` more sites with tokens.
    pub async fn full(&self, namespace: &str, extra: usize, sites: usize) -> Full {
        let body = json!({
            "namespace": namespace, "name": format!("{CANARY} GmbH"), "ownerName": format!("Erika {CANARY}"),
            "ownerEmail": format!("erika@{CANARY}.example"), "plan": "all-access",
        });
        let call = self.post("/api/admin/vendors").bearer(&self.operator);
        let made = call.json(&body).send().await;
        let vendor = super::app::vendor_of(&made.json);
        let (public, private) = (vendor.public_key.as_str(), vendor.private_key.as_str());
        let mut tokens = vec![self.site(&vendor, "site-of-everybody-01", ACCESS_KEY).await];
        for number in 0..sites {
            let id = format!("{namespace}-site-{number:08}");
            tokens.push(self.write_token(&vendor, &id).await);
        }
        let wide = self
            .made(Method::POST, "/api/site", public, &json!({}))
            .await;
        let wide = wide["token"].as_str().unwrap().to_owned();
        self.fill_store(namespace, &wide, extra).await;
        tokens.extend([wide, self.read_token(&vendor).await]);
        let seed = envelope(&vendor, SECRET_ID, &ACCESS_KEY.replace('5', "6"));
        self.made(Method::POST, "/api/v1/sites", public, &seed)
            .await;

        let worker = self.worker(&vendor, &["cred-*"]).await;
        let session = self.session(&worker).await;
        let value = json!({ "type": "generic", CANARY: "b" });
        self.credential(&vendor, "cred-1", value).await;
        for (bearer, body) in [
            (session.as_str(), json!({ "ttl": 600, "keepAlive": true })),
            (private, json!({ "key": "cred-1" })),
        ] {
            let token = self.credentials_token(bearer, body).await;
            assert_eq!(token.status, 200, "{token:?}");
            tokens.push(token.text_of("token"));
        }
        let read = self.backend_read(&session, "cred-1").await;
        assert_eq!(read.status, 200, "{read:?}");

        let admin = self.user(&vendor, CANARY, &["Administrators"]).await;
        let user_session = self.user_session(&admin).await;
        self.init(&admin, PASSWORD).await;
        self.stored(&admin, CANARY, "canary-of-the-lockbox").await;
        let hook = json!({ "url": format!("http://127.0.0.1:9/{CANARY}") });
        self.made(Method::POST, "/api/webhooks", private, &hook)
            .await;
        let path = format!("/api/v1/sites/{SECRET_ID}/login-attempts");
        self.made(Method::POST, &path, public, &login_attempt())
            .await;
        let path = format!("/api/v1/accounts/{}/messages", vendor.id);
        self.made(Method::POST, &path, public, &message(CANARY))
            .await;
        Full {
            vendor,
            admin,
            session,
            user_session,
            tokens,
            // The site's, two in folders, the envelope, the credential.
            secrets: 5 + i64::try_from(extra).unwrap(),
        }
    }

    /// Fills a store with a token for all of it, as its holders may.
    async fn fill_store(&self, namespace: &str, token: &str, extra: usize) {
        let mut names: Vec<String> = (0..extra).map(|n| format!("extra-{n:06}")).collect();
        names.extend(["folder/a", "folder/deep/b", "no%20path"].map(str::to_owned));
        for some in names.chunks(16) {
            let writing = some.iter().map(async |name| {
                let path = format!("{namespace}-store/{name}");
                let body = json!({ "a": "b" });
                let call = self.bao(Method::POST, &path, token).json(&body);
                assert_eq!(call.send().await.status, 204, "{path}");
            });
            futures_util::future::join_all(writing).await;
        }
    }

    /// What is left of a vendor that was cancelled, in OpenBao and in PostgreSQL.
    pub async fn left_of(&self, vendor: &TestVendor) -> String {
        let namespace = vendor.namespace.as_str();
        let is_its = |name: &str| {
            name.strip_prefix(namespace)
                .is_some_and(|rest| rest.starts_with(['-', '.']))
        };
        let mut left = String::new();
        let mounts = self.bao_root(Method::GET, "sys/mounts").send().await.json;
        let mounts = mounts["data"].as_object().unwrap();
        for name in mounts.keys().filter(|name| is_its(name)) {
            writeln!(left, "mount {name}").unwrap();
        }
        for name in self.listed("sys/policies/acl").await {
            if is_its(&name) {
                writeln!(left, "policy {name}").unwrap();
            }
        }
        for accessor in self.listed("auth/token/accessors").await {
            let call = self.bao_root(Method::POST, "auth/token/lookup-accessor");
            let found = call.json(&json!({ "accessor": accessor })).send().await;
            let meta = &found.json["data"]["meta"];
            if meta["vendor"] == namespace {
                writeln!(left, "token {meta}").unwrap();
            }
        }
        let sql = self.sql().await;
        // Its namesake of another vendor may be one entity with it, and that one's token lives.
        let used = "SELECT DISTINCT entity_id FROM issuances i WHERE vendor_id = $1 AND entity_id IS NOT NULL \
                    AND NOT EXISTS (SELECT 1 FROM issuances o WHERE o.entity_id = i.entity_id AND o.vendor_id <> $1 \
                                    AND o.revoked_at IS NULL AND o.max_expires_at > now())";
        let used = sql.query(used, &[&vendor.id]).await.unwrap();
        let used: Vec<String> = used.iter().map(|row| row.get(0)).collect();
        for id in self.listed("identity/entity/id").await {
            if used.contains(&id) {
                writeln!(left, "entity {id}").unwrap();
            }
        }
        for table in FORGOTTEN {
            let count = format!("SELECT count(*) FROM {table} WHERE vendor_id = $1");
            let count: i64 = sql.query_one(&count, &[&vendor.id]).await.unwrap().get(0);
            if count > 0 {
                writeln!(left, "{count} rows of {table}").unwrap();
            }
        }
        for (what, wrong) in [
            (
                "vendor",
                "FROM vendors WHERE id = $1 AND (status <> 'cancelled' OR name <> namespace OR owner_name IS NOT NULL \
              OR owner_email IS NOT NULL OR plan IS NOT NULL OR told <> '{}')",
            ),
            (
                "key",
                "FROM api_keys WHERE vendor_id = $1 AND (ends_at IS NULL OR private_digest IS NOT NULL)",
            ),
            (
                "worker",
                "FROM workers WHERE vendor_id = $1 AND (removed_at IS NULL OR policy_gone_at IS NULL OR name <> 'removed')",
            ),
            (
                "credential",
                "FROM credentials WHERE vendor_id = $1 AND (destroyed_at IS NULL OR key <> 'removed')",
            ),
            (
                "live issuance",
                "FROM issuances WHERE vendor_id = $1 AND revoked_at IS NULL AND max_expires_at > now()",
            ),
            (
                "double event",
                "FROM events WHERE vendor_id = $1 AND action IN ('token.revoked', 'vendor.cancelled', \
              'vendor.cancellation_finished') GROUP BY action, issuance_id HAVING count(*) > 1",
            ),
        ] {
            let count = format!("SELECT count(*) FROM (SELECT 1 {wrong}) AS wrong");
            let count: i64 = sql.query_one(&count, &[&vendor.id]).await.unwrap().get(0);
            if count > 0 {
                writeln!(left, "{count} {what}").unwrap();
            }
        }
        left
    }

    /// A list of OpenBao's, as root; nothing where it is empty.
    async fn listed(&self, path: &str) -> Vec<String> {
        let method = Method::from_bytes(b"LIST").unwrap();
        let answer = self.bao_root(method, path).send().await;
        let keys = answer.json["data"]["keys"].as_array().cloned();
        let keys = keys.unwrap_or_default().into_iter();
        keys.map(|key| key.as_str().unwrap().to_owned()).collect()
    }
}
