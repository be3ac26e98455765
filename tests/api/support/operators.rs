//! Operators who log in.

use gatehouse::db::Pool;
use gatehouse::types::{Secret, UserName};
use gatehouse::users::operators::manage::{self, Change};
use reqwest::Method;
use serde_json::{Value, json};

use super::TestApp;
use super::http::Answer;

/// A password that the rules for operators allow.
pub const STRONG: &str = "wolkenbruch 7 pfau & ziegel";

/// An operator with all that proves it.
#[derive(Clone, Debug)]
pub struct TestPerson {
    pub name: String,
    pub session: String,
    /// Of the second factor.
    pub secret: String,
    pub recovery_codes: Vec<String>,
}

/// An operator's name.
pub fn name(text: &str) -> UserName {
    UserName::try_from(text.to_owned()).unwrap()
}

impl TestApp {
    /// The database, as the command line reaches it.
    pub fn command_line(&self) -> Pool {
        Pool::new(&super::app::db_settings(&self.database_url)).unwrap()
    }

    /// An operator as the command line makes it; gives the password where that was made.
    pub async fn new_operator(&self, who: &str, password: Option<&str>) -> Option<String> {
        let chosen = password.map(|text| Secret::new(text.to_owned()));
        let ring = self.app.keys().unwrap();
        let made = manage::create(&self.command_line(), ring, &name(who), chosen.as_ref()).await;
        let made = made.unwrap().map(|secret| secret.expose().to_owned());
        if let Some(made) = &made {
            self.keep_secret(made);
        }
        made
    }

    /// What the command line does to an operator.
    pub async fn change_operator(&self, who: &str, change: Change) {
        let changed = manage::change(&self.command_line(), &name(who), change).await;
        changed.unwrap();
    }

    /// A log-in of an operator.
    pub async fn operator_log_in(&self, body: Value) -> Answer {
        let call = self.post("/api/admin/sessions").json(&body);
        call.send().await
    }

    /// A session of an operator who has a second factor; the next half minute has come.
    pub async fn operator_session(&self, person: &TestPerson) -> String {
        let code = self.code(&person.secret, 0);
        let body = json!({ "name": person.name, "password": STRONG, "otp": code });
        let begun = self.operator_log_in(body).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        self.app.clock.advance(30);
        begun.text_of("token")
    }

    /// An operator whose second factor is in force; its first code is used up, and the next half minute has come.
    pub async fn person(&self, who: &str) -> TestPerson {
        self.new_operator(who, Some(STRONG)).await;
        let begun = self
            .operator_log_in(json!({ "name": who, "password": STRONG }))
            .await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let session = begun.text_of("token");
        let (secret, recovery_codes) = self.operator_factor(&session).await;
        TestPerson {
            name: who.to_owned(),
            session,
            secret,
            recovery_codes,
        }
    }

    /// A second factor of an operator whose password is [`STRONG`], with its recovery codes.
    pub async fn operator_factor(&self, session: &str) -> (String, Vec<String>) {
        let path = "/admin/account/totp";
        let body = json!({ "password": STRONG });
        let begun = self.as_bearer(session, Method::POST, path, body).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let secret = begun.text_of("totpSecret");
        let body = json!({ "code": self.code(&secret, 0) });
        let confirmed = self.as_bearer(session, Method::PUT, path, body).await;
        assert_eq!(confirmed.status, 200, "{confirmed:?}");
        let codes = confirmed.json["recoveryCodes"].as_array().unwrap();
        let codes: Vec<String> = codes
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect();
        for code in &codes {
            self.keep_secret(code);
        }
        self.app.clock.advance(30);
        (secret, codes)
    }

    /// What a session may do, by a route of all operators: the status, and the code of a refusal.
    pub async fn operator_may(&self, session: &str) -> (u16, String) {
        let answer = self.get("/api/admin/tasks").bearer(session).send().await;
        let code = answer.json["code"].as_str().unwrap_or_default().to_owned();
        (answer.status, code)
    }

    /// Forgets wrong tries, so that a table of them can go on.
    pub async fn forget_tries(&self) {
        let sql = "DELETE FROM login_tries";
        self.sql().await.batch_execute(sql).await.unwrap();
    }

    /// What the trail says of operators, in order: `action outcome actor`.
    pub async fn operator_events(&self) -> Vec<String> {
        let sql = "SELECT action, coalesce(code, outcome) AS outcome, actor FROM events \
                   WHERE action LIKE 'operator.%' AND action <> 'operator.added' ORDER BY id";
        let rows = self.sql().await.query(sql, &[]).await.unwrap();
        let word = |row: &tokio_postgres::Row, at: usize| row.get::<_, String>(at);
        rows.iter()
            .map(|row| format!("{} {} {}", word(row, 0), word(row, 1), word(row, 2)))
            .collect()
    }
}
