use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::try_from(text.to_owned()).unwrap()
}

#[test]
fn wildcards_stay_within_a_part() {
    let matching = [
        (
            "repo:acme/app:ref:refs/heads/main",
            "repo:acme/app:ref:refs/heads/main",
        ),
        (
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/app:ref:refs/heads/main",
        ),
        ("repo:acme/app:**", "repo:acme/app:ref:refs/heads/x"),
        ("refs/heads/release-*", "refs/heads/release-1.0"),
        ("refs/tags/v*.*", "refs/tags/v1.2.3"),
        (
            "system:serviceaccount:ci:*",
            "system:serviceaccount:ci:builder",
        ),
        ("*", "x"),
        ("*", "\u{fc}"),
        ("**", "a/b:c"),
        ("a*a*a", "aaaaa"),
        ("*/x*", "a/xx"),
    ];
    for (text, claim) in matching {
        assert!(pattern(text).matches(claim), "{text} {claim}");
    }
    let others = [
        (
            "repo:acme/app:ref:refs/heads/main",
            "repo:acme/app:ref:refs/heads/main2",
        ),
        (
            "repo:acme/app:ref:refs/heads/main",
            "repo:acme/app:ref:refs/heads/Main",
        ),
        (
            "repo:acme/app:ref:refs/heads/main",
            "repo:acme/app:ref:refs/heads/main\n",
        ),
        (
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/a/b:ref:refs/heads/main",
        ),
        (
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/x:environment:y:ref:refs/heads/main",
        ),
        (
            "repo:acme/*:ref:refs/heads/main",
            "repo:acme/:ref:refs/heads/main",
        ),
        ("repo:acme/app:*", "repo:acme/app:ref:refs/heads/x"),
        ("repo:acme/app:**", "repo:acme/app:"),
        ("repo:acme/app:**", "repo:acme/app2:x"),
        ("refs/heads/release-*", "refs/heads/release-1/evil"),
        ("refs/heads/*", "refs/heads/"),
        (
            "system:serviceaccount:ci:*",
            "system:serviceaccount:ci-evil:builder",
        ),
        (
            "system:serviceaccount:*:builder",
            "system:serviceaccount:a:b:builder",
        ),
        ("*", ""),
        ("**", ""),
        ("a*a*a", "aaa"),
        ("a?c", "abc"),
        ("a.c", "abc"),
        ("[a]*", "ab"),
    ];
    for (text, claim) in others {
        assert!(!pattern(text).matches(claim), "{text} {claim}");
    }
    assert!(!pattern("*").matches(&"x".repeat(1025)));
}

#[test]
fn patterns_are_checked() {
    for bad in [
        "",
        "**x",
        "a**b",
        "***",
        "a***",
        "a\nb",
        "*.*.*.*.*.*.*.*.*",
        &"x".repeat(513),
    ] {
        assert!(Pattern::try_from(bad.to_owned()).is_err(), "{bad}");
    }
    let rules = |text: &str| serde_json::from_str::<ClaimRules>(text);
    assert!(rules(r#"{"sub": "a", "ref": ["b", "c"], "/kubernetes.io/pod/name": "x"}"#).is_ok());
    for bad in [
        "{}",
        r#"{"sub": []}"#,
        r#"{"sub": 7}"#,
        r#"{"sub": ["a", 7]}"#,
        r#"{"sub": {"a": "b"}}"#,
        r#"{"sub": null}"#,
        r#"{"": "x"}"#,
        r#"{"/": "x"}"#,
        r#"{"/a//b": "x"}"#,
        r#"{"/a~2b": "x"}"#,
        r#"{"a\nb": "x"}"#,
    ] {
        assert!(rules(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_policy_for_everybody_binds_nothing() {
    let telling = ["sub", "repository", "repository_owner"].map(|name| ClaimPlace(name.to_owned()));
    let binds = |text: &str| {
        serde_json::from_str::<ClaimRules>(text)
            .unwrap()
            .bind(&telling)
    };
    for good in [
        r#"{"sub": "repo:acme/app:pull_request"}"#,
        r#"{"sub": "repo:acme/*:ref:refs/heads/main"}"#,
        r#"{"sub": "repo:acme/**"}"#,
        r#"{"sub": ["repo:acme/a:**", "repo:acme/b:**"]}"#,
        r#"{"repository": "acme/*", "ref": "*"}"#,
        r#"{"repository_owner": "acme", "sub": "**"}"#,
    ] {
        assert!(binds(good), "{good}");
    }
    for bad in [
        r#"{"sub": "*"}"#,
        r#"{"sub": "**"}"#,
        r#"{"sub": "repo:**"}"#,
        r#"{"sub": "repo:*/app:ref:refs/heads/main"}"#,
        r#"{"sub": "repo:acme*/app:ref:refs/heads/main"}"#,
        r#"{"sub": ["repo:acme/app:**", "**"]}"#,
        r#"{"repository": "*/app"}"#,
        r#"{"repository": "acme*"}"#,
        r#"{"repository_owner": "acme*"}"#,
        r#"{"ref": "refs/heads/main"}"#,
        r#"{"runner_environment": "github-hosted", "ref": "refs/heads/main"}"#,
    ] {
        assert!(!binds(bad), "{bad}");
    }
}
