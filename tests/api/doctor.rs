//! `gatehouse doctor` on real servers: it finds what is wrong, names it, and says nothing secret.

use std::time::{Duration, Instant};

use gatehouse::dev::postgres::SERVICE_ROLE;
use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::own_servers;
use crate::keeper::as_root;
use crate::support::process::settings;
use crate::support::report::{Settings, faults, names, of_level, report, run, says, set};
use crate::support::{Place, servers};

pub async fn bootstrapped() -> (Place, Settings) {
    let place = Place::shared().await;
    place.config().await;
    let settings = settings(&place).await;
    (place, settings)
}

/// Instead of the AppRoles one token from the environment.
pub fn with_token(settings: &Settings, token: &str) -> Settings {
    let mut all = settings.clone();
    all.retain(|(name, _)| !name.ends_with("_ID"));
    all.push(("GATEHOUSE_BAO_TOKEN".to_owned(), token.to_owned()));
    all
}

pub fn with(settings: &Settings, name: &str, value: &str) -> Settings {
    let mut all = settings.clone();
    all.retain(|(known, _)| known != name);
    all.push((name.to_owned(), value.to_owned()));
    all
}

pub async fn token_with(place: &Place, policies: &[&str], mut life: Value) -> String {
    life["policies"] = json!(policies);
    life["no_default_policy"] = json!(true);
    let made = as_root(place, Method::POST, "auth/token/create-orphan", life).await;
    made["auth"]["client_token"].as_str().unwrap().to_owned()
}

pub async fn put_policy(place: &Place, name: &str, text: &str) {
    let path = format!("sys/policies/acl/{name}");
    as_root(place, Method::PUT, &path, json!({ "policy": text })).await;
}

async fn live_tokens(place: &Place) -> usize {
    let listed = as_root(
        place,
        Method::GET,
        "auth/token/accessors?list=true",
        Value::Null,
    )
    .await;
    listed["data"]["keys"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn fit_then_sealed_then_without_a_database() {
    let durable = vec![("fsync".to_owned(), "on".to_owned())];
    let (mut own, mut place) = own_servers(durable).await;
    // The server itself knows no namespace; the settings of a process name one.
    place.bao.namespace = Some("fence".to_owned());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |method: Method, path: &str| {
        let answer = http
            .request(method, format!("{}/v1/{path}", place.bao.addr))
            .header("x-vault-token", &place.bao_root)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
    };
    call(Method::POST, "sys/namespaces/fence").await;
    place.config().await;
    let settings = settings(&place).await;

    // OpenBao lists no tokens with 404.
    token_with(&place, &["saas-policy"], json!({ "ttl": "1h" })).await;
    let before = live_tokens(&place).await;
    let fit = report(&settings, 0);
    assert_eq!(of_level(&fit, "unasked"), Vec::<&Value>::new(), "{fit:#}");
    assert_eq!(fit["warnings"], 0, "{fit:#}");
    assert_eq!(
        live_tokens(&place).await,
        before,
        "the tokens made for the look are ended"
    );
    let rights: Vec<&Value> = of_level(&fit, "ok")
        .into_iter()
        .filter(|check| check["name"] == "right")
        .collect();
    assert!(rights.len() > 30, "{}", rights.len());
    for check in &rights {
        let right = &check["right"];
        assert_eq!(right["token"], check["group"]);
        let held = right["held"].as_array().unwrap();
        assert!(held.contains(&right["wanted"]), "{right}");
        assert!(right["line"].as_str().unwrap().starts_with("path \""));
    }
    for role in gatehouse::tokens::ROLES {
        let said = says(&fit, "openbao", "role");
        assert!(said.iter().any(|line| line.starts_with(role.name)));
    }
    assert_eq!(says(&fit, "openbao", "key").len(), 4);
    assert_eq!(names(&of_level(&fit, "note")), set(&["openbao.audit"]));
    assert_eq!(
        names(&of_level(&fit, "ok"))
            .iter()
            .filter(|name| name.starts_with("clock."))
            .count(),
        2
    );

    let plain = run(&settings, &[]);
    assert_eq!(plain.status.code(), Some(0), "{plain:?}");
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(plain.ends_with("Fit, 0 warnings.\n"), "{plain}");
    let checks = fit["checks"].as_array().unwrap().len();
    let groups = plain.lines().filter(|line| !line.starts_with(' ')).count() - 1;
    assert_eq!(groups, 7, "{plain}");
    assert_eq!(plain.lines().count(), checks + groups + 1, "{plain}");

    call(Method::PUT, "sys/seal").await;
    let sealed = report(&settings, 1);
    assert_eq!(
        names(&of_level(&sealed, "fault")),
        set(&["openbao.unsealed"]),
        "{sealed:#}"
    );
    let unasked = names(&of_level(&sealed, "unasked"));
    for one in ["openbao.keys", "issuer.right", "provisioner.start"] {
        assert!(unasked.contains(one), "{unasked:?}");
    }
    assert!(says(&sealed, "openbao", "unsealed")[0].contains("sealed"));

    own.postgres.stop().await.unwrap();
    let started = Instant::now();
    let neither = report(&settings, 1);
    assert_eq!(
        names(&of_level(&neither, "fault")),
        set(&["database.reachable", "openbao.unsealed"]),
        "{neither:#}"
    );
    assert!(names(&of_level(&neither, "unasked")).contains("database.schema"));
    let nowhere = with(&settings, "GATEHOUSE_BAO_ADDR", "http://127.0.0.1:9");
    let nothing = report(&nowhere, 1);
    assert_eq!(
        names(&of_level(&nothing, "fault")),
        set(&["database.reachable", "openbao.reachable"]),
        "{nothing:#}"
    );
    assert!(started.elapsed() < Duration::from_secs(20), "bounded");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_that_was_removed_is_named_with_the_line_that_grants_it() {
    let (place, settings) = bootstrapped().await;
    assert_eq!(faults(&report(&settings, 1)), set(&[]));
    let path = "sys/policies/acl/revoker-policy";
    let kept = as_root(&place, Method::GET, path, Value::Null).await;
    let text = kept["data"]["policy"].as_str().unwrap();
    let without = text.replace("\"auth/token/renew-accessor\"", "\"auth/token/other\"");
    assert_ne!(without, text);
    put_policy(&place, "revoker-policy", &without).await;

    let found = report(&settings, 1);
    assert_eq!(faults(&found), set(&["revoker.right"]), "{found:#}");
    let missing: Vec<&Value> = of_level(&found, "fault")
        .into_iter()
        .filter(|check| check["group"] == "revoker")
        .collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(
        missing[0]["right"],
        json!({
            "token": "revoker",
            "purpose": "renewing tokens",
            "path": "auth/token/renew-accessor",
            "wanted": "update",
            "held": ["deny"],
            "policy": "revoker-policy",
            "line": "path \"auth/token/renew-accessor\" { capabilities = [\"update\"] }"
        })
    );
    let plain = run(&settings, &[]);
    assert_eq!(plain.status.code(), Some(1));
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(
        plain.contains(
            "renewing tokens: update at auth/token/renew-accessor is missing, there is deny"
        ),
        "{plain}"
    );
    assert!(
        plain.ends_with("Not fit: 2 faults, 0 warnings.\n"),
        "{plain}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn key_role_and_secret_id_that_are_missing_are_named() {
    let (place, settings) = bootstrapped().await;
    for path in [
        "gatehouse-keys/metadata/envelope-signing",
        "auth/token/roles/gatehouse-read",
    ] {
        as_root(&place, Method::DELETE, path, Value::Null).await;
    }
    let loose = json!({ "allowed_policies_glob": ["*"], "orphan": true });
    as_root(
        &place,
        Method::POST,
        "auth/token/roles/gatehouse-delete",
        loose,
    )
    .await;
    let wrong = with(
        &settings,
        "GATEHOUSE_BAO_PROVISIONER_SECRET_ID",
        "canary-secret-id",
    );
    let found = report(&wrong, 1);
    assert_eq!(
        faults(&found),
        set(&["openbao.key", "openbao.role", "provisioner.source"]),
        "{found:#}"
    );
    let said: Vec<&str> = of_level(&found, "fault")
        .iter()
        .map(|check| check["says"].as_str().unwrap())
        .collect();
    for start in [
        "gatehouse-keys/envelope-signing is missing",
        "gatehouse-read is missing",
        "gatehouse-delete gives any policy",
        "no token by AppRole",
    ] {
        assert!(said.iter().any(|line| line.starts_with(start)), "{said:#?}");
    }
    assert!(names(&of_level(&found, "unasked")).contains("provisioner.right"));
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_of_another_version_is_named() {
    let (place, settings) = bootstrapped().await;
    let schema = |report: &Value| says(report, "database", "schema")[0].to_owned();
    let newest = schema(&report(&settings, 1));
    assert!(newest.contains("as this program's"), "{newest}");
    let history = "refinery_schema_history";
    let last = format!("(SELECT max(version) FROM {history})");
    let change = async |sql: String| servers::execute(&place.database_url, &sql).await;

    change(format!(
        "INSERT INTO {history} SELECT version + 1, 'next', applied_on, checksum FROM {history} WHERE version = {last}"
    ))
    .await;
    let newer = report(&settings, 1);
    assert_eq!(faults(&newer), set(&[]));
    assert_eq!(
        names(&of_level(&newer, "warning")),
        set(&["database.schema"])
    );
    assert!(schema(&newer).contains("newer than this program"));

    for _ in 0..2 {
        change(format!("DELETE FROM {history} WHERE version = {last}")).await;
    }
    let older = report(&settings, 1);
    assert_eq!(faults(&older), set(&["database.schema"]));
    assert!(schema(&older).contains("older than this program"));

    change(format!(
        "UPDATE {history} SET checksum = '1' WHERE version = 1"
    ))
    .await;
    assert!(schema(&report(&settings, 1)).contains("was another than"));
    change(format!("DROP TABLE {history}")).await;
    assert!(schema(&report(&settings, 1)).contains("there is no schema"));
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_row_security_does_not_hold_is_a_fault() {
    let (place, settings) = bootstrapped().await;
    assert!(!names(&of_level(&report(&settings, 1), "fault")).contains("database.role"));
    let mighty = with(&settings, "DATABASE_URL", &place.database_url);
    let mighty = report(&mighty, 1);
    assert_eq!(faults(&mighty), set(&["database.role"]));
    assert!(says(&mighty, "database", "role")[0].contains("is a superuser or has BYPASSRLS"));

    let owner = format!("owner_{}", servers::number());
    let make = format!("CREATE ROLE {owner} LOGIN PASSWORD 'of-a-test' IN ROLE {SERVICE_ROLE}");
    servers::execute(&place.database_url, &make).await;
    let give = format!("ALTER TABLE replicas OWNER TO {owner}");
    servers::execute(&place.database_url, &give).await;
    let mut url = url::Url::parse(&place.database_url).unwrap();
    url.set_username(&owner).unwrap();
    url.set_password(Some("of-a-test")).unwrap();
    let owning = report(&with(&settings, "DATABASE_URL", url.as_str()), 1);
    assert!(names(&of_level(&owning, "warning")).contains("database.role"));
}

#[test]
fn bad_settings_are_named_and_exit_with_two() {
    let settings = vec![
        (
            "GATEHOUSE_BAO_ADDR".to_owned(),
            "http://127.0.0.1:9".to_owned(),
        ),
        (
            "GATEHOUSE_BAO_TOKEN".to_owned(),
            "s.canary-token".to_owned(),
        ),
        (
            "DATABASE_URL".to_owned(),
            "postgres://user:canary-word@127.0.0.1:9/none".to_owned(),
        ),
        (
            "GATEHOUSE_SIGNUP_SECRET".to_owned(),
            "canary-secret".to_owned(),
        ),
    ];
    let report = report(&settings, 2);
    assert_eq!(
        names(&of_level(&report, "fault")),
        set(&["settings.usable"])
    );
    let said = says(&report, "settings", "usable")[0];
    assert!(said.starts_with("GATEHOUSE_SIGNUP_SECRET"), "{said}");
}
