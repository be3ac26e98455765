//! Calls and answers. Every token, key and claim in an answer is remembered as a secret of the test.

use gatehouse::error::Dialect;
use reqwest::RequestBuilder;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use super::app::TestApp;
use super::description::{self, Came};

/// A call that is being built.
pub struct Call<'a> {
    test: &'a TestApp,
    request: RequestBuilder,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// `null` where the body is no JSON.
    pub json: Value,
}

/// Fields of answers that hold a secret.
const SECRET_FIELDS: [&str; 15] = [
    "token",
    "wrapToken",
    "client_token",
    "privateKey",
    "publicKey",
    "claimToken",
    "deleteKey",
    "readKey",
    "secret_id",
    "workerKey",
    "access_token",
    "password",
    "secret_access_key",
    "signingSecret",
    "totpSecret",
];

impl<'a> Call<'a> {
    pub fn new(test: &'a TestApp, request: RequestBuilder) -> Self {
        Self { test, request }
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    /// A header whose value may be no text.
    pub fn value(self, name: &str, value: HeaderValue) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    pub fn json(self, body: &impl Serialize) -> Self {
        Self {
            request: self.request.json(body),
            ..self
        }
    }

    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self {
            request: self.request.body(body),
            ..self
        }
    }

    pub async fn send(self) -> Answer {
        let (client, request) = self.request.build_split();
        let request = request.unwrap();
        let called = (request.method().clone(), request.url().clone());
        let answer = client.execute(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        remember(self.test, &json);
        if called.1.as_str().starts_with(&self.test.url) {
            let media_type = headers
                .get("content-type")
                .map(|value| value.to_str().unwrap());
            let came = Came {
                status,
                media_type,
                text: &text,
            };
            description::assert_holds(called.0.as_str(), called.1.path(), &came);
        }
        Answer {
            status,
            headers,
            text,
            json,
        }
    }
}

fn remember(test: &TestApp, json: &Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(secret) if SECRET_FIELDS.contains(&name.as_str()) => {
                        test.keep_secret(secret);
                    }
                    other => remember(test, other),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| remember(test, item)),
        _ => {}
    }
}

impl Answer {
    /// A field at the top of the body.
    pub fn text_of(&self, field: &str) -> String {
        self.json[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field} in {self:?}"))
            .to_owned()
    }

    /// The stable code of a problem.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("none")
    }

    /// Panics unless the answer is a well-formed problem document of this status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["message"], self.json["detail"]);
        assert_eq!(
            self.json["request_id"].as_str().unwrap(),
            self.headers["x-request-id"].to_str().unwrap()
        );
        assert_eq!(
            self.headers.contains_key("retry-after"),
            matches!(status, 429 | 503)
        );
    }

    /// Panics unless the answer is a refusal as TrustedLogin's clients read it, of this status and code.
    #[track_caller]
    pub fn expect_refusal(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert!(!self.text_of("message").is_empty());
        assert_eq!(self.json["error"], self.json["message"]);
        assert_eq!(self.text_of("request_id"), self.headers["x-request-id"]);
        let errors = &self.json["errors"];
        if status == 422 {
            assert!(errors.is_object(), "{self:?}");
        } else {
            assert_eq!(errors[0], self.json["message"]);
        }
    }

    /// Panics unless the answer is an error as OAuth has it, of this status and code.
    #[track_caller]
    pub fn expect_oauth(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert!(!self.text_of("error").is_empty() && !self.text_of("error_description").is_empty());
        assert_eq!(self.text_of("request_id"), self.headers["x-request-id"]);
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401);
    }

    /// Panics unless the answer is an error of this status in the dialect of the path; `RPort`'s has no code.
    #[track_caller]
    pub fn expect_error(&self, path: &str, status: u16, code: &str) {
        match Dialect::of(path) {
            Dialect::Own => self.expect_problem(status, code),
            Dialect::OAuth => self.expect_oauth(status, code),
            Dialect::RPort => drop(self.expect_faults(status)),
            Dialect::TrustedLogin => self.expect_refusal(status, code),
            Dialect::Console => panic!("pages have tests of their own: {path}"),
        }
    }
}
