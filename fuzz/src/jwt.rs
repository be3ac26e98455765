//! Tokens of others and their keys: nothing verifies but what the key signed, byte by byte.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use gatehouse::auth::jwks::KeySet;
use gatehouse::auth::jwt::{Algorithm, Expected, LONGEST, PublicKey, Unverified, document, object};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://issuer.example",
    audience: "gatehouse",
};
const NOW: i64 = 1_800_000_000;

/// A token as it is sent; or a header and claims, on two lines, to be signed; or a key, or a set of keys.
pub fn holds(data: &[u8]) {
    strict(data);
    keys(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    as_it_came(text);
    if let Some((header, claims)) = text.split_once('\n') {
        signed_here(header, claims, data.last().copied().unwrap_or_default());
    }
}

fn key() -> (Ed25519KeyPair, PublicKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let public = PublicKey::of_jwk(jwk.as_object().expect("an object")).expect("a key");
    (pair, public)
}

/// What is read in one way is read so by everybody, and by itself again.
fn strict(data: &[u8]) {
    let Some(read) = document(data) else {
        return;
    };
    assert_eq!(
        serde_json::from_slice::<Value>(data).ok().as_ref(),
        Some(&read)
    );
    assert!(is_plain(&read), "a control character: {read}");
    let written = read.to_string();
    assert_eq!(document(written.as_bytes()), Some(read), "{written}");
}

fn is_plain(value: &Value) -> bool {
    let plain = |text: &str| !text.chars().any(char::is_control);
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| plain(name) && is_plain(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn keys(data: &[u8]) {
    let Some(members) = object(data) else {
        return;
    };
    if let Ok(key) = PublicKey::of_jwk(&members) {
        assert!(
            ["d", "p", "q", "dp", "dq", "qi", "k"]
                .iter()
                .all(|name| !members.contains_key(*name))
        );
        assert!(key.kid().is_none_or(|kid| kid.len() <= 256));
        assert!(
            members
                .get("alg")
                .is_none_or(|alg| alg == key.algorithm().name())
        );
        for signature in ["", "AA", &"A".repeat(86), &"A".repeat(342)] {
            assert!(
                !key.has_signed("a.b", signature),
                "{signature:?} is a signature"
            );
        }
    }
    if let Some(set) = KeySet::parse(data) {
        assert!(set.len() <= 64);
        for algorithm in Algorithm::ALL {
            // Without a name there is only one to mean.
            assert!(set.find(algorithm, None).len() <= 1);
            assert!(
                set.find(algorithm, Some("a"))
                    .iter()
                    .all(|key| key.kid() == Some("a"))
            );
        }
    }
}

fn is_part(part: &str) -> bool {
    part.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

fn as_it_came(token: &str) {
    let Ok(parsed) = Unverified::parse(token) else {
        return;
    };
    let parts: Vec<&str> = token.split('.').collect();
    assert!(token.len() <= LONGEST && parts.len() == 3 && parts.iter().all(|part| is_part(part)));
    let header = BASE64_URL_SAFE_NO_PAD.decode(parts[0]).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!(header["alg"], parsed.algorithm().name());
    assert!(
        ["crit", "b64", "zip", "enc", "p2c"]
            .iter()
            .all(|name| header.get(name).is_none())
    );
    for text in [
        parsed.kid(),
        parsed.typ(),
        parsed.issuer(),
        parsed.subject(),
    ] {
        assert!(text.is_none_or(|text| !text.chars().any(char::is_control)));
    }
    assert!(parsed.verify(&[key().1]).is_err(), "nobody has signed it");
    let parsed = Unverified::parse(token).expect("as before");
    assert!(parsed.verify(&[]).is_err(), "there is no key");
}

fn signed_here(header: &str, claims: &str, wanted: u8) {
    let (pair, public) = key();
    let parts = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let message = parts.join(".");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    let token = format!("{message}.{signature}");
    let Ok(parsed) = Unverified::parse(&token) else {
        return;
    };
    let is_ed25519 = parsed.algorithm() == Algorithm::EdDsa;
    let claims_read = parsed.verify(std::slice::from_ref(&public));
    assert_eq!(claims_read.is_ok(), is_ed25519);
    let Ok(read) = claims_read else {
        return;
    };
    let now = Timestamp::from_second(NOW).expect("a time");
    if read.check(&EXPECTED, now).is_ok() {
        let said: Value = serde_json::from_str(claims).expect("JSON");
        assert_eq!(said["iss"], EXPECTED.issuer);
        assert!(said["sub"].as_str().is_some_and(|sub| !sub.is_empty()));
        let is_ours = |aud: &Value| aud == EXPECTED.audience;
        assert!(
            is_ours(&said["aud"])
                || said["aud"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(is_ours))
        );
        assert!(
            said["exp"]
                .as_f64()
                .is_some_and(|end| end + 60.0 >= 1_800_000_000.0)
        );
        let long_after = read
            .expires_at()
            .ok()
            .and_then(|end| end.checked_add(SignedDuration::from_secs(60)).ok());
        assert!(long_after.is_none_or(|end| read.check(&EXPECTED, end).is_err()));
    }
    altered(&token, usize::from(wanted), &public);
}

/// With one character changed, moved out or put in, it is signed no more.
fn altered(token: &str, wanted: usize, key: &PublicKey) {
    let place = wanted * token.len() / 256;
    let (before, rest) = token.split_at(place);
    let (one, after) = rest.split_at(1);
    let other = if one == "A" { "B" } else { "A" };
    for altered in [
        format!("{before}{other}{after}"),
        format!("{before}{after}"),
        format!("{before}A{rest}"),
        format!("{token}="),
    ] {
        let signed = Unverified::parse(&altered).is_ok_and(|parsed| parsed.verify([key]).is_ok());
        assert!(!signed, "{altered} for {token}");
    }
}
