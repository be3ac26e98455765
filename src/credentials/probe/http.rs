//! The test of `http`: one request to the endpoint, with the credential's own headers.
//!
//! A test must change nothing. So GET, HEAD and OPTIONS are sent as they are, OPTIONS instead of PUT and POST, and never
//! the credential's body. Redirects are not followed, and the answer's body is not read. Any status that does not ask
//! for other credentials counts as reached: whether a 404 is what the worker gets too, only the worker knows.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use percent_encoding::percent_decode_str;
use url::Url;

use super::Step;
use super::attempt::{Attempt, Failure};
use super::exchange::{Question, ask};
use crate::credentials::models::{Http, Method};

/// Of the connection and of bodies, which are ours to say.
const NOT_SENT: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Tests the credential.
pub(super) async fn test(attempt: &mut Attempt<'_>, http: &Http) -> Result<String, Failure> {
    let url = Url::parse(&http.endpoint)
        .map_err(|_| Failure::new(Step::Protocol, "the endpoint is not a URL"))?;
    let (method, instead_of) = safe_method(http.method);
    let question = Question {
        method,
        url: &url,
        headers: headers(http, &url)?,
        body_limit: 0,
    };
    let answer = ask(attempt, question).await?;
    let note = instead_of.map_or(String::new(), |method| {
        format!(" to OPTIONS, sent instead of {method}")
    });
    judge(answer.status, &note).map_err(|(step, detail)| {
        attempt.enter(step);
        Failure::new(step, detail)
    })
}

/// What a status says of the credential.
fn judge(status: u16, note: &str) -> Result<String, (Step, String)> {
    let (refused_at, text) = match status {
        401 => (
            Some(Step::Login),
            "the service does not accept the credential",
        ),
        407 => (
            Some(Step::Login),
            "a proxy before the service asks for credentials",
        ),
        403 => (
            Some(Step::Permission),
            "the service does not allow this request",
        ),
        301..=303 | 307 | 308 => (
            None,
            "the service answers with a redirect, which a test does not follow",
        ),
        _ => (None, "the service answers"),
    };
    let detail = format!("{text} ({status}{note})");
    match refused_at {
        Some(step) => Err((step, detail)),
        None => Ok(detail),
    }
}

/// What is sent, and the method it stands for where that would change something.
fn safe_method(method: Method) -> (hyper::Method, Option<&'static str>) {
    match method {
        Method::Get => (hyper::Method::GET, None),
        Method::Head => (hyper::Method::HEAD, None),
        Method::Options => (hyper::Method::OPTIONS, None),
        Method::Put => (hyper::Method::OPTIONS, Some("PUT")),
        Method::Post => (hyper::Method::OPTIONS, Some("POST")),
    }
}

/// The credential's own, and what any client sends: user information of the URL, and who asks.
fn headers(http: &Http, url: &Url) -> Result<HeaderMap, Failure> {
    let cannot = || {
        let text = "a header cannot be sent: its name or value breaks the rules of HTTP";
        Failure::new(Step::Protocol, text)
    };
    let own: BTreeMap<String, String> =
        serde_json::from_str(&http.headers).map_err(|_| cannot())?;
    let mut headers = HeaderMap::new();
    for (name, value) in own {
        let name = HeaderName::try_from(name).map_err(|_| cannot())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| cannot())?;
        value.set_sensitive(true);
        if !NOT_SENT.contains(&name.as_str()) {
            headers.insert(name, value);
        }
    }
    if !headers.contains_key(AUTHORIZATION)
        && let Some(value) = basic(url)
    {
        headers.insert(AUTHORIZATION, value);
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static("gatehouse"));
    Ok(headers)
}

fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(endpoint: &str, own: &str) -> Result<HeaderMap, Failure> {
        let http = Http {
            endpoint: endpoint.to_owned(),
            method: Method::Get,
            headers: own.to_owned(),
            body: String::new(),
        };
        headers(&http, &Url::parse(endpoint).unwrap())
    }

    #[test]
    fn headers_are_sent_as_they_are_but_for_those_of_the_connection() {
        let own = r#"{ "X-Api-Key": "k", "Content-Length": "9", "transfer-encoding": "chunked", "Host": "h" }"#;
        let headers = sent("http://u:p%20w@h/", own).ok().unwrap();
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "host", "user-agent", "x-api-key"]);
        assert_eq!(headers["authorization"], "Basic dTpwIHc=");
        assert!(!format!("{headers:?}").contains("dTpwIHc"), "not in logs");

        let own = r#"{ "Authorization": "Bearer t", "User-Agent": "worker" }"#;
        let headers = sent("http://u:p@h/", own).ok().unwrap();
        assert_eq!(headers["authorization"], "Bearer t");
        assert_eq!(headers["user-agent"], "worker");
    }

    #[test]
    fn headers_that_break_out_are_not_sent() {
        let cases = [
            r#"{ "X-A": "b\r\nX-C: d" }"#,
            r#"{ "X-A: b\r\nX-C": "d" }"#,
            r#"{ "X A": "b" }"#,
            r#"{ "": "b" }"#,
        ];
        for own in cases {
            assert!(sent("http://h/", own).is_err(), "{own}");
        }
    }
}
