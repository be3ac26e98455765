//! What a refusal says: Gatehouse's problem document, or OpenBao's list of errors.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, FieldError, Refusal};

const LONGEST_DETAIL: usize = 300;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    code: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    current_version: Option<u32>,
    errors: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Field(FieldError),
    Text(String),
}

/// The error for a status outside 200 to 299.
pub(super) fn refused(status: u16, body: &[u8], retry_after: Option<Duration>) -> Error {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let mut fields = Vec::new();
    let mut texts = Vec::new();
    for item in body.errors {
        match item {
            Item::Field(field) => fields.push(field),
            Item::Text(text) => texts.push(text.trim().to_owned()),
        }
    }
    let said = body
        .detail
        .or_else(|| (!texts.is_empty()).then(|| texts.join("; ")));
    Error::Refused(Box::new(Refusal {
        status,
        code: body.code.unwrap_or_else(|| code(status).to_owned()),
        detail: shortened(&said.unwrap_or_else(|| words(status).to_owned())),
        request_id: body.request_id,
        errors: fields,
        retry_after,
        current_version: body.current_version,
    }))
}

/// The code where the server names none, as OpenBao never does.
fn code(status: u16) -> &'static str {
    match status {
        300..=399 => "redirected",
        401 => "unauthorized",
        403 => "permission_denied",
        404 => "not_found",
        429 => "rate_limited",
        503 => "unavailable",
        400..=499 => "bad_request",
        _ => "server_error",
    }
}

fn words(status: u16) -> &'static str {
    match status {
        300..=399 => "the server redirects, which is not followed",
        404 => "there is nothing",
        _ => "the server gives no reason",
    }
}

fn shortened(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_DETAIL)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn problem_documents_are_read() {
        let body = br#"{"type":"urn:x","title":"Unprocessable","status":422,"code":"invalid_field",
            "detail":"a field is wrong","request_id":"r-1",
            "errors":[{"pointer":"/value/port","detail":"must be 1 to 65535","value_type":"string"}]}"#;
        let error = refused(422, body, None);
        let refusal = error.refusal().unwrap();
        assert_eq!(error.code(), "invalid_field");
        assert_eq!(refusal.request_id.as_deref(), Some("r-1"));
        assert_eq!(refusal.errors[0].pointer, "/value/port");
        assert_eq!(
            error.to_string(),
            "422 invalid_field: a field is wrong; /value/port must be 1 to 65535 (request r-1)"
        );
    }

    #[test]
    fn version_conflicts_say_which_version_is_there() {
        let error = refused(412, br#"{"current_version":4}"#, None);
        assert_eq!(error.refusal().unwrap().current_version, Some(4));
    }

    #[test]
    fn words_of_openbao_are_read() {
        let error = refused(
            403,
            b"{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}",
            None,
        );
        assert_eq!(error.code(), "permission_denied");
        assert!(error.to_string().ends_with("* permission denied"));
        assert_eq!(refused(404, b"{\"errors\":[]}", None).code(), "not_found");
    }

    #[test]
    fn bodies_of_others_are_not_repeated() {
        let error = refused(502, b"<html>secret</html>", None);
        assert_eq!(error.code(), "server_error");
        assert!(!error.to_string().contains("secret"));
    }
}
