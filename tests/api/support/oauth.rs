//! Access tokens by client credentials.

use super::http::Answer;
use super::{TestApp, TestVendor};

/// A form, as clients write it.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

impl TestApp {
    /// A form sent to a path.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(fields))
            .send()
            .await
    }

    /// What a client gets for its credentials.
    pub async fn grant(&self, id: &str, secret: &str) -> Answer {
        self.form(
            "/oauth/token",
            &[
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", secret),
            ],
        )
        .await
    }

    /// An access token of a client.
    pub async fn granted(&self, id: &str, secret: &str) -> String {
        let answer = self.grant(id, secret).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text_of("access_token")
    }

    /// An access token of a vendor.
    pub async fn vendor_token(&self, vendor: &TestVendor) -> String {
        self.granted(&vendor.namespace, &vendor.private_key).await
    }

    /// The status of a call with a bearer.
    pub async fn status_as(&self, path: &str, bearer: &str) -> u16 {
        self.get(path).bearer(bearer).send().await.status
    }
}
