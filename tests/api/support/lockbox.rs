//! Lockboxes as their users reach them, in RPort's dialect unless another is said.

use reqwest::Method;
use serde_json::{Value, json};

use super::http::{Answer, Call};
use super::{TestApp, TestUser, TestVendor};

impl<'a> Call<'a> {
    /// As a user, by HTTP Basic.
    pub fn user(self, user: &TestUser) -> Call<'a> {
        self.basic(&user.login, &user.password)
    }
}

impl TestApp {
    /// An administrator of a vendor.
    pub async fn administrator(&self, vendor: &TestVendor) -> TestUser {
        self.user(vendor, "admin", &["Administrators"]).await
    }

    /// A call in RPort's dialect.
    pub fn rport(&self, method: Method, path: &str, user: &TestUser) -> Call<'_> {
        self.call(method, &format!("/api/v1/{path}")).user(user)
    }

    /// Initializes a lockbox, which is unlocked then.
    pub async fn init(&self, user: &TestUser, password: &str) {
        self.keep_secret(&format!("\"{password}\""));
        let call = self.rport(Method::POST, "vault-admin/init", user);
        let made = call.json(&json!({ "password": password })).send().await;
        assert_eq!(made.status, 201, "{made:?}");
    }

    /// Tries to unlock a lockbox.
    pub async fn unlock(&self, user: &TestUser, password: &str) -> Answer {
        let call = self.rport(Method::POST, "vault-admin/sesame", user);
        call.json(&json!({ "password": password })).send().await
    }

    /// Tries to lock a lockbox.
    pub async fn lock(&self, user: &TestUser) -> Answer {
        let call = self.rport(Method::DELETE, "vault-admin/sesame", user);
        call.send().await
    }

    /// `locked` or `unlocked`.
    pub async fn lock_status(&self, user: &TestUser) -> String {
        let answer = self.rport(Method::GET, "vault-admin", user).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json["data"]["status"].as_str().unwrap().to_owned()
    }

    /// Stores an entry, and gives its id.
    pub async fn stored(&self, user: &TestUser, key: &str, value: &str) -> i64 {
        self.keep_secret(value);
        let body = json!({ "key": key, "value": value, "type": "secret" });
        let call = self.rport(Method::POST, "vault", user);
        let made = call.json(&body).send().await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json["data"]["id"].as_i64().unwrap()
    }

    /// Reads an entry.
    pub async fn read_entry(&self, user: &TestUser, id: i64) -> Answer {
        let path = format!("vault/{id}");
        self.rport(Method::GET, &path, user).send().await
    }

    /// The value of an entry that can be read.
    pub async fn value(&self, user: &TestUser, id: i64) -> Value {
        let read = self.read_entry(user, id).await;
        assert_eq!(read.status, 200, "{read:?}");
        read.json["data"]["value"].clone()
    }
}
