use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use jiff::Timestamp;
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

struct Signer {
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        Self { pair }
    }

    fn jwk(&self) -> Value {
        let x = b64(self.pair.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x})
    }

    fn key(&self) -> PublicKey {
        key(&self.jwk()).unwrap()
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(payload));
        format!("{message}.{}", b64(self.pair.sign(message.as_bytes())))
    }

    fn claims(&self, payload: &Value) -> Claims {
        let token = self.sign(r#"{"alg":"EdDSA"}"#, &payload.to_string());
        let token = Unverified::parse(&token).unwrap();
        token.verify([&self.key()]).ok().unwrap()
    }
}

fn key(jwk: &Value) -> Result<PublicKey, KeyFault> {
    PublicKey::of_jwk(jwk.as_object().unwrap())
}

fn good() -> Value {
    json!({"iss": "https://i.example", "sub": "s", "aud": "us", "exp": NOW + 300, "iat": NOW})
}

fn refusal(token: &str, keys: &[PublicKey]) -> Option<Fault> {
    match Unverified::parse(token) {
        Ok(token) => token.verify(keys).err(),
        Err(fault) => Some(fault),
    }
}

fn check(claims: &Claims) -> Result<(), Fault> {
    let expected = Expected {
        issuer: "https://i.example",
        audience: "us",
    };
    claims.check(&expected, Timestamp::from_second(NOW).unwrap())
}

#[test]
fn a_token_in_order_is_taken() {
    let signer = Signer::new();
    let header = r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#;
    let token = signer.sign(header, &good().to_string());
    let read = Unverified::parse(&token).unwrap();
    assert_eq!((read.kid(), read.typ()), (Some("k1"), Some("JWT")));
    assert_eq!(read.issuer(), Some("https://i.example"));
    let claims = read.verify([&signer.key()]).ok().unwrap();
    assert_eq!(check(&claims), Ok(()));
    assert_eq!(claims.subject(), Ok("s"));
    assert_eq!(refusal(&token, &[]), Some(Fault::UnknownKey));
    let other = Signer::new().key();
    assert_eq!(refusal(&token, &[other]), Some(Fault::Signature));
}

#[test]
fn every_kind_of_key_verifies_its_own_kind_only() {
    let (random, payload) = (SystemRandom::new(), b64(good().to_string()));
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public = rsa.public_key();
    let n = public.modulus().big_endian_without_leading_zero().to_vec();
    let e = public.exponent().big_endian_without_leading_zero().to_vec();
    let rsa_key =
        key(&json!({"kty": "RSA", "use": "sig", "alg": "RS256", "n": b64(&n), "e": b64(e)}))
            .unwrap();
    let point = ec.public_key().as_ref();
    let ec_key =
        key(&json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])}))
            .unwrap();

    let message = format!("{}.{payload}", b64(r#"{"alg":"RS256"}"#));
    let mut signature = vec![0; public.modulus_len()];
    rsa.sign(
        &RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let of_rsa = format!("{message}.{}", b64(&signature));
    let message = format!("{}.{payload}", b64(r#"{"alg":"ES256"}"#));
    let signature = ec.sign(&random, message.as_bytes()).unwrap();
    let of_ec = format!("{message}.{}", b64(signature));

    let keys = [rsa_key.clone(), ec_key.clone()];
    assert_eq!(refusal(&of_rsa, &keys), None);
    assert_eq!(refusal(&of_ec, &keys), None);
    assert_eq!(refusal(&of_rsa, &[ec_key]), Some(Fault::Algorithm));
    assert_eq!(
        refusal(&of_ec, std::slice::from_ref(&rsa_key)),
        Some(Fault::Algorithm)
    );

    // The public key as the secret of an HMAC, in several spellings.
    for alg in [
        "HS256", "HS512", "none", "None", "nOnE", "PS256", "ES384", "rs256", "",
    ] {
        let message = format!("{}.{payload}", b64(json!({"alg": alg}).to_string()));
        for secret in [n.as_slice(), b64(&n).as_bytes(), b"", b"secret"] {
            let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
            let tag = aws_lc_rs::hmac::sign(&secret, message.as_bytes());
            let token = format!("{message}.{}", b64(tag));
            assert_eq!(
                refusal(&token, std::slice::from_ref(&rsa_key)),
                Some(Fault::Algorithm),
                "{alg}"
            );
        }
    }
}

#[test]
fn what_is_not_exactly_three_parts_of_base64url_is_malformed() {
    let signer = Signer::new();
    let token = signer.sign(r#"{"alg":"EdDSA"}"#, &good().to_string());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{token}")
    };
    // The last character of 64 bytes carries four bits that must be zero.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let trailing = char::from(last.as_bytes()[0] + 1);
    let huge = format!("{header}.{}.{signature}", "A".repeat(1_000_000));
    for bad in [
        "",
        ".",
        "..",
        "...",
        &format!("{header}.{payload}"),
        &format!("{header}.{payload}."),
        &format!("{token}.x"),
        &format!("{token}.x.y"),
        &format!("{token}="),
        &format!("{token} "),
        &format!(" {token}"),
        &format!("{token}\n"),
        &format!("Bearer {token}"),
        &format!("{header}=.{payload}.{signature}"),
        &format!(
            "{header}.{payload}.{}",
            signature.replacen(['-', '_'], "+", 1) + "/+"
        ),
        &format!("{header}.{payload}.{rest}{trailing}"),
        &huge,
    ] {
        assert_eq!(
            refusal(bad, &[signer.key()]),
            Some(Fault::Malformed),
            "{bad:.80}"
        );
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_malformed() {
    let signer = Signer::new();
    let payload = r#"{"iss":"https://i.example","exp":1,"exp":9999999999}"#;
    for (header, payload) in [
        (r#"{"alg":"EdDSA"}"#, payload),
        (r#"{"alg":"none","alg":"EdDSA"}"#, "{}"),
        (r#"{"alg":"EdDSA"}"#, "[]"),
        (r#"["EdDSA"]"#, "{}"),
        (r#"{"alg":"EdDSA"}"#, r#"{"sub":"a\u0000b"}"#),
        (r#"{"alg":"EdDSA"}"#, r#"{"sub":"a\r\nb"}"#),
        (r#"{"alg":"EdDSA"}"#, r#"{"a\nb":1}"#),
        (r#"{"alg":"EdDSA"}"#, ""),
        (r#"{"alg":"EdDSA"} "#, "{} {}"),
    ] {
        let token = signer.sign(header, payload);
        assert_eq!(
            refusal(&token, &[signer.key()]),
            Some(Fault::Malformed),
            "{header} {payload}"
        );
    }
}

#[test]
fn headers_bring_nothing_along() {
    let signer = Signer::new();
    let attacker = Signer::new();
    let payload = good().to_string();
    for extra in [
        json!({"crit": ["exp"]}),
        json!({"crit": [], "b64": false}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"p2c": 1_000_000_000}),
        json!({"kid": 1}),
        json!({"kid": null}),
        json!({"kid": "k".repeat(300)}),
        json!({"typ": ["JWT"]}),
    ] {
        let mut header = json!({"alg": "EdDSA"});
        header
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let token = signer.sign(&header.to_string(), &payload);
        assert_eq!(
            refusal(&token, &[signer.key()]),
            Some(Fault::Header),
            "{header}"
        );
    }
    let header = json!({"alg": "EdDSA", "jwk": attacker.jwk(), "jku": "https://evil.example/", "x5u": "https://evil.example/", "x5c": ["MII"]});
    let token = attacker.sign(&header.to_string(), &payload);
    assert_eq!(refusal(&token, &[signer.key()]), Some(Fault::Signature));
}

#[test]
fn claims_are_checked_to_the_byte_and_the_second() {
    let signer = Signer::new();
    let many: Vec<String> = (0..1000)
        .map(|n| n.to_string())
        .chain(["us".to_owned()])
        .collect();
    let cases = [
        ("aud", json!(["them", "us"]), None),
        ("aud", json!(["them"]), Some(Fault::Audience)),
        ("aud", json!("Us"), Some(Fault::Audience)),
        ("aud", json!("us/"), Some(Fault::Audience)),
        ("aud", json!(["us", 1]), Some(Fault::Audience)),
        ("aud", json!([]), Some(Fault::Audience)),
        ("aud", json!(many), Some(Fault::Audience)),
        ("aud", Value::Null, Some(Fault::Audience)),
        ("iss", json!("https://i.example/"), Some(Fault::Issuer)),
        ("iss", json!("https://i.exampl"), Some(Fault::Issuer)),
        ("iss", json!("https://I.example"), Some(Fault::Issuer)),
        ("iss", json!(["https://i.example"]), Some(Fault::Issuer)),
        ("iss", Value::Null, Some(Fault::Issuer)),
        ("sub", json!(""), Some(Fault::Subject)),
        ("sub", json!(7), Some(Fault::Subject)),
        ("sub", Value::Null, Some(Fault::Subject)),
        ("exp", json!(NOW - 59), None),
        ("exp", json!(NOW - 60), Some(Fault::Expired)),
        ("exp", json!(0), Some(Fault::Expired)),
        ("exp", json!(-1), Some(Fault::Expired)),
        ("exp", json!("1900000000"), Some(Fault::Times)),
        ("exp", json!(1e300), Some(Fault::Times)),
        ("exp", json!(u64::MAX), Some(Fault::Times)),
        ("exp", Value::Null, Some(Fault::Times)),
        ("nbf", json!(NOW + 60), None),
        ("nbf", json!(NOW + 61), Some(Fault::NotYet)),
        ("nbf", json!("soon"), Some(Fault::Times)),
        ("iat", json!(NOW + 61), Some(Fault::NotYet)),
        ("iat", json!(1_800_000_000.5), None),
    ];
    for (name, value, expected) in cases {
        let mut payload = good();
        payload[name] = value.clone();
        let claims = signer.claims(&payload);
        assert_eq!(check(&claims).err(), expected, "{name}: {value}");
        if value.is_null() {
            payload.as_object_mut().unwrap().remove(name);
            assert_eq!(check(&signer.claims(&payload)).err(), expected, "no {name}");
        }
    }
}

#[test]
fn keys_that_are_weak_or_for_something_else_are_none() {
    let good = Signer::new().jwk();
    let n = |bits: usize| {
        let mut n = vec![0xff; bits / 8];
        n[0] = 0x80;
        b64(n)
    };
    let rsa = |n: String, e: &str| json!({"kty": "RSA", "n": n, "e": e});
    let small = b64([&[1_u8][..], &[0; 31]].concat());
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let cases = [
        (good.clone(), None),
        (with("use", json!("sig")), None),
        (with("key_ops", json!(["verify"])), None),
        (with("alg", json!("EdDSA")), None),
        (with("use", json!("enc")), Some(KeyFault::OtherUse)),
        (
            with("key_ops", json!(["encrypt"])),
            Some(KeyFault::OtherUse),
        ),
        (with("alg", json!("ES256")), Some(KeyFault::OtherUse)),
        (with("d", json!("x")), Some(KeyFault::Private)),
        (with("crv", json!("Ed448")), Some(KeyFault::Unsupported)),
        (with("x", json!(small)), Some(KeyFault::Weak)),
        (with("x", json!(b64([0; 32]))), Some(KeyFault::Weak)),
        (with("x", json!(b64([9; 31]))), Some(KeyFault::Malformed)),
        (with("x", json!(7)), Some(KeyFault::Malformed)),
        (with("kid", json!(7)), Some(KeyFault::Malformed)),
        (with("kty", json!("oct")), Some(KeyFault::Unsupported)),
        (
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            Some(KeyFault::Private),
        ),
        (json!({}), Some(KeyFault::Malformed)),
        (rsa(n(2048), "AQAB"), None),
        (rsa(n(1024), "AQAB"), Some(KeyFault::Weak)),
        (rsa(n(2040), "AQAB"), Some(KeyFault::Weak)),
        (rsa(n(16384), "AQAB"), Some(KeyFault::Weak)),
        (rsa(n(2048), "AQ"), Some(KeyFault::Weak)),
        (rsa(n(2048), "Ag"), Some(KeyFault::Malformed)),
    ];
    for (jwk, expected) in cases {
        assert_eq!(key(&jwk).err(), expected, "{jwk}");
    }
}
