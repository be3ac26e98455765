//! Users of vendors, and lockboxes that are open.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatehouse::types::{GroupName, Secret, UserId, UserName, VendorId};
use gatehouse::users::accounts::store::NewUser;
use gatehouse::users::accounts::{password, store};
use reqwest::Method;
use serde_json::{Value, json};

use super::http::{Answer, Call};
use super::{TestApp, TestVendor, servers};

/// A password of a lockbox, as RPort's documentation has it.
pub const PASSWORD: &str = "1234";
/// One that is strong.
pub const STRONG: &str = "correct-horse-battery-staple-9";

/// A user, by what is sent.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub basic: String,
}

impl TestApp {
    /// A user of a vendor in these groups.
    pub async fn user(&self, vendor: &TestVendor, name: &str, groups: &[&str]) -> TestUser {
        let secret = "foobaz";
        let app = Arc::clone(&self.app);
        let hash = move || password::hash(app.keys().unwrap(), &Secret::new(secret.to_owned()));
        let hash = tokio::task::spawn_blocking(hash).await.unwrap().unwrap();
        let to_group = |name: &&str| GroupName::try_from((*name).to_owned()).unwrap();
        let groups: Vec<GroupName> = groups.iter().map(to_group).collect();
        let user = UserName::try_from(name.to_owned()).unwrap();
        let new = NewUser {
            id: UserId(1000 + i64::from(servers::number())),
            name: &user,
            groups: &groups,
            password: &hash,
        };
        let client = self.app.db.get().await.unwrap();
        let now = self.app.clock.now();
        let added = store::insert(&client, VendorId(vendor.id), &new, now).await;
        assert!(added.unwrap());
        TestUser {
            basic: basic(&format!("{name}@{}", vendor.namespace), secret),
        }
    }

    /// A call by a user.
    pub fn by<'a>(&'a self, user: &TestUser, method: Method, path: &str) -> Call<'a> {
        self.call(method, path).header("authorization", &user.basic)
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

/// The header of HTTP Basic.
pub fn basic(login: &str, secret: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{login}:{secret}"))
    )
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
