//! What may stand in the place of a path's parameters.

use serde_json::{Value, json};

use crate::tasks::TASKS;

/// The schema of a parameter, as its type is read. `None` where the parameter is unknown here.
pub fn schema(name: &str, path: &str) -> Option<Value> {
    let digits = "[0-9a-f]{16}";
    // Behind a name two hyphens in a row are not told apart from one: patterns cannot say that and the length.
    let namespace = "[a-z0-9][a-z0-9-]{3,94}[a-z0-9]";
    let pattern = match name {
        "namespace" => {
            let pattern = "^[a-z0-9](-?[a-z0-9])*$";
            return Some(
                json!({ "type": "string", "pattern": pattern, "minLength": 5, "maxLength": 96 }),
            );
        }
        // A site may be removed by its delete key as well.
        "secretId" => "^[a-z0-9_-]{16,128}$".to_owned(),
        "login" => format!("^w{digits}@{namespace}$"),
        "user" => format!("^[a-z0-9][a-z0-9._-]{{0,63}}(@{namespace})?$"),
        "session" if path.contains("/{user}/") => format!("^{digits}$"),
        "session" | "pair" => format!("^(current|{digits})$"),
        "key" => "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$".to_owned(),
        "webhook" => format!("^wh{digits}$"),
        "jwtKey" => format!("^jk{digits}$"),
        "issuer" => format!("^is{digits}$"),
        "policy" => format!("^tp{digits}$"),
        "delivery" | "issuance" => return Some(json!({ "type": "string", "format": "uuid" })),
        "task" => {
            let names: Vec<_> = TASKS.iter().map(|task| task.name).collect();
            return Some(json!({ "type": "string", "enum": names }));
        }
        "version" => return Some(number(u32::MAX.into())),
        // `id` is an account of TrustedLogin, or an entry of RPort.
        "entry" | "message" | "account" | "id" => return Some(number(i64::MAX)),
        _ => return None,
    };
    Some(json!({ "type": "string", "pattern": pattern }))
}

fn number(most: i64) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most })
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::types::{
        CredentialKey, IssuerId, JwtKeyId, KeyId, Namespace, SecretId, TrustPolicyId, UserLogin,
        WebhookId, WorkerLogin,
    };

    type Read = fn(&str) -> bool;

    /// The patterns and the types say the same of these.
    #[test]
    fn a_path_takes_what_its_types_read() {
        let id = "0123456789abcdef";
        let long = |times: usize| "a".repeat(times);
        let texts: Vec<String> = [
            "",
            "a",
            "abcd",
            "abcde",
            "a-b-c",
            "a--bc",
            "-abcd",
            "abcd-",
            "ABCDE",
            "ab_cd",
            "ab.cd",
            ".abcd",
            "current",
            "abcdefghijklmnop",
            "a.b.c@acme1",
            "a@acme1@x",
            "a@",
            "@acme1",
            "A@acme1",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain(["", "wh", "jk", "is", "tp", "w"].map(|before| format!("{before}{id}")))
        .chain([
            format!("w{id}@acme1"),
            format!("w{id}@a"),
            format!("wh{}", id.to_uppercase()),
        ])
        .chain([64, 65, 96, 97, 128, 129].map(long))
        .collect();
        let reads: [(&str, Read); 10] = [
            ("namespace", |text| Namespace::parse(text).is_ok()),
            ("secretId", |text| SecretId::parse(text).is_ok()),
            ("login", |text| WorkerLogin::parse(text).is_some()),
            ("user", |text| UserLogin::parse(text).is_some()),
            ("pair", |text| {
                text == "current" || KeyId::parse(text).is_some()
            }),
            ("key", |text| CredentialKey::parse(text).is_ok()),
            ("webhook", |text| WebhookId::parse(text).is_some()),
            ("jwtKey", |text| JwtKeyId::parse(text).is_some()),
            ("issuer", |text| IssuerId::parse(text).is_some()),
            ("policy", |text| TrustPolicyId::parse(text).is_some()),
        ];
        // A user may not be called as workers are.
        let is_workers = |text: &str| {
            let name = text.split('@').next().unwrap_or_default();
            WorkerLogin::parse(&format!("{name}@acme1")).is_some()
        };
        for (name, is_read) in reads {
            let schema = schema(name, "").unwrap();
            let pattern = Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
            let mut taken = 0;
            for text in texts
                .iter()
                .filter(|text| name != "user" || !is_workers(text))
            {
                let fits = |rule: &str, fits: fn(u64, u64) -> bool| {
                    let limit = schema[rule].as_u64();
                    limit.is_none_or(|limit| fits(text.len() as u64, limit))
                };
                let is_said = pattern.is_match(text)
                    && fits("minLength", |length, least| length >= least)
                    && fits("maxLength", |length, most| length <= most);
                assert_eq!(is_said, is_read(text), "{name}: {text:?}");
                taken += usize::from(is_read(text));
            }
            assert!(taken > 0, "{name}");
        }
    }
}
