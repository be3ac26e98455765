//! Signature Version 4 of AWS, for requests without a body and with plain paths.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::types::Secret;

/// SHA-256 of nothing.
pub(super) const EMPTY_BODY: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Who signs, and for what.
pub(super) struct Key<'a> {
    pub id: &'a str,
    pub secret: &'a Secret,
    pub region: &'a str,
    pub service: &'a str,
}

/// What is signed of a `GET`.
pub(super) struct Signed<'a> {
    /// Encoded as it is sent.
    pub path: &'a str,
    /// Encoded as it is sent, with `=` behind each name.
    pub query: &'a str,
    /// In the order of their names, which are in lower case.
    pub headers: &'a [(&'a str, &'a str)],
}

/// The form of `x-amz-date`.
pub(super) fn date(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

/// The value of `Authorization`, for a request with this `x-amz-date`.
pub(super) fn authorization(key: &Key<'_>, date: &str, signed: &Signed<'_>) -> String {
    let day = date.get(..8).unwrap_or_default();
    let Key {
        id,
        region,
        service,
        ..
    } = key;
    let names: Vec<&str> = signed.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut headers = String::new();
    for (name, value) in signed.headers {
        headers.extend([*name, ":", value.trim(), "\n"]);
    }
    let Signed { path, query, .. } = signed;
    let request = format!("GET\n{path}\n{query}\n{headers}\n{names}\n{EMPTY_BODY}");
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let digest = hex::encode(Sha256::digest(request));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
    let first = zeroize::Zeroizing::new(format!("AWS4{}", key.secret.expose()));
    let signing_key = [day, region, service, "aws4_request"]
        .iter()
        .fold(first.as_bytes().to_vec(), |key, part| mac(&key, part));
    let signature = hex::encode(mac(&signing_key, &to_sign));
    format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

/// Keys of any length are fine.
fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(key: &Key<'_>, date: &str, signed: &Signed<'_>) -> String {
        let value = authorization(key, date, signed);
        value.rsplit_once('=').unwrap().1.to_owned()
    }

    /// `get-vanilla` of AWS's test suite for Signature Version 4.
    #[test]
    fn test_suite_of_aws() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let key = Key {
            id: "AKIDEXAMPLE",
            secret: &secret,
            region: "us-east-1",
            service: "service",
        };
        let date = "20150830T123600Z";
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", date)];
        let signed = Signed {
            path: "/",
            query: "",
            headers: &headers,
        };
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        assert_eq!(authorization(&key, date, &signed), expected);
    }

    /// The `GET` examples without other headers in the documentation of S3.
    #[test]
    fn examples_of_s3() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let key = Key {
            id: "AKIAIOSFODNN7EXAMPLE",
            secret: &secret,
            region: "us-east-1",
            service: "s3",
        };
        let date = "20130524T000000Z";
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", EMPTY_BODY),
            ("x-amz-date", date),
        ];
        let cases = [
            (
                "lifecycle=",
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "max-keys=2&prefix=J",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ];
        for (query, expected) in cases {
            let signed = Signed {
                path: "/",
                query,
                headers: &headers,
            };
            assert_eq!(signature(&key, date, &signed), expected, "{query}");
        }
    }

    #[test]
    fn dates_are_in_utc() {
        let time = Timestamp::from_second(1_440_938_160).unwrap();
        assert_eq!(date(time), "20150830T123600Z");
    }
}
