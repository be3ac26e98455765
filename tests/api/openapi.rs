//! The API description against the routes.

use std::collections::BTreeSet;

use gatehouse::routes::{ROUTES, paths};
use serde_json::Value;

use crate::support::TestApp;

#[tokio::test]
async fn description_names_every_operation_once() {
    let test = TestApp::start().await;
    let document = test.get("/openapi.json").send().await.json;
    assert_eq!(document["openapi"], "3.1.0");
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let routed: BTreeSet<String> = ROUTES
        .iter()
        .flat_map(|route| paths(route).map(|path| format!("{} {path}", route.method)))
        .collect();
    assert_eq!(described, routed);
    let operations = document["paths"].as_object().unwrap().values();
    let ids: Vec<&str> = operations
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let different: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
}

#[tokio::test]
async fn description_refers_to_nothing_it_does_not_hold() {
    let test = TestApp::start().await;
    let document = test.get("/openapi.json").send().await.json;
    let mut found = 0;
    refers(&document, &mut |to: &str| {
        found += 1;
        let pointer = to.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{to}");
    });
    assert!(found > 50, "{found}");
    let ftp = &document["components"]["schemas"]["Credential.ftp"];
    assert_eq!(ftp["properties"]["port"]["default"], 21);
}

fn refers(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(to) if name == "$ref" => found(to),
            other => refers(other, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| refers(item, found)),
        _ => {}
    }
}
