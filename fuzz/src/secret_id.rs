//! What names a site, and what finds it: nothing of it can leave its place in a URL.

use gatehouse::types::{AccessKey, Namespace, SecretId};
use rustify::http::build_url;
use serde_json::Value;

fn is_of_grammar(text: &str, upper: bool) -> bool {
    let right = |c: char| match c {
        'a'..='z' | '0'..='9' | '_' | '-' => true,
        'A'..='Z' => upper,
        _ => false,
    };
    (16..=128).contains(&text.chars().count()) && text.chars().all(right)
}

/// A path as strangers would have it: `<namespace>/<secret-id>`.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (namespace, id) = text.split_once('/').unwrap_or(("acme-plugin", text));
    let key = AccessKey::try_from(id.to_owned()).ok();
    assert_eq!(key.is_some(), is_of_grammar(id, true), "{id:?}");
    if let Some(key) = key {
        assert_eq!(key.expose(), id);
    }
    let parsed = SecretId::parse(id).ok();
    assert_eq!(parsed.is_some(), is_of_grammar(id, false), "{id:?}");
    let by_json = serde_json::from_value::<SecretId>(Value::from(id)).ok();
    assert_eq!(parsed, by_json, "two readers differ");
    if let (Ok(namespace), Some(id)) = (Namespace::parse(namespace), parsed) {
        reaches_its_place(&namespace, &id);
    }
}

/// The client library's own way to a URL gives `/<namespace>-store/<id>`, byte by byte.
fn reaches_its_place(namespace: &Namespace, id: &SecretId) {
    let path = format!("{}/{id}", namespace.store());
    let url = build_url("http://127.0.0.1:8200/v1", &path, None).expect("a URL");
    let right = format!("/v1/{}-store/{}", namespace.as_str(), id.as_str());
    assert_eq!(
        url.path_and_query().map(ToString::to_string),
        Some(right.clone())
    );
    let read_again = url::Url::parse(&url.to_string()).expect("a URL");
    assert_eq!(
        (read_again.path(), read_again.query(), read_again.fragment()),
        (right.as_str(), None, None)
    );
}
