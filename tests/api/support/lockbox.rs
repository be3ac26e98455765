//! Lockboxes as their users reach them, in RPort's dialect unless another is said.

use reqwest::Method;
use serde_json::{Value, json};

use super::http::{Answer, Call};
use super::{TestApp, TestUser, TestVendor};

/// A password of a lockbox, as RPort's documentation has it.
pub const PASSWORD: &str = "1234";
/// One that is strong.
pub const STRONG: &str = "correct-horse-battery-staple-9";

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

    /// A call by a user.
    pub fn by<'a>(&'a self, user: &TestUser, method: Method, path: &str) -> Call<'a> {
        self.call(method, path).user(user)
    }

    /// A call by a user with a body.
    pub async fn send(&self, user: &TestUser, call: &str, body: &Value) -> Answer {
        let (method, path) = call.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let call = self.by(user, method, path);
        let call = if body.is_null() {
            call
        } else {
            call.json(body)
        };
        call.send().await
    }

    /// The same without a body.
    pub async fn ask(&self, user: &TestUser, call: &str) -> Answer {
        self.send(user, call, &Value::Null).await
    }

    /// A vendor with an administrator, and its lockbox initialized and open.
    pub async fn lockbox(&self, namespace: &str) -> (TestVendor, TestUser) {
        let vendor = self.vendor(namespace).await;
        let admin = self.user(&vendor, "admin", &["Administrators"]).await;
        let body = json!({ "password": PASSWORD });
        let made = self.send(&admin, "POST /api/v1/vault-admin/init", &body);
        assert_eq!(made.await.status, 201);
        (vendor, admin)
    }

    /// An entry made in RPort's dialect: its id.
    pub async fn entry(&self, user: &TestUser, key: &str, more: Value) -> i64 {
        let mut body = json!({ "key": key, "value": format!("canary of {key}"), "type": "secret" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.send(user, "POST /api/v1/vault", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json["data"]["id"].as_i64().unwrap()
    }
}

impl Answer {
    /// Panics unless the answer has RPort's form of an error: gives what the faults say.
    #[track_caller]
    pub fn expect_faults(&self, status: u16) -> Vec<String> {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        assert_eq!(self.headers["cache-control"], "no-store");
        let top: Vec<&String> = self.json.as_object().unwrap().keys().collect();
        assert_eq!(top, ["errors"], "{self:?}");
        let faults = self.json["errors"].as_array().unwrap();
        assert!(!faults.is_empty(), "{self:?}");
        for fault in faults {
            assert_eq!(fault["code"], "", "{self:?}");
            assert!(fault["detail"].is_string() && fault.as_object().unwrap().len() == 3);
        }
        if status == 401 {
            assert_eq!(
                self.headers["www-authenticate"],
                "Basic realm=\"gatehouse\""
            );
        }
        let title = |fault: &Value| fault["title"].as_str().unwrap().to_owned();
        faults.iter().map(title).collect()
    }
}
