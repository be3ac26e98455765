//! The body of `POST sites`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::super::canonical;
use super::super::fields::{Body, Fields};
use crate::error::Result;
use crate::sites::envelope::Envelope;
use crate::sites::envelope::put::NewSite;
use crate::types::{AccessKey, ExpiresAt, SecretId, SiteUrl};

/// Of an identifier; real ones have 192 characters.
const IDENTIFIER: usize = 4096;
const VERSION: usize = 64;
/// Of labels, in bytes and in depth.
const LABELS: usize = 16 * 1024;
const DEPTH: usize = 16;
/// A nonce has 24 bytes, an X25519 key 32.
const NONCE_DIGITS: usize = 48;
const KEY_DIGITS: usize = 64;

/// A site with its envelope, and the public key that the body repeats.
///
/// # Errors
/// [`crate::error::Error::InvalidField`] with every fault.
pub fn new_site(body: &Body) -> Result<(NewSite, String)> {
    let mut fields = body.fields();
    let secret_id = fields.required::<SecretId>("secretId");
    let access_key = fields.required::<AccessKey>("accessKey");
    let site_url = fields.required::<SiteUrl>("siteUrl");
    let identifier = identifier(&mut fields);
    let nonce = fields.hex("nonce", NONCE_DIGITS);
    let client_public_key = client_public_key(&mut fields);
    let public_key = fields.text("publicKey", 128);
    let expires_at = fields.optional::<ExpiresAt>("expiresAt");
    let wp_user_id = fields.optional_integer("wpUserId", 0..=i64::MAX);
    let client_version = fields.optional_text("version", VERSION);
    let metadata = labels(&mut fields);
    let kept = canonical(&mut fields, &metadata);
    let made = match (secret_id, access_key, site_url) {
        (Some(secret_id), Some(access_key), Some(site_url)) => Some(NewSite {
            secret_id,
            access_key,
            wp_user_id,
            client_version,
            envelope: Envelope {
                identifier,
                site_url,
                client_public_key,
                nonce,
                metadata: kept,
                expires_at: Some(expires_at.unwrap_or_default()),
            },
            metadata,
        }),
        _ => None,
    };
    fields.finish_with(made.map(|site| (site, public_key)))
}

fn identifier(fields: &mut Fields<'_>) -> String {
    let text = fields.text("identifier", IDENTIFIER);
    if BASE64_STANDARD.decode(&text).is_err() {
        fields.fault("identifier", "must be base64");
    }
    text
}

fn client_public_key(fields: &mut Fields<'_>) -> String {
    let key = fields.hex("clientPublicKey", KEY_DIGITS);
    if !key.is_empty() && key.bytes().all(|digit| digit == b'0') {
        fields.fault("clientPublicKey", "must be a key");
    }
    key
}

/// An object, or a list, as PHP writes what is empty.
fn labels(fields: &mut Fields<'_>) -> Value {
    let empty = || Value::Array(Vec::new());
    let Some(labels) = fields.value("metaData") else {
        return empty();
    };
    if !labels.is_object() && !labels.is_array() {
        fields.fault("metaData", "must be an object");
    } else if depth(labels) > DEPTH {
        fields.fault("metaData", format!("must be at most {DEPTH} levels deep"));
    } else if labels.to_string().len() > LABELS {
        fields.fault("metaData", format!("must be at most {LABELS} bytes"));
    }
    labels.clone()
}

/// As PHP has them, so that what is signed of them is what PHP makes of them.
fn canonical(fields: &mut Fields<'_>, labels: &Value) -> String {
    let kept = canonical::Value::read(&labels.to_string());
    if kept.is_err() {
        fields.fault("metaData", "must be what PHP can read");
    }
    kept.map(|kept| kept.encode()).unwrap_or_default()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(parts) => 1 + parts.iter().map(depth).max().unwrap_or(0),
        Value::Object(parts) => 1 + parts.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
