//! The test of `s3`: asks for the list of buckets, signed with the key.
//!
//! A key that may not list buckets may still do all a worker needs. The outcome says so by its own step, `permission`:
//! the service knows the key and its secret.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use jiff::Timestamp;
use url::Url;

use super::Step;
use super::attempt::{Attempt, Failure};
use super::exchange::{Question, ask, host_header};
use super::sigv4::{EMPTY_BODY, Key, Signed, authorization, date};
use crate::credentials::models::S3;

const BODY_LIMIT: usize = 64 * 1024;

/// Codes in answers of S3 that say what is wrong with the credential.
const CODES: [(&str, Step, &str); 12] = [
    (
        "InvalidAccessKeyId",
        Step::Login,
        "the access key is not known",
    ),
    (
        "SignatureDoesNotMatch",
        Step::Login,
        "the secret access key is wrong",
    ),
    (
        "AuthorizationHeaderMalformed",
        Step::Login,
        "the key or the region is not the service's",
    ),
    (
        "InvalidRegion",
        Step::Login,
        "the region is not the service's",
    ),
    (
        "RequestTimeTooSkewed",
        Step::Login,
        "the clocks of the service and of this machine differ",
    ),
    ("ExpiredToken", Step::Login, "the access key has expired"),
    (
        "InvalidToken",
        Step::Login,
        "the access key is a temporary one, which needs a session token",
    ),
    (
        "InvalidSecurity",
        Step::Login,
        "the access key is not valid",
    ),
    (
        "NotSignedUp",
        Step::Login,
        "the account is not signed up for the service",
    ),
    (
        "AccountProblem",
        Step::Login,
        "the service has a problem with the account",
    ),
    (
        "AllAccessDisabled",
        Step::Permission,
        "all access is disabled",
    ),
    (
        "AccessDenied",
        Step::Permission,
        "the key is known, and may not list buckets",
    ),
];

/// Tests the credential.
pub(super) async fn test(attempt: &mut Attempt<'_>, s3: &S3) -> Result<String, Failure> {
    let url = endpoint(s3)?;
    let question = Question {
        method: Method::GET,
        url: &url,
        headers: headers(s3, &url, Timestamp::now())?,
        body_limit: BODY_LIMIT,
    };
    let answer = ask(attempt, question).await?;
    let body = String::from_utf8_lossy(&answer.body);
    let judged = judge(answer.status, &body);
    let failed_at = judged.as_ref().err().map(|(step, _)| *step);
    if failed_at != Some(Step::Protocol) {
        attempt.enter(Step::Login);
    }
    if !matches!(failed_at, Some(Step::Protocol | Step::Login)) {
        attempt.enter(Step::Permission);
    }
    judged.map_err(|(step, detail)| Failure::new(step, detail))
}

/// The root of the service, where the list of buckets is.
fn endpoint(s3: &S3) -> Result<Url, Failure> {
    let cannot = |text: &str| Failure::new(Step::Name, text);
    let text = match s3.hostname.as_deref() {
        Some(host) if host.contains("://") => host.to_owned(),
        Some(host) => format!("https://{host}"),
        None => {
            amazon(&s3.region).ok_or_else(|| cannot("no host name can be made of the region"))?
        }
    };
    let not_host = "the host name is no host, host:port or URL";
    let mut url = Url::parse(&text).map_err(|_| cannot(not_host))?;
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn amazon(region: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !region.bytes().all(plain) {
        return None;
    }
    // China is a partition of its own.
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    Some(format!("https://s3.{region}.amazonaws.com{suffix}"))
}

fn headers(s3: &S3, url: &Url, now: Timestamp) -> Result<HeaderMap, Failure> {
    let date = date(now);
    let host = host_header(url);
    let key = Key {
        id: &s3.access_key_id,
        secret: &s3.secret_access_key,
        region: &s3.region,
        service: "s3",
    };
    let own = [
        ("host", host.as_str()),
        ("x-amz-content-sha256", EMPTY_BODY),
        ("x-amz-date", date.as_str()),
    ];
    let signed = Signed {
        path: url.path(),
        query: "",
        headers: &own,
    };
    let signature = authorization(&key, &date, &signed);
    let all = own.into_iter().chain([
        ("authorization", signature.as_str()),
        ("user-agent", "gatehouse"),
    ]);
    all.map(|(name, value)| {
        Some((
            HeaderName::from_static(name),
            HeaderValue::try_from(value).ok()?,
        ))
    })
    .collect::<Option<HeaderMap>>()
    .ok_or_else(|| {
        let text = "the access key id or the region holds characters that cannot be sent";
        Failure::new(Step::Login, text)
    })
}

/// What an answer says of the credential.
fn judge(status: u16, body: &str) -> Result<String, (Step, String)> {
    let code = between(body, "<Code>", "</Code>");
    let known = CODES.iter().find(|(name, ..)| Some(*name) == code);
    match (status, known) {
        (200, _) if body.contains("<ListAllMyBucketsResult") => {
            Ok("the key is valid, and may list buckets (200)".to_owned())
        }
        (400..=499, Some((name, step, text))) => Err((*step, format!("{text} ({status} {name})"))),
        (401, None) => Err((
            Step::Login,
            "the service does not accept the key (401)".to_owned(),
        )),
        // Nothing in it says that the key is known.
        (403, None) => Err((
            Step::Login,
            "the service refuses the request and does not say why (403)".to_owned(),
        )),
        (500..=599, _) => Err((
            Step::Protocol,
            format!("the service has trouble of its own ({status})"),
        )),
        (300..=399, _) => Err((
            Step::Protocol,
            format!("the service is at another address: it answers with a redirect ({status})"),
        )),
        _ => Err((
            Step::Protocol,
            format!("what answers does not list buckets as S3 does ({status})"),
        )),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Secret;

    fn s3(hostname: Option<&str>, region: &str) -> S3 {
        S3 {
            hostname: hostname.map(ToOwned::to_owned),
            access_key_id: "AKID".to_owned(),
            secret_access_key: Secret::new("secret".to_owned()),
            region: region.to_owned(),
        }
    }

    #[test]
    fn endpoints() {
        let cases = [
            (None, "us-east-1", "https://s3.us-east-1.amazonaws.com/"),
            (
                None,
                "cn-north-1",
                "https://s3.cn-north-1.amazonaws.com.cn/",
            ),
            (None, "evil.example/", "none"),
            (Some("minio.example"), "r", "https://minio.example/"),
            (Some("localhost:9000"), "r", "https://localhost:9000/"),
            (Some("[::1]:9000"), "r", "https://[::1]:9000/"),
            (
                Some("http://minio.example:9000"),
                "r",
                "http://minio.example:9000/",
            ),
            (Some("https://h/storage/s3/"), "r", "https://h/storage/s3/"),
            (Some("https://h/storage?x=y#z"), "r", "https://h/storage/"),
            (Some("h:port"), "r", "none"),
            (Some("::1"), "r", "none"),
        ];
        for (hostname, region, expected) in cases {
            let found = endpoint(&s3(hostname, region));
            let found = found.map_or_else(|_| "none".to_owned(), |url| url.to_string());
            assert_eq!(found, expected, "{hostname:?} {region}");
        }
    }

    #[test]
    fn answers_say_what_is_wrong() {
        let error = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        let cases = [
            (
                200,
                "<?xml?><ListAllMyBucketsResult xmlns=''/>".to_owned(),
                None,
            ),
            (200, "<html>".to_owned(), Some(Step::Protocol)),
            (200, error("AccessDenied"), Some(Step::Protocol)),
            (
                400,
                error("AuthorizationHeaderMalformed"),
                Some(Step::Login),
            ),
            (400, error("canary"), Some(Step::Protocol)),
            (403, error("InvalidAccessKeyId"), Some(Step::Login)),
            (403, error("SignatureDoesNotMatch"), Some(Step::Login)),
            (403, error("AccessDenied"), Some(Step::Permission)),
            (403, error("canary"), Some(Step::Login)),
            (403, "<Code>".to_owned(), Some(Step::Login)),
            (401, String::new(), Some(Step::Login)),
            (301, error("PermanentRedirect"), Some(Step::Protocol)),
            (404, "<html>".to_owned(), Some(Step::Protocol)),
            (503, error("SlowDown"), Some(Step::Protocol)),
        ];
        for (status, body, expected) in cases {
            let judged = judge(status, &body);
            let detail = judged.as_ref().unwrap_or_else(|(_, text)| text);
            assert!(detail.contains(&status.to_string()), "{detail}");
            assert!(!detail.contains("canary"), "{detail}");
            assert_eq!(
                judged.err().map(|(step, _)| step),
                expected,
                "{status} {body}"
            );
        }
    }
}
