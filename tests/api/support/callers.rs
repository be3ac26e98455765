//! Everybody who may knock.

use gatehouse::auth::sha256_hex;

use super::http::Call;
use super::{TestApp, TestVendor};

/// Somebody, by what is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    Nothing,
    Bearer(String),
    /// `Authorization` without `Bearer`.
    Bare(String),
    TrustedLogin(TestVendor),
    /// As Connectors since version 2 do.
    Version2(TestVendor),
}

impl<'a> Call<'a> {
    /// With somebody's credentials.
    pub fn shown(self, shown: &Shown) -> Call<'a> {
        match shown {
            Shown::Nothing => self,
            Shown::Bearer(token) => self.bearer(token),
            Shown::Bare(text) => self.header("authorization", text),
            Shown::TrustedLogin(vendor) => self.trusted_login(vendor),
            Shown::Version2(vendor) => self.version_2(vendor),
        }
    }

    /// With TrustedLogin's headers since version 2: the bearer is an HMAC of the request.
    pub fn version_2(self, vendor: &TestVendor) -> Call<'a> {
        let pair = sha256_hex(&[&vendor.public_key, &vendor.private_key]);
        self.bearer("q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=")
            .header("x-tl-auth-version", "2")
            .header("x-tl-timestamp", "1795305600")
            .header("x-tl-nonce", &"0a".repeat(16))
            .header("x-tl-token", pair.expose())
    }

    /// With TrustedLogin's two headers.
    pub fn trusted_login(self, vendor: &TestVendor) -> Call<'a> {
        let private = vendor.private_key.as_str();
        let bearer = sha256_hex(&[private]);
        let pair = sha256_hex(&[&vendor.public_key, private]);
        self.bearer(bearer.expose())
            .header("x-tl-token", pair.expose())
    }
}

/// Another operator's token, made as the command line makes it.
pub async fn operator(test: &TestApp, name: &str) -> String {
    let pool = gatehouse::db::Pool::new(&super::app::db_settings(&test.database_url)).unwrap();
    let administrator = test.place().administrator();
    let token = gatehouse::bootstrap::new_operator(&administrator, &pool, name, 3_650);
    let token = token.await.unwrap().expose().to_owned();
    test.keep_secret(&token);
    token
}

/// An operator's token that was revoked, once the service knows.
pub async fn revoked_operator(test: &TestApp) -> String {
    let token = operator(test, "gone").await;
    let status = || async {
        let call = test.get("/api/admin/tasks").bearer(&token);
        call.send().await.status
    };
    super::wait::until("the operator is known", || async { status().await == 200 }).await;
    let sql = "UPDATE operator_tokens SET revoked_at = now() WHERE name = 'gone'";
    test.sql().await.batch_execute(sql).await.unwrap();
    super::wait::until("the operator is gone", || async { status().await == 401 }).await;
    token
}

/// A site's delete key, as the plugins of 2019 get it.
pub async fn delete_key(test: &TestApp, vendor: &TestVendor, secret_id: &str) -> String {
    let body = serde_json::json!({ "publicKey": vendor.public_key, "keyStoreID": secret_id });
    let answer = test.post("/api/sites").json(&body).send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.text_of("deleteKey")
}
