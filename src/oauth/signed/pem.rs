//! Public keys in PEM (`SubjectPublicKeyInfo`, RFC 7468 and 5280), as JWKs.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
const LONGEST: usize = 8 * 1024;

/// What stands before the key itself: the algorithm, and that a string of whole bytes follows.
const ED25519: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// The key in a PEM text as a JWK; `None` where it is no public key of a kind that is taken.
pub fn to_jwk(text: &str) -> Option<Map<String, Value>> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    if body.len() > LONGEST {
        return None;
    }
    let body: String = body.split_ascii_whitespace().collect();
    let der = BASE64_STANDARD.decode(body).ok()?;
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let jwk = if let Some(x) = der.strip_prefix(ED25519).filter(|x| x.len() == 32) {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) })
    } else if let Some(point) = der.strip_prefix(P256).filter(|point| point.len() == 64) {
        let (x, y) = point.split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
    } else {
        let (n, e) = rsa(&der)?;
        json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
    };
    match jwk {
        Value::Object(jwk) => Some(jwk),
        _ => None,
    }
}

/// Modulus and exponent.
fn rsa(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (whole, []) = value(der, 0x30)? else {
        return None;
    };
    let (bits, []) = value(whole.strip_prefix(RSA)?, 0x03)? else {
        return None;
    };
    let (pair, []) = value(bits.strip_prefix(&[0])?, 0x30)? else {
        return None;
    };
    let (n, rest) = value(pair, 0x02)?;
    let (e, []) = value(rest, 0x02)? else {
        return None;
    };
    // A zero says that the number is not negative.
    let plain = |number: &'_ [u8]| number.first() == Some(&0);
    Some((if plain(n) { &n[1..] } else { n }, e))
}

/// A value of this tag (X.690), and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => {
            let (one, rest) = rest.split_first()?;
            (usize::from(*one), rest)
        }
        0x82 => {
            let (two, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*two)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
    };

    use super::*;
    use crate::auth::jwt::{Algorithm, PublicKey};

    fn pem(der: &[u8]) -> String {
        let text = BASE64_STANDARD.encode(der);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
    }

    #[test]
    fn public_keys_are_read_and_nothing_else_is() {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        let rsa = rsa.public_key().as_der().unwrap().as_ref().to_vec();
        let ec = ec.public_key().as_der().unwrap().as_ref().to_vec();
        let ed = [ED25519, ed.public_key().as_ref()].concat();
        for (der, algorithm) in [
            (&rsa, Algorithm::Rs256),
            (&ec, Algorithm::Es256),
            (&ed, Algorithm::EdDsa),
        ] {
            let jwk = to_jwk(&pem(der)).unwrap();
            let key = PublicKey::of_jwk(&jwk).ok().unwrap();
            assert_eq!(key.algorithm(), algorithm);
            for cut in 1..der.len() {
                let read = to_jwk(&pem(&der[..cut]));
                assert!(read.is_none(), "{algorithm:?} cut at {cut}");
            }
            let longer = [der.as_slice(), &[0]].concat();
            assert!(to_jwk(&pem(&longer)).is_none());
        }
        let private = pem(&ed).replace("PUBLIC", "PRIVATE");
        for bad in ["", BEGIN, &format!("{BEGIN}{END}"), &private] {
            assert!(to_jwk(bad).is_none(), "{bad}");
        }
    }
}
