//! What is bad, and how it is refused: a table for each part of the catalogue of bad input, whose ids the rows bear.
//!
//! Each row is also held against what holds for all: an error of the caller in the dialect of its path, without what was
//! sent; nothing stored, nothing asked of OpenBao, nothing of it in the log.
//!
//! Rows that stand elsewhere, with what they are about: A-36, A-37 `vendors.rs`, `vendor_cancel.rs`; B-22, B-23, B-29,
//! B-32 `isolation.rs`; B-30 `sites.rs`; C-14 `access.rs`; C-19 `limits.rs`; D-22, D-24 `trustedlogin_sites.rs`; E-11,
//! E-14, E-18, E-20 below and at the foot of `src/webhooks/sign.rs`; E-25, E-26 `users_sessions.rs`, `oauth.rs`;
//! E-28, E-29 `access.rs`; E-30 `connector_nonces.rs`; E-33 to E-36 (the webhook's id is the key) `signup.rs`; E-39
//! `oauth.rs`; JW `signed_attacks.rs`; G-02 to G-10 for lists that are sorted and filtered `lockbox_list.rs`, G-18
//! `timeline_pages.rs`, G-24 `timeline_export.rs`; K-02 to K-08 `token_terms.rs`.

mod bodies;
mod credentials;
mod every_route;
mod fields;
mod framing;
mod known_fields;
mod urls;

use gatehouse::webhooks::SigningSecret;
use reqwest::Method;
use serde_json::Value;

use crate::support::app::SIGNUP_SECRET;
use crate::support::callers::Shown;
use crate::support::http::Answer;
use crate::support::wire::Seen;
use crate::support::{TestApp, TestVendor, Wire};

/// Stands in bad values, and in no answer.
pub const CANARY: &str = "canary";
/// The same where it is looked for in the log too, when the test ends.
pub const LOGGED: &str = "canary-that-no-log-may-ever-hold";

/// Who sends what is bad, and where.
#[derive(Clone, Copy, Debug)]
pub enum To {
    WriteToken,
    Register,
    Search,
    Vendors,
    Webhook,
}

pub const ALL: [To; 5] = [
    To::WriteToken,
    To::Register,
    To::Search,
    To::Vendors,
    To::Webhook,
];

/// What is sent, and what it is answered: the first of the codes is enough to say why.
pub struct Row {
    pub id: &'static str,
    pub what: String,
    pub sent: Sent,
    pub status: &'static [u16],
    pub code: &'static str,
}

/// A request.
pub enum Sent {
    /// To one of the five that take most, signed or with its key, as a media type.
    Body(To, Option<&'static str>, Vec<u8>),
    /// A method, a path, and who asks.
    Call(Method, String, Shown),
}

pub const JSON: Option<&str> = Some("application/json");

/// The row of a JSON body.
pub fn json(id: &'static str, to: To, body: &Value, code: &'static str) -> Row {
    let bytes = serde_json::to_vec(body).unwrap();
    Row {
        id,
        what: format!("{to:?} {body:.90}"),
        sent: Sent::Body(to, JSON, bytes),
        status: &[422],
        code,
    }
}

/// The row of a call without a body.
pub fn call(
    id: &'static str,
    method: &str,
    path: &str,
    shown: &Shown,
    status: &'static [u16],
    code: &'static str,
) -> Row {
    Row {
        id,
        what: format!("{method} {path:.120}"),
        sent: Sent::Call(
            Method::from_bytes(method.as_bytes()).unwrap(),
            path.to_owned(),
            shown.clone(),
        ),
        status,
        code,
    }
}

/// A service, a vendor, and what both had before anything bad came.
pub struct Bench {
    pub test: TestApp,
    pub wire: Wire,
    pub vendor: TestVendor,
}

impl Bench {
    pub async fn start() -> Self {
        let (test, wire) = Wire::start().await;
        let vendor = test.vendor("vendor-a").await;
        test.keep_secret(LOGGED);
        wire.forget();
        Self { test, wire, vendor }
    }

    pub async fn send(&self, sent: &Sent) -> Answer {
        let (to, kind, body) = match sent {
            Sent::Body(to, kind, body) => (*to, *kind, body),
            Sent::Call(method, path, shown) => {
                return self
                    .test
                    .call(method.clone(), path)
                    .shown(shown)
                    .send()
                    .await;
            }
        };
        let (path, key) = match to {
            To::WriteToken => ("/api/site", &self.vendor.public_key),
            To::Register => ("/sites", &self.vendor.public_key),
            To::Search => ("/sites/search", &self.vendor.private_key),
            To::Vendors => ("/api/admin/vendors", &self.test.operator),
            To::Webhook => return self.signed(body).await,
        };
        let call = self.test.post(path).bearer(key).body(body.clone());
        match kind {
            Some(kind) => call.header("content-type", kind).send().await,
            None => call.send().await,
        }
    }

    /// As [`TestApp::webhook_bytes`], where the signature is right and the body may be anything.
    async fn signed(&self, body: &[u8]) -> Answer {
        let now = self.test.app.clock.now().as_second();
        let secret = SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap();
        let call = self.test.post("/webhooks/vendor-signup");
        call.header("webhook-id", "msg_bad")
            .header("webhook-timestamp", &now.to_string())
            .header("webhook-signature", &secret.sign("msg_bad", now, body))
            .body(body.to_vec())
            .send()
            .await
    }

    pub async fn json(&self, to: To, body: &Value) -> Answer {
        let bytes = serde_json::to_vec(body).unwrap();
        self.send(&Sent::Body(to, JSON, bytes)).await
    }

    /// Sends each row; fails with all that were not refused as they should be, and where any of them did something.
    pub async fn refuse(&self, rows: &[Row]) {
        let mut faults = Vec::new();
        for row in rows {
            let answer = self.send(&row.sent).await;
            let path = match &row.sent {
                Sent::Call(_, path, _) => path.as_str(),
                Sent::Body(..) => "/",
            };
            let fault = fault(path, &answer, row.status).or_else(|| {
                // A value of the wrong kind may be met before the end of a document.
                let codes = [row.code, "invalid_field"];
                let right = codes[..answer_codes(row, &answer)].contains(&answer.code());
                (!right).then(|| format!("{}, wanted {}", answer.code(), row.code))
            });
            if let Some(fault) = fault {
                faults.push(format!("{} {}: {fault}", row.id, row.what));
            }
        }
        report(&faults);
        self.expect_nothing_done().await;
    }

    /// Nothing but the vendor of the test itself is stored, and OpenBao was asked nothing.
    pub async fn expect_nothing_done(&self) {
        let sql = "SELECT (SELECT count(*) FROM vendors) + (SELECT count(*) FROM sites) + \
                   (SELECT count(*) FROM issuances) + (SELECT count(*) FROM webhook_receipts)";
        let row = self.test.sql().await.query_one(sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 1);
        let asked: Vec<String> = self.wire.deliberate().iter().map(Seen::line).collect();
        assert!(asked.is_empty(), "{asked:?}");
    }
}

fn answer_codes(row: &Row, answer: &Answer) -> usize {
    if row.status.len() > 1 && answer.status == 422 {
        2
    } else {
        1
    }
}

/// What is wrong with an answer to something bad: it must be an error of the caller, in its dialect, without what was
/// sent.
pub fn fault(path: &str, answer: &Answer, wanted: &[u16]) -> Option<String> {
    if !wanted.contains(&answer.status) {
        return Some(format!(
            "{}, wanted {wanted:?}: {:.200}",
            answer.status, answer.text
        ));
    }
    if answer.status >= 400 {
        let path = path.split('?').next().unwrap_or_default();
        answer.expect_error(path, answer.status, answer.code());
        if answer.text.contains(CANARY) {
            return Some(format!(
                "what was sent is in the answer: {:.300}",
                answer.text
            ));
        }
    }
    None
}

pub fn report(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} rows:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
