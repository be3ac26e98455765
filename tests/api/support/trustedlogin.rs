//! What TrustedLogin's client sends.

use serde_json::{Value, json};

use super::TestVendor;

/// An access key as clients make it.
pub const ACCESS_KEY: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
/// A secret id as clients make it.
pub const SECRET_ID: &str = "0123456789abcdef0123456789abcdef";

/// The body of `POST sites`, with an envelope that nobody can open.
pub fn envelope(vendor: &TestVendor, secret_id: &str, access_key: &str) -> Value {
    json!({
        "secretId": secret_id,
        "identifier": "c2VhbGVkLWJ5LXRoZS1jbGllbnQ=",
        "siteUrl": "https://customer.example/wp",
        "publicKey": vendor.public_key,
        "accessKey": access_key,
        "wpUserId": 1,
        "expiresAt": false,
        "version": "1.10.1",
        "nonce": "0a".repeat(24),
        "clientPublicKey": "0b".repeat(32),
        "metaData": [],
    })
}
