//! Names of vendors: what is accepted is of the grammar, whatever reader takes it, and two of them share nothing.

use std::collections::HashSet;

use gatehouse::types::Namespace;
use gatehouse::vault::policies;
use serde_json::Value;

/// The grammar `[a-z0-9](-?[a-z0-9])*`, character by character.
fn is_of_grammar(text: &str) -> bool {
    let mut after_word = false;
    for c in text.chars() {
        after_word = match c {
            'a'..='z' | '0'..='9' => true,
            '-' if after_word => false,
            _ => return false,
        };
    }
    after_word && (5..=96).contains(&text.chars().count())
}

/// Texts that stand one on a line, so that there can be two.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let accepted: Vec<Namespace> = text.split('\n').filter_map(accepted).collect();
    accepted_alone(text);
    for (number, one) in accepted.iter().enumerate() {
        for other in &accepted[..number] {
            if one != other {
                share_nothing(one, other);
            }
        }
    }
}

/// With its line ends, a text must be refused or be a namespace by itself.
fn accepted_alone(text: &str) {
    assert_eq!(
        accepted(text).is_some(),
        !text.contains('\n') && Namespace::parse(text).is_ok()
    );
    if let Some(suggested) = Namespace::suggest(text) {
        assert!(is_of_grammar(suggested.as_str()), "{suggested}");
        // A longer one is cut short once more.
        if suggested.as_str().len() <= 90 {
            assert_eq!(Namespace::suggest(suggested.as_str()), Some(suggested));
        }
    }
}

fn accepted(text: &str) -> Option<Namespace> {
    let by_json = serde_json::from_value::<Namespace>(Value::from(text)).ok();
    let namespace = Namespace::parse(text).ok();
    assert_eq!(namespace, by_json, "two readers differ");
    if let Some(namespace) = &namespace {
        assert!(is_of_grammar(text), "accepted: {text:?}");
        assert_eq!(namespace.as_str(), text);
        assert_eq!(
            serde_json::to_value(namespace).ok(),
            Some(Value::from(text))
        );
        assert_eq!(text.to_lowercase(), text, "folded by OpenBao");
    }
    namespace
}

/// Mounts of which none lies below another, and policies of which none has another's name.
fn share_nothing(one: &Namespace, other: &Namespace) {
    let mounts = |of: &Namespace| [of.store(), of.credentials()].map(|mount| format!("{mount}/"));
    for mount in mounts(one) {
        for next in mounts(other) {
            assert!(
                !mount.starts_with(&next) && !next.starts_with(&mount),
                "{mount} {next}"
            );
        }
    }
    let names = |of: &Namespace| -> HashSet<String> {
        let mut names = policies::names_of_vendor(of);
        names.push(policies::of_purge(of).name);
        names
            .into_iter()
            .map(|name| name.trim().to_lowercase())
            .collect()
    };
    let both = names(one)
        .intersection(&names(other))
        .cloned()
        .collect::<Vec<_>>();
    assert!(both.is_empty(), "{one} and {other} have {both:?}");
    let own: HashSet<String> = policies::own()
        .into_iter()
        .map(|policy| policy.name)
        .collect();
    assert!(
        own.is_disjoint(&names(one)),
        "{one} has one of the service's own"
    );
}
