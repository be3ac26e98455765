//! App tokens that the service does not start with; `gatehouse doctor` finds them too.

use std::process::Command;

use gatehouse::app::StartError;
use gatehouse::server;
use gatehouse::types::Secret;
use gatehouse::vault::{TokenSource, TokenSources, Unfit};
use serde_json::json;

use crate::cli::PROGRAM;
use crate::doctor::{bootstrapped, put_policy, token_with, with, with_token};
use crate::keeper::one;
use crate::support::report::{Settings, faults, names, of_level, report, says, set};
use crate::support::{Place, servers};

/// Starts the service with one token, which it must refuse: first here, then as a process.
async fn refused_at_the_start(place: &Place, settings: &Settings, token: &str) -> Unfit {
    let source = TokenSource::Token(Secret::new(token.to_owned()));
    let config = one(place.config().await, source);
    let started = servers::shared()
        .runtime
        .spawn(server::start(config))
        .await
        .unwrap();
    let why = match started {
        Err(StartError::AppToken { name: "saas", why }) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it starts"),
    };
    let serve = Command::new(PROGRAM)
        .arg("serve")
        .env_clear()
        .envs(with_token(settings, token))
        .env("GATEHOUSE_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    assert!(!serve.status.success());
    let said = String::from_utf8(serve.stderr).unwrap();
    assert!(said.contains("the app token `saas` is refused"), "{said}");
    assert!(said.contains(&why.to_string()), "{said}");
    assert!(!said.contains(token));
    assert!(!String::from_utf8_lossy(&serve.stdout).contains(token));
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn token_that_may_do_too_much_is_refused_at_the_start_and_by_doctor() {
    let (place, settings) = bootstrapped().await;
    let all = "create\", \"read\", \"update\", \"delete\", \"list\", \"sudo";
    for (policy, path) in [
        ("everything", "*"),
        ("system", "sys/*"),
        ("roots", "auth/token/*"),
    ] {
        let text = format!("path \"{path}\" {{ capabilities = [\"{all}\"] }}");
        put_policy(&place, policy, &text).await;
        let held = ["saas-policy", policy];
        let token = token_with(&place, &held, json!({ "ttl": "1h" })).await;
        let why = refused_at_the_start(&place, &settings, &token).await;
        assert!(matches!(why, Unfit::Wide(_)), "{path}: {why}");

        let settings = with_token(&settings, &token);
        let found = report(&settings, 1);
        assert_eq!(faults(&found), set(&["saas.start"]), "{found:#}");
        let said = says(&found, "saas", "start")[0];
        assert!(said.contains("does not start with it") && said.contains("wildcard"));
        let trial = report(&with(&settings, "GATEHOUSE_TRIAL", "true"), 1);
        assert_eq!(faults(&trial), set(&[]));
        assert_eq!(
            names(&of_level(&trial, "warning")),
            set(&["saas.start", "settings.trial"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn root_token_is_refused_at_the_start_and_by_doctor() {
    let (place, settings) = bootstrapped().await;
    let root = place.bao_root.clone();
    let why = refused_at_the_start(&place, &settings, &root).await;
    assert_eq!(why, Unfit::Root);
    let found = report(&with_token(&settings, &root), 1);
    assert_eq!(faults(&found), set(&["saas.start"]), "{found:#}");
    assert!(says(&found, "saas", "start")[0].contains("it is a root token"));
    assert!(says(&found, "saas", "life")[0].contains("it never ends"));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_that_may_not_be_asked_about_is_refused() {
    let (place, settings) = bootstrapped().await;
    let text = "path \"*\" { capabilities = [\"read\", \"update\"] }\n\
                path \"sys/capabilities-self\" { capabilities = [\"deny\"] }";
    put_policy(&place, "silent", text).await;
    let token = token_with(&place, &["silent"], json!({ "ttl": "1h" })).await;
    let why = refused_at_the_start(&place, &settings, &token).await;
    assert_eq!(why, Unfit::Silent);
    let found = report(&with_token(&settings, &token), 1);
    assert!(faults(&found).contains("saas.start"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn periodic_token_is_fit_and_one_that_does_two_jobs_is_warned_of() {
    let (place, settings) = bootstrapped().await;
    let periodic = token_with(&place, &["saas-policy"], json!({ "period": "1h" })).await;
    let found = report(&with_token(&settings, &periodic), 1);
    assert_eq!(faults(&found), set(&[]), "{found:#}");
    assert!(says(&found, "saas", "life")[0].contains("prefer AppRole or a file"));

    let mut apart = settings.clone();
    apart.retain(|(name, _)| !name.starts_with("GATEHOUSE_BAO_ISSUER_"));
    apart.push(("GATEHOUSE_BAO_ISSUER_TOKEN".to_owned(), periodic));
    let found = report(&apart, 1);
    assert_eq!(faults(&found), set(&[]), "{found:#}");
    assert_eq!(names(&of_level(&found, "warning")), set(&["issuer.apart"]));
    assert!(says(&found, "issuer", "apart")[0].contains("sys/policies/acl/any-write-policy"));
}

#[tokio::test]
async fn one_unfit_token_of_three_is_named() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    let root = TokenSource::Token(Secret::new(place.bao_root.clone()));
    if let TokenSources::Apart { provisioner, .. } = &mut config.bao.tokens {
        *provisioner = root;
    }
    let started = servers::shared()
        .runtime
        .spawn(server::start(config))
        .await
        .unwrap();
    let said = started.err().unwrap().to_string();
    assert!(
        said.contains("`provisioner` is refused: it is a root token"),
        "{said}"
    );
}
