//! Texts of policies: they say what their templates say, of one vendor's mounts, whatever they are filled in with.

use gatehouse::types::{KeyPattern, Namespace};
use gatehouse::vault::policies::{self, Policy, TokenMountAccessor};

/// A path of a policy, and what it allows.
type Rule<'a> = (&'a str, Vec<&'a str>);

/// On lines: two namespaces, the accessor of a mount, and patterns of keys.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (one, other, accessor) = (Namespace::parse(next()), next(), next());
    let Ok(one) = one else {
        return;
    };
    let accessor = TokenMountAccessor::parse(accessor).map_or("auth_token_1", |_| accessor);
    for policy in of(&one, accessor) {
        let rules = rules(&policy.text);
        is_right(&one, accessor, &policy, &rules);
        if let Ok(other) = Namespace::parse(other).as_ref()
            && *other != one
        {
            reaches_nothing_of(other, &policy, &rules);
        }
    }
    let patterns: Vec<KeyPattern> = lines
        .filter_map(|line| KeyPattern::try_from(line.to_owned()).ok())
        .collect();
    of_keys(&one, &patterns);
}

fn of(namespace: &Namespace, accessor: &str) -> Vec<Policy> {
    let accessor = TokenMountAccessor::parse(accessor).expect("it was read before");
    let mut all = policies::of_vendor(namespace, &accessor);
    let names: Vec<&String> = all.iter().map(|policy| &policy.name).collect();
    assert_eq!(
        names,
        policies::names_of_vendor(namespace)
            .iter()
            .collect::<Vec<_>>()
    );
    all.push(policies::of_purge(namespace));
    all
}

/// Reads rules of the one form that the templates have. Anything else in the text, a comment as well, is a fault.
fn rules(text: &str) -> Vec<Rule<'_>> {
    let rule = |line| read(line).unwrap_or_else(|| panic!("no rule: {line:?}"));
    text.lines().map(rule).collect()
}

fn read(line: &str) -> Option<Rule<'_>> {
    let (path, rest) = line.strip_prefix("path \"")?.split_once('"')?;
    let allowed = rest
        .strip_prefix(" { capabilities = [\"")?
        .strip_suffix("\"]}");
    let allowed = allowed.or_else(|| {
        rest.strip_prefix(" { capabilities = [\"")?
            .strip_suffix("\"] }")
    })?;
    let allowed: Vec<&str> = allowed.split("\", \"").collect();
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase());
    allowed.iter().all(is_word).then_some((path, allowed))
}

fn is_right(of: &Namespace, accessor: &str, policy: &Policy, rules: &[Rule<'_>]) {
    let store = format!("{of}-store/*");
    let site = format!("{of}-store/{{{{identity.entity.aliases.{accessor}.name}}}}");
    let kind = policy
        .name
        .strip_prefix(of.as_str())
        .expect("named after the vendor");
    let only = match kind {
        "-write-policy" => Some((&store, vec!["create", "update", "delete"])),
        "-delete-policy" => Some((&store, vec!["delete"])),
        "-read-policy" => Some((&store, vec!["read"])),
        ".site-write" => Some((&site, vec!["create", "update", "delete"])),
        ".site-read" => Some((&site, vec!["read"])),
        _ => None,
    };
    if let Some((path, allowed)) = only {
        assert_eq!(rules, [(path.as_str(), allowed)], "{}", policy.name);
    }
    let credentials = format!("{of}-credentials/secret/");
    for (path, allowed) in rules {
        assert!(
            *path == store || *path == site || path.starts_with(&credentials),
            "{path}"
        );
        assert!(
            !path.contains('+')
                && !allowed
                    .iter()
                    .any(|one| matches!(*one, "sudo" | "root" | "patch"))
        );
        // A `*` is a wildcard at the end only; in the middle it would mislead who reads it.
        assert!(!path[..path.len() - 1].contains('*'), "{path}");
    }
}

/// No path of the policy covers one of the other vendor's, nor lies below its mounts.
fn reaches_nothing_of(other: &Namespace, policy: &Policy, rules: &[Rule<'_>]) {
    for (path, _) in rules {
        let beginning = path.split(['*', '{']).next().unwrap_or_default();
        for mount in [other.store(), other.credentials()] {
            let mount = format!("{mount}/");
            assert!(
                !mount.starts_with(beginning) && !beginning.starts_with(&mount),
                "{} of {} reaches {mount}",
                policy.name,
                other
            );
        }
    }
}

/// For each pattern the values and their descriptions, and no more.
fn of_keys(namespace: &Namespace, patterns: &[KeyPattern]) {
    let policy = policies::of_keys("name".to_owned(), namespace, patterns);
    let right: Vec<String> = patterns
        .iter()
        .flat_map(|pattern| {
            ["data", "metadata"]
                .map(|part| format!("{namespace}-credentials/secret/{part}/{}", pattern.as_str()))
        })
        .collect();
    let rules = rules(&policy.text);
    let paths: Vec<&str> = rules.iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, right);
    for (path, allowed) in &rules {
        assert_eq!(allowed, &["read"]);
        let tail = path.rsplit('/').next().unwrap_or_default();
        assert!(
            !tail.is_empty() && !tail.starts_with('.') && path.split('/').count() == 4,
            "{path}"
        );
    }
}
