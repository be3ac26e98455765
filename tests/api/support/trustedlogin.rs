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

/// The body of `POST sites/{secretId}/login-attempts`, as clients send it.
pub fn login_attempt() -> Value {
    json!({
        "code": "login_failed",
        "detailed_reason": "user_not_found",
        "client_site_url": "https://customer.example",
        "attempted_at": "2026-05-12T23:36:55+00:00",
        "client_user_agent": "Agent/1.0 (canary)",
        "client_ip": "192.0.2.77",
        "identifier_hash": "0c".repeat(32),
    })
}

/// The body of `POST report-brute-force` and of `verify-identifier`, as clients send it.
pub fn seen(site_url: &str) -> Value {
    json!({
        "timestamp": 1_764_000_000,
        "user_agent": "Agent/1.0 (canary)",
        "user_ip": "192.0.2.77",
        "site_url": site_url,
    })
}

/// The body of `POST accounts/{id}/messages`.
pub fn message(envelope: &str) -> Value {
    json!({
        "envelope": envelope,
        "nonce": "0d".repeat(24),
        "client_public_key": "0e".repeat(32),
        "key_fingerprint": "0f".repeat(32),
        "action": "access_granted",
        "ref": null,
        "access_key_fingerprint": "aa".repeat(32),
    })
}
