//! Users of vendors.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatehouse::config::Config;
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::http::{Answer, Call};
use super::{Place, TestApp, TestVendor};

/// A password that the rules allow.
pub const GOOD: &str = "wolkenbruch 7 pfau & ziegel";

/// A user with its password.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub name: String,
    /// `name@namespace`.
    pub login: String,
    pub password: String,
}

impl Call<'_> {
    /// With HTTP Basic.
    pub fn basic(self, login: &str, password: &str) -> Self {
        self.header("authorization", &basic(login, password))
    }

    /// As from another address, where the service believes its proxy.
    pub fn from(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }
}

/// The header of HTTP Basic.
pub fn basic(login: &str, password: &str) -> String {
    let both = BASE64_STANDARD.encode(format!("{login}:{password}"));
    format!("Basic {both}")
}

impl TestApp {
    /// A user whose password the service made.
    pub async fn user(&self, vendor: &TestVendor, name: &str, groups: &[&str]) -> TestUser {
        let body = json!({ "name": name, "groups": groups });
        let made = self.as_vendor(vendor, Method::POST, "/users", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        TestUser {
            name: name.to_owned(),
            login: made.json["user"]["login"].as_str().unwrap().to_owned(),
            password: made.text_of("password"),
        }
    }

    /// A call of the vendor below `/api`.
    pub async fn as_vendor(
        &self,
        vendor: &TestVendor,
        method: Method,
        path: &str,
        body: Value,
    ) -> Answer {
        self.as_bearer(&vendor.private_key, method, path, body)
            .await
    }

    /// A call of somebody below `/api`.
    pub async fn as_bearer(&self, bearer: &str, method: Method, path: &str, body: Value) -> Answer {
        let call = self.call(method, &format!("/api{path}")).bearer(bearer);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        call.send().await
    }

    /// A log-in with a code.
    pub async fn log_in_with(&self, user: &TestUser, code: &str) -> Answer {
        let body =
            json!({ "session": { "email": user.login, "password": user.password, "totp": code } });
        self.post("/api/sessions").json(&body).send().await
    }

    /// A user's session.
    pub async fn user_session(&self, user: &TestUser) -> String {
        let answer = self.log_in(&user.login, &user.password).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text_of("access_token")
    }

    /// An access token of a user.
    pub async fn user_token(&self, session: &str) -> String {
        let body = json!({ "name": "For a script" });
        let made = self
            .as_bearer(session, Method::POST, "/user/sessions", body)
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text_of("token")
    }

    /// The status of `GET /api/user` by HTTP Basic.
    pub async fn basic_status(&self, login: &str, password: &str) -> u16 {
        self.get("/api/user")
            .basic(login, password)
            .send()
            .await
            .status
    }

    /// The status of `GET /api/user` by a bearer.
    pub async fn bearer_status(&self, bearer: &str) -> u16 {
        self.get("/api/user").bearer(bearer).send().await.status
    }

    /// The code of a second factor, so many half minutes from now.
    pub fn code(&self, secret: &str, steps: i64) -> String {
        let secret = Secret::try_from_base32(secret).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        let at = self.app.clock.now().as_second() + 30 * steps;
        totp.generate(at.try_into().unwrap()).to_string()
    }

    /// A second factor in force. Its first code is used up; the next half minute has come.
    pub async fn second_factor(&self, user: &TestUser, session: &str) -> String {
        let body = json!({ "password": user.password });
        let begun = self
            .as_bearer(session, Method::POST, "/user/totp", body)
            .await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let secret = begun.text_of("totpSecret");
        let body = json!({ "code": self.code(&secret, 0) });
        let confirmed = self
            .as_bearer(session, Method::PUT, "/user/totp", body)
            .await;
        assert_eq!(confirmed.status, 200, "{confirmed:?}");
        self.app.clock.advance(30);
        secret
    }

    /// What the trail says of users, in order: `action outcome`.
    pub async fn user_events(&self) -> Vec<String> {
        let sql = "SELECT action, coalesce(code, outcome) AS outcome FROM events WHERE action LIKE 'user.%' ORDER BY id";
        let rows = self.sql().await.query(sql, &[]).await.unwrap();
        let line = |row: &tokio_postgres::Row| {
            format!("{} {}", row.get::<_, &str>(0), row.get::<_, &str>(1))
        };
        rows.iter().map(line).collect()
    }
}

/// A service that believes its peers where requests come from.
pub async fn behind_proxy() -> TestApp {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    TestApp::start_at(place, config).await
}

/// Two services on one database.
pub async fn two_replicas() -> (TestApp, TestApp) {
    let place = Place::shared().await;
    let config: Config = place.config().await;
    let same = Place {
        bao: place.bao.clone(),
        bao_root: place.bao_root.clone(),
        database_url: place.database_url.clone(),
    };
    let one = TestApp::start_at(place, config.clone()).await;
    let other = TestApp::start_at(same, config).await;
    assert!(!Arc::ptr_eq(&one.app, &other.app));
    (one, other)
}
