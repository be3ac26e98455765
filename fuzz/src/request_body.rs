//! Bodies of requests: taken or refused, and a refusal repeats nothing of what was sent.

use gatehouse::credentials::http::CreateCredentialRequest;
use gatehouse::error::Error;
use gatehouse::federation::policies::http::TrustPolicyRequest;
use gatehouse::http::parse_json;
use gatehouse::lockbox::http::EntryRequest;
use gatehouse::sites::register::RegisterRequest;
use gatehouse::types::Metadata;
use gatehouse::vendors::http::CreateVendorRequest;
use serde::de::DeserializeOwned;
use serde_json::Value;

const MARK: &str = "canary-5b1f";
const CANARY: &str = "canary-5b1f/\u{e9}\u{202e}";

/// A body as it comes, and with texts of ours in place of its own.
pub fn holds(data: &[u8]) {
    if data.windows(MARK.len()).any(|part| part == MARK.as_bytes()) {
        return;
    }
    let planted = serde_json::from_slice::<Value>(data)
        .ok()
        .map(|mut document| {
            plant(&mut document);
            document.to_string()
        });
    for body in [Some(data), planted.as_deref().map(str::as_bytes)]
        .into_iter()
        .flatten()
    {
        let taken = [
            is_taken::<CreateVendorRequest>(body),
            is_taken::<RegisterRequest>(body),
            is_taken::<CreateCredentialRequest>(body),
            is_taken::<TrustPolicyRequest>(body),
            is_taken::<EntryRequest>(body),
        ];
        let labels = parse_json::<Metadata>(body).ok();
        if let Some(labels) = &labels {
            let written = serde_json::to_vec(labels).expect("JSON");
            assert_eq!(parse_json::<Metadata>(&written).ok().as_ref(), Some(labels));
            assert!(labels.iter().count() <= 16);
        }
        if taken.contains(&true) || labels.is_some() {
            let document = serde_json::from_slice::<Value>(body).expect("what is taken is JSON");
            assert!(document.is_object());
        }
    }
}

/// Puts the canary where a text was.
fn plant(value: &mut Value) {
    match value {
        Value::String(text) => CANARY.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(plant),
        Value::Object(fields) => fields.values_mut().for_each(plant),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_taken<T: DeserializeOwned>(body: &[u8]) -> bool {
    let errors = match parse_json::<T>(body) {
        Ok(_) => return true,
        Err(Error::MalformedBody) => return false,
        Err(Error::InvalidField(errors)) => errors,
        Err(other) => panic!("the refusal of a body is {other:?}"),
    };
    assert!(!errors.is_empty(), "a refusal says which field");
    for error in errors {
        assert!(
            error.pointer.is_empty() || error.pointer.starts_with('/'),
            "{}",
            error.pointer
        );
        let said = format!("{} {}", error.pointer, error.detail);
        assert!(!said.contains(MARK), "it repeats what was sent: {said}");
        assert!(said.len() <= 2048, "{} bytes", said.len());
        assert!(!error.detail.chars().any(char::is_control), "{said:?}");
    }
    false
}
