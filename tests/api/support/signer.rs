//! Vendors that sign what their client plugins carry.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::http::Answer;
use super::{TestApp, TestVendor};

/// The issuer of every test's tokens.
pub const ISSUER: &str = "https://vendor.example";

/// In base64url.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair.
pub enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    pub fn jwk(&self) -> Value {
        match self {
            Self::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key()) })
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": b64(n), "e": b64(e) })
            }
        }
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A token of any text.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(payload));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", b64(signature))
    }

    /// A token that says this.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        self.sign_text(&header.to_string(), &claims.to_string())
    }
}

impl TestApp {
    /// What a token of a vendor says that is in order.
    pub fn claims(&self, vendor: &TestVendor) -> Value {
        let now = self.app.clock.now().as_second();
        json!({
            "iss": ISSUER, "sub": vendor.namespace, "aud": "https://gatehouse.test",
            "iat": now, "exp": now + 300, "jti": uuid::Uuid::new_v4().to_string(),
        })
    }

    /// A key registered by its vendor.
    pub async fn register_key(&self, vendor: &TestVendor, signer: &Signer) -> String {
        let body = json!({
            "name": "Plugins", "algorithm": signer.algorithm(), "publicKey": signer.jwk(), "issuer": ISSUER,
        });
        let made = self
            .as_vendor(vendor, Method::POST, "/jwt-keys", body)
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text_of("id")
    }

    /// `POST /api/site` with a bearer, for a site or the store.
    pub async fn site_token(&self, bearer: &str, secret_id: Option<&str>) -> Answer {
        let body = secret_id.map_or_else(|| json!({}), |id| json!({ "secretId": id }));
        self.post("/api/site")
            .bearer(bearer)
            .json(&body)
            .send()
            .await
    }
}
