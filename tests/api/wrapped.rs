//! Secret ids that come wrapped: used once, at the start, and missed when somebody else was faster.

use std::process::{Command, Output};

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::PROGRAM;
use crate::keeper::as_root;
use crate::support::Place;
use crate::support::process::{serve, settings};

type Settings = Vec<(String, String)>;

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A call as root, whose answer comes wrapped: the wrapping token.
async fn wrapped(place: &Place, path: &str) -> String {
    let answer = http()
        .post(format!("{}/v1/{path}", place.bao.addr))
        .header("x-vault-token", &place.bao_root)
        .header("x-vault-namespace", place.bao.namespace.as_ref().unwrap())
        .header("x-vault-wrap-ttl", "10m")
        .json(&json!({ "metadata": "{}" }))
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["wrap_info"]["token"].as_str().unwrap().to_owned()
}

async fn secret_id(place: &Place, role: &str) -> String {
    wrapped(
        place,
        &format!("auth/approle/role/gatehouse-{role}/secret-id"),
    )
    .await
}

/// Whether a wrapping token was not used yet.
async fn is_whole(place: &Place, token: &str) -> bool {
    let answer = http()
        .post(format!("{}/v1/sys/wrapping/lookup", place.bao.addr))
        .header("x-vault-namespace", place.bao.namespace.as_ref().unwrap())
        .json(&json!({ "token": token }))
        .send()
        .await
        .unwrap();
    answer.status() == 200
}

/// The settings of three AppRoles, with this wrapping token for the issuer's and fresh ones for the others.
async fn all_wrapped(place: &Place, issuers: &str) -> Settings {
    let mut all = settings(place).await;
    all.retain(|(name, _)| !name.ends_with("_SECRET_ID"));
    for (name, token) in [
        ("ISSUER", issuers.to_owned()),
        ("REVOKER", secret_id(place, "revoker").await),
        ("PROVISIONER", secret_id(place, "provisioner").await),
    ] {
        all.push((format!("GATEHOUSE_BAO_{name}_SECRET_ID_WRAPPED"), token));
    }
    all
}

/// Runs a subcommand that ends by itself, and says none of the wrapping tokens.
fn run(settings: &Settings, args: &[&str]) -> Output {
    let output = Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .env("GATEHOUSE_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    for (name, token) in settings {
        if name.ends_with("_WRAPPED") {
            for said in [&output.stdout, &output.stderr] {
                assert!(!String::from_utf8_lossy(said).contains(token), "{name}");
            }
        }
    }
    output
}

fn refusal(settings: &Settings) -> String {
    let output = run(settings, &["serve"]);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn doctor_on_issuer(settings: &Settings) -> Value {
    let output = run(settings, &["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks
        .find(|check| check["group"] == "issuer" && check["name"] == "source")
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrapped_secret_id_is_used_once_and_kept_for_later_log_ins() {
    let place = Place::shared().await;
    place.config().await;
    let issuers = secret_id(&place, "issuer").await;
    let settings = all_wrapped(&place, &issuers).await;

    assert_eq!(doctor_on_issuer(&settings)["level"], "ok");
    let verify = run(&settings, &["events", "verify"]);
    let said = String::from_utf8(verify.stderr).unwrap();
    assert!(said.contains("would be used up"), "{said}");
    assert!(is_whole(&place, &issuers).await, "doctor only looks");

    let http = http();
    let mut process = serve(&settings, &http).await;
    assert!(!is_whole(&place, &issuers).await);
    let listed = as_root(
        &place,
        Method::GET,
        "auth/token/accessors?list=true",
        Value::Null,
    )
    .await;
    for accessor in listed["data"]["keys"].as_array().unwrap() {
        let body = json!({ "accessor": accessor });
        as_root(&place, Method::POST, "auth/token/revoke-accessor", body).await;
    }
    let mut ready = Vec::new();
    for _ in 0..80 {
        let answer = http.get(format!("{}/readyz", process.url)).send().await;
        ready.push(answer.unwrap().status() == 200);
        if ready.contains(&false) && ready.last() == Some(&true) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(ready.last(), Some(&true), "it logs in again: {ready:?}");
    process.kill();

    let said = refusal(&settings);
    assert!(
        said.contains("is refused: its wrapped secret id was unwrapped before"),
        "{said}"
    );
    assert!(said.contains("somebody else may have it"), "{said}");
    let found = doctor_on_issuer(&settings);
    assert_eq!(found["level"], "fault", "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_wrapping_token_ends_the_start_and_is_not_used_up() {
    let place = Place::shared().await;
    place.config().await;
    for foreign in [
        secret_id(&place, "revoker").await,
        wrapped(&place, "sys/wrapping/wrap").await,
    ] {
        let settings = all_wrapped(&place, &foreign).await;
        let said = refusal(&settings);
        assert!(said.contains("the app token `issuer` is refused"), "{said}");
        assert!(said.contains("somebody may have exchanged it"), "{said}");
        assert!(is_whole(&place, &foreign).await, "{said}");
        assert_eq!(doctor_on_issuer(&settings)["level"], "fault");
    }
    let settings = all_wrapped(&place, "s.nonsense").await;
    assert!(refusal(&settings).contains("was unwrapped before"));
}
