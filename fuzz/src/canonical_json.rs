//! JSON as PHP has it: what is written reads back as the same text, says what was sent, and is signed without names that
//! are not to be.

use gatehouse::trustedlogin::canonical::{Answer, Value};
use serde_json::Value as Json;

const SIGNATURE: &str = "5b1f";

/// A text of JSON.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(value) = Value::read(text) else {
        return;
    };
    let written = value.encode();
    let again = Value::read(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!(again.encode(), written, "not the same a second time");
    assert!(
        written.len() <= 8 * text.len() + 32,
        "it grew beyond reason"
    );
    let plain = |c: char| c >= ' ' && !matches!(c, '\u{2028}' | '\u{2029}');
    assert!(written.chars().all(plain), "{written:?}");
    let sent: Json = serde_json::from_str(text).expect("JSON to us is JSON to others");
    let read: Json = serde_json::from_str(&written).expect("what we write is JSON");
    assert!(is_same(&sent, &read), "{text} became {written}");
    answer(&value);
}

/// The same to PHP: an object without names, or with the names 0, 1, 2 …, is a list.
fn is_same(sent: &Json, read: &Json) -> bool {
    match (sent, read) {
        (Json::Object(sent), Json::Array(read)) => {
            let nth = |(place, value): (usize, &Json)| {
                sent.get(&place.to_string())
                    .is_some_and(|sent| is_same(sent, value))
            };
            sent.len() == read.len() && read.iter().enumerate().all(nth)
        }
        (Json::Object(sent), Json::Object(read)) => {
            let named = |(name, value): (&String, &Json)| {
                read.get(name).is_some_and(|read| is_same(value, read))
            };
            sent.len() == read.len() && sent.iter().all(named)
        }
        (Json::Array(sent), Json::Array(read)) => {
            sent.len() == read.len()
                && sent
                    .iter()
                    .zip(read)
                    .all(|(sent, read)| is_same(sent, read))
        }
        (Json::Number(sent), Json::Number(read)) => {
            let both = (sent.as_i64(), read.as_i64());
            sent == read
                || (both.0.is_none() || both.0 == both.1)
                    && sent.as_f64().map(f64::to_bits) == read.as_f64().map(f64::to_bits)
        }
        (sent, read) => sent == read,
    }
}

/// An answer with the value in it: its names are sorted, and what is signed is the body without the signature.
fn answer(value: &Value) {
    let fields = [
        "siteUrl",
        "signature",
        "metaData",
        "signaturePublicKey",
        "identifier",
    ];
    let answer = || Answer::new(fields.map(|name| (name, value.clone())));
    let canonical = answer().canonical();
    let one = value.encode();
    assert_eq!(
        canonical,
        format!(r#"{{"identifier":{one},"metaData":{one},"siteUrl":{one}}}"#)
    );
    let body = answer().signed(SIGNATURE.to_owned());
    assert_eq!(
        body.replacen(&format!(r#""signature":"{SIGNATURE}","#), "", 1)
            .len()
            + 19,
        body.len()
    );
    // With the answer around it a value may be one level too deep for this reader.
    let Ok(mut read) = serde_json::from_str::<Json>(&body) else {
        assert!(serde_json::from_str::<Json>(&canonical).is_err());
        return;
    };
    let signature = read
        .as_object_mut()
        .and_then(|fields| fields.remove("signature"));
    assert_eq!(signature, Some(Json::from(SIGNATURE)));
    assert_eq!(
        Ok(read),
        serde_json::from_str(&canonical).map_err(|error| error.to_string())
    );
}
