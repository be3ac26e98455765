//! Standard Webhooks signatures: verified on what comes in, made on what goes out, and by `gatehouse webhook sign`.
//!
//! The signed text is `<id>.<timestamp>.<body>`; a signature header holds one or more `v1,<base64>`, separated by
//! spaces. Source of the rules: the Standard Webhooks specification, symmetric signatures.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::types::Secret;

/// How far a webhook's time may be from ours, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// A shared secret of 24 to 64 bytes.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// `None` where it is shorter than 24 or longer than 64 bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (24..=64)
            .contains(&bytes.len())
            .then(|| Self(Zeroizing::new(bytes)))
    }

    /// As receivers are told it: `whsec_` and the bytes in base64.
    #[must_use]
    pub fn shown(&self) -> Secret {
        Secret::new(format!("whsec_{}", BASE64_STANDARD.encode(&*self.0)))
    }

    /// The signature header of a message.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let tag = self
            .mac(id, &timestamp.to_string(), body)
            .map(|mac| mac.finalize().into_bytes());
        format!(
            "v1,{}",
            tag.map(|tag| BASE64_STANDARD.encode(tag))
                .unwrap_or_default()
        )
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }
}

impl From<[u8; 32]> for SigningSecret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

/// The three headers of a message.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `webhook-id`: 1 to 256 printable ASCII characters without a dot.
    pub id: &'a str,
    /// `webhook-timestamp`: Unix seconds.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signature: &'a str,
}

/// Checks time and signature of a message; any of `secrets` may have signed it, and the place of the first that did is given.
///
/// # Errors
/// With a fixed sentence for the sender.
pub fn verify(
    secrets: &[SigningSecret],
    headers: Headers,
    body: &[u8],
    now: i64,
) -> Result<usize, &'static str> {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'.';
    if !(1..=256).contains(&headers.id.len()) || !headers.id.bytes().all(plain) {
        return Err("webhook-id must be 1 to 256 printable characters without a dot");
    }
    let digits = (1..=12).contains(&headers.timestamp.len())
        && headers.timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent: i64 = headers
        .timestamp
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or("webhook-timestamp must be Unix seconds")?;
    if (now - sent).abs() > TOLERANCE_SECONDS {
        return Err("webhook-timestamp is more than 5 minutes from now");
    }
    let given = headers
        .signature
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"));
    let given: Vec<Vec<u8>> = given
        .filter_map(|tag| BASE64_STANDARD.decode(tag).ok())
        .collect();
    let signer = secrets.iter().position(|secret| {
        given.iter().any(|tag| {
            secret
                .mac(headers.id, headers.timestamp, body)
                .is_some_and(|mac| mac.verify_slice(tag).is_ok())
        })
    });
    signer.ok_or("webhook-signature does not match the body")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> SigningSecret {
        SigningSecret(Zeroizing::new(vec![byte; 32]))
    }

    fn check(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> bool {
        signer(id, timestamp, signature, body).is_some()
    }

    fn signer(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> Option<usize> {
        verify(
            &[secret(1), secret(2)],
            Headers {
                id,
                timestamp,
                signature,
            },
            body,
            1_800_000_000,
        )
        .ok()
    }

    #[test]
    fn signatures_of_either_secret_hold_and_nothing_else() {
        let body = br#"{"a":1}"#;
        let good = secret(2).sign("msg_1", 1_800_000_000, body);
        let first = secret(1).sign("msg_1", 1_800_000_000, body);
        for (signature, by) in [
            (good.clone(), 1),
            (format!("v1,AAAA v1a,BBBB {good}"), 1),
            (format!("{good} {first}"), 0),
        ] {
            let found = signer("msg_1", "1800000000", &signature, body);
            assert_eq!(found, Some(by), "{signature}");
        }
        assert!(!check("msg_2", "1800000000", &good, body));
        assert!(!check("msg_1", "1800000001", &good, body));
        assert!(!check("msg_1", "1800000000", &good, br#"{"a": 1}"#));
        for bad in [
            "",
            "v1,",
            "v2,AAAA",
            &good.replace("v1,", "v1a,"),
            &good[..good.len() - 5],
            &secret(3).sign("msg_1", 1_800_000_000, body),
        ] {
            assert!(!check("msg_1", "1800000000", bad, body), "{bad}");
        }
    }

    #[test]
    fn time_and_id_are_checked() {
        let body = b"{}";
        for (timestamp, right) in [
            ("1799999701", true),
            ("1800000299", true),
            ("1799999699", false),
            ("1800000301", false),
        ] {
            let signature = secret(1).sign("m", timestamp.parse().unwrap_or_default(), body);
            assert_eq!(
                check("m", timestamp, &signature, body),
                right,
                "{timestamp}"
            );
        }
        for bad in [
            "",
            "-1800000000",
            "1800000000.0",
            "1e9",
            "+1800000000",
            "18000000000000000000000000000",
        ] {
            assert!(!check("m", bad, "v1,AAAA", body), "{bad}");
        }
        for bad in ["", "a.1", "a b", &"x".repeat(257)] {
            assert!(
                !check(
                    bad,
                    "1800000000",
                    &secret(1).sign(bad, 1_800_000_000, body),
                    body
                ),
                "{bad}"
            );
        }
    }
}
