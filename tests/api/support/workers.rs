//! Credentials and the workers that read them.

use serde_json::{Value, json};

use super::http::Answer;
use super::{TestApp, TestVendor};

/// A worker with its key.
#[derive(Clone, Debug)]
pub struct TestWorker {
    pub login: String,
    pub key: String,
}

impl TestApp {
    /// A worker that may read what `keys` say.
    pub async fn worker(&self, vendor: &TestVendor, keys: &[&str]) -> TestWorker {
        let body = json!({ "name": "A worker", "keys": keys });
        let call = self.post("/api/workers").bearer(&vendor.private_key);
        let made = call.json(&body).send().await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json["worker"]["enforced"], true, "{made:?}");
        TestWorker {
            login: made.json["worker"]["login"].as_str().unwrap().to_owned(),
            key: made.text_of("workerKey"),
        }
    }

    /// What a worker gets for its name and key.
    pub async fn log_in(&self, login: &str, key: &str) -> Answer {
        let body = json!({ "session": { "email": login, "password": key } });
        self.post("/api/sessions").json(&body).send().await
    }

    /// A worker's access token.
    pub async fn session(&self, worker: &TestWorker) -> String {
        let answer = self.log_in(&worker.login, &worker.key).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text_of("access_token")
    }

    /// A credential of a vendor.
    pub async fn credential(&self, vendor: &TestVendor, key: &str, value: Value) -> Value {
        let body = json!({ "key": key, "value": value });
        let call = self.post("/api/credentials").bearer(&vendor.private_key);
        let made = call.json(&body).send().await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json["data"].clone()
    }

    /// A token for credentials, as somebody with this bearer asks for it.
    pub async fn credentials_token(&self, bearer: &str, body: Value) -> Answer {
        let call = self.post("/api/credentials/token").bearer(bearer);
        call.json(&body).send().await
    }

    /// A read as the workers' SDK does it with its store `BACKEND`.
    pub async fn backend_read(&self, session: &str, key: &str) -> Answer {
        self.get(&format!("/api/credentials/{key}"))
            .header("authorization", session)
            .send()
            .await
    }
}
