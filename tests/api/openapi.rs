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
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let odd = schemas.keys().find(|name| name.ends_with("View"));
    assert_eq!(odd, None, "as types are called here, and nowhere else");
    let ftp = &document["components"]["schemas"]["Credential.ftp"];
    assert_eq!(ftp["properties"]["port"]["default"], 21);
}

/// What is read from the types of the handlers: the rules of fields, which of them must be there, and the query.
#[tokio::test]
async fn description_says_what_handlers_take() {
    let test = TestApp::start().await;
    let document = test.get("/openapi.json").send().await.json;
    let operation = |method: &str, path: &str| {
        let found = &document["paths"][path][method];
        assert!(found.is_object(), "{method} {path}");
        found.clone()
    };
    let schema = |operation: &Value| {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let name = body["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        document["components"]["schemas"][name].clone()
    };
    let sign = operation("post", "/api/jwt-keys");
    assert_eq!(sign["requestBody"]["required"], true);
    let body = schema(&sign);
    assert_eq!(body["additionalProperties"], false);
    assert_eq!(
        body["required"],
        serde_json::json!(["name", "algorithm", "issuer"])
    );
    let write = operation("post", "/api/site");
    assert_eq!(write["requestBody"]["required"], false);
    let kinds = &document["components"]["schemas"]["TokenKind"]["enum"];
    assert!(kinds.as_array().unwrap().contains(&"write_site".into()));
    let site = &document["components"]["schemas"]["SecretId"];
    assert_eq!(site["pattern"], "^[a-z0-9_-]{16,128}$");
    let listed = operation("get", "/api/webhooks");
    let names = listed["parameters"].as_array().unwrap();
    let names: Vec<&str> = names
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["limit", "cursor"]);
    for (method, path, media_type) in [
        ("post", "/oauth/token", "application/x-www-form-urlencoded"),
        ("post", "/api/credential-file", "application/x-ndjson"),
        ("put", "/api/credentials/{key}", "application/json"),
    ] {
        let content = operation(method, path)["requestBody"]["content"].clone();
        assert!(content[media_type].is_object(), "{path}: {content}");
    }
    // What is made or changed has a body, but where the path says it all, and no other has one.
    let mut bodies = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let has_body = operation["requestBody"].is_object();
            bodies += usize::from(has_body);
            assert!(!has_body || method != "get", "{method} {path}");
            assert!(
                has_body || !matches!(method.as_str(), "put" | "patch"),
                "{method} {path}"
            );
        }
    }
    assert!(bodies > 100, "{bodies}");
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

/// Each operation says what it does and how it answers, and nothing is said of what is not.
#[tokio::test]
async fn description_says_what_each_operation_does_and_answers() {
    let test = TestApp::start().await;
    let document = test.get("/openapi.json").send().await.json;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            let says = operation["description"].as_str().unwrap();
            assert!(says.ends_with('.') && says.len() > 10, "{name}: {says}");
            let statuses: Vec<&String> =
                operation["responses"].as_object().unwrap().keys().collect();
            let done = statuses
                .iter()
                .filter(|status| status.starts_with('2'))
                .count();
            assert!(done > 0, "{name}: {statuses:?}");
            for answer in operation["responses"].as_object().unwrap().values() {
                let schema = &answer["content"]["application/json"]["schema"];
                let is_named = schema["$ref"].is_string();
                assert!(
                    is_named || schema.is_null() || path == "/openapi.json",
                    "{name}: {answer}"
                );
            }
            let parameters = operation["parameters"].as_array().unwrap();
            let mut names = BTreeSet::new();
            for parameter in parameters {
                let (place, called) = (&parameter["in"], &parameter["name"]);
                assert!(
                    names.insert(format!("{place} {called}")),
                    "{name}: {called} twice"
                );
                if place == "path" {
                    let schema = &parameter["schema"];
                    let rule = ["pattern", "format", "minimum", "enum"]
                        .iter()
                        .any(|rule| !schema[rule].is_null());
                    assert!(rule, "{name}: {called} has no rule");
                }
            }
        }
    }
    let known: BTreeSet<String> = ROUTES.iter().map(|route| (route.operation)()).collect();
    let said: Vec<&str> = gatehouse::openapi::operations::ROWS
        .iter()
        .map(|row| row.operation)
        .collect();
    let different: BTreeSet<String> = said.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(different, known);
    assert_eq!(different.len(), said.len());
}

#[tokio::test]
async fn people_read_the_description_as_a_page() {
    let test = TestApp::start().await;
    let page = test.get("/docs").send().await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    for route in ROUTES {
        for path in paths(route) {
            let heading = format!(
                "<span class=\"method\">{}</span> {path}</code>",
                route.method
            );
            assert!(page.text.contains(&heading), "{heading}");
        }
    }
    assert!(page.text.contains("Makes a credential. By the vendor."));
    assert!(page.text.contains("<a href=\"#object-CredentialData\">"));
    // What answers are made of: lists, alternatives, and what is not always there.
    for said in [
        "A list of <a href=\"#object-TrustedLoginMessage\">",
        "One of them is <a href=\"#object-AccessToken\">",
        "<code>claimToken</code> <span class=\"muted\">(not always)</span>",
    ] {
        assert!(page.text.contains(said), "{said}");
    }
    // Each place of the contents is there, once.
    let ids: Vec<&str> = page
        .text
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let different: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
    for link in page.text.split("href=\"#").skip(1) {
        let to = link.split('"').next().unwrap();
        assert!(ids.contains(&to), "{to}");
    }
}
