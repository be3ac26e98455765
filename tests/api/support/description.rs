//! The API description, held against every answer that a test gets.

use std::sync::OnceLock;

use serde_json::Value;

/// Panics where the operation answers with a status that its description does not have. What is no operation is left
/// alone: the console, and paths and methods that there are not.
pub fn assert_holds(method: &str, path: &str, status: u16) {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| gatehouse::openapi::document().unwrap());
    if method.bytes().any(|b| b.is_ascii_lowercase()) {
        return;
    }
    let paths = document["paths"].as_object().unwrap();
    let method = method.to_ascii_lowercase();
    let mut found: Vec<_> = paths
        .iter()
        .filter(|(pattern, item)| covers(pattern, path) && item.get(&method).is_some())
        .collect();
    // A path without parameters goes before one that has them.
    found.sort_by_key(|(pattern, _)| pattern.matches('{').count());
    if let Some((pattern, item)) = found.first() {
        let described = item[&method]["responses"].get(status.to_string());
        assert!(
            described.is_some(),
            "{method} {pattern} answers {status}: {path}"
        );
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    let (ours, theirs) = (pattern.split('/'), path.split('/'));
    ours.clone().count() == theirs.clone().count()
        && ours
            .zip(theirs)
            .all(|(our, their)| our == their || (our.starts_with('{') && !their.is_empty()))
}
