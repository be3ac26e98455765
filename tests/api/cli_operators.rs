//! `gatehouse operator`, as the built program.

use std::collections::HashMap;

use serde_json::json;

use crate::cli::{json_of, refusal, run, with_input};
use crate::support::operators::STRONG;
use crate::support::{TestApp, servers};

/// What the program needs: the database alone, and all.
fn environment(test: &TestApp) -> (HashMap<String, String>, HashMap<String, String>) {
    let database = servers::of_service(&test.database_url);
    let local = HashMap::from([("DATABASE_URL".to_owned(), database)]);
    let mut all = local.clone();
    let namespace = test.namespace.clone().unwrap_or_default();
    for (name, value) in [
        ("GATEHOUSE_BAO_ADDR", &test.bao_addr),
        ("GATEHOUSE_BAO_NAMESPACE", &namespace),
        ("GATEHOUSE_BAO_ADMIN_TOKEN", &test.bao_root),
    ] {
        all.insert(name.to_owned(), value.clone());
    }
    (local, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_for_scripts_end() {
    let test = TestApp::start().await;
    let (local, env) = environment(&test);
    for days in ["0", "367"] {
        let refused = refusal(&env, &["operator", "add", "script", "--days", days]);
        assert!(refused.contains("1..=366"), "{refused}");
    }
    for bad in ["", "No Name", "ok\nroot  made: 2020"] {
        let refused = refusal(&env, &["operator", "add", bad]);
        assert!(refused.contains("invalid value"), "{refused}");
    }
    let added = run(&env, &["operator", "add", "script", "--days", "2"]);
    let token = String::from_utf8(added.stdout).unwrap().trim().to_owned();
    test.keep_secret(&token);
    let listed = json_of(&local, &["operator", "tokens"]);
    let script = listed["items"].as_array().unwrap();
    let script = script.iter().find(|one| one["name"] == "script").unwrap();
    let [made, ends] = ["createdAt", "expiresAt"].map(|at| {
        let said = script[at].as_str().unwrap();
        said.parse::<jiff::Timestamp>().unwrap()
    });
    assert_eq!(ends.duration_since(made).as_hours(), 48);
    assert_eq!(test.operator_may(&token).await.0, 200);
    test.app.clock.advance(48 * 3600);
    assert_eq!(test.operator_may(&token).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_made_reset_suspended_and_removed_from_the_command_line() {
    let test = TestApp::start().await;
    let (local, env) = environment(&test);
    let operator = |args: &[&str]| json_of(&env, &[&["operator"], args].concat());
    let made = operator(&["create", "ann"]);
    let first = made["password"].as_str().unwrap().to_owned();
    let printed = run(&env, &["operator", "create", "plain"]).stdout;
    assert_eq!(String::from_utf8(printed).unwrap().trim().len(), 24);
    assert!(refusal(&env, &["operator", "create", "ann"]).contains("there is an operator"));
    assert!(refusal(&env, &["operator", "create", "No Name"]).contains("invalid value"));
    assert!(refusal(&env, &["operator", "add", "ann"]).contains("there is an operator"));
    assert!(run(&env, &["operator", "add", "script"]).status.success());
    assert!(refusal(&env, &["operator", "create", "script"]).contains("a token for scripts"));
    let begun = test
        .operator_log_in(json!({ "name": "ann", "password": first }))
        .await;
    assert_eq!(begun.status, 201, "{begun:?}");
    // All but passwords needs the database alone.
    let local = |args: &[&str]| json_of(&local, &[&["operator"], args].concat());
    let state = |who: usize| local(&["list"])["items"][who]["state"].clone();
    assert_eq!(local(&["list"])["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        (state(0), state(1)),
        (json!("password-temporary"), json!("password-temporary"))
    );
    let id = local(&["sessions", "ann"])["items"][0]["id"].clone();
    assert_eq!(id, begun.json["id"]);
    let ended = local(&["sessions", "ann", "--end", id.as_str().unwrap()]);
    assert_eq!(ended, json!({ "name": "ann", "sessionsEnded": 1 }));
    assert_eq!(test.operator_may(&begun.text_of("token")).await.0, 401);
    let password = ["operator", "password", "ann", "--password-stdin"];
    let set = with_input(&env, &password, &format!("{STRONG}\n"));
    assert!(set.status.success() && set.stdout.is_empty(), "{set:?}");
    for weak in ["foobaz\n", "Password1234567\n", ""] {
        assert!(
            !with_input(&env, &password, weak).status.success(),
            "{weak:?}"
        );
    }
    assert_eq!(state(0), "no-second-factor");
    let begun = test
        .operator_log_in(json!({ "name": "ann", "password": STRONG }))
        .await;
    let session = begun.text_of("token");
    test.operator_factor(&session).await;
    assert_eq!(
        (state(0), test.operator_may(&session).await.0),
        (json!("active"), 200)
    );
    // Whoever lost the second factor, and was the last one.
    assert_eq!(local(&["totp", "ann", "--reset"])["sessionsEnded"], 1);
    assert!(refusal(&env, &["operator", "totp", "ann"]).contains("--reset"));
    assert_eq!(test.operator_may(&session).await.0, 401);
    assert_eq!(state(0), "no-second-factor");
    local(&["suspend", "ann"]);
    assert_eq!(state(0), "suspended");
    let shown = json!({ "name": "ann", "password": STRONG });
    test.operator_log_in(shown.clone())
        .await
        .expect_problem(401, "credentials_invalid");
    local(&["resume", "ann"]);
    assert_eq!(test.operator_log_in(shown).await.status, 201);
    assert_eq!(local(&["sessions", "ann", "--end-all"])["sessionsEnded"], 1);
    local(&["remove", "ann"]);
    assert!(refusal(&env, &["operator", "suspend", "ann"]).contains("no operator of that name"));
    let events: Vec<String> = test.operator_events().await;
    let told = |action: &str| {
        events
            .iter()
            .any(|e| *e == format!("{action} done command-line"))
    };
    for action in [
        "operator.created",
        "operator.session_ended",
        "operator.password_reset",
        "operator.totp_reset",
        "operator.suspended",
        "operator.resumed",
        "operator.removed",
    ] {
        assert!(told(action), "{action}: {events:?}");
    }
    let sql = "SELECT count(*) FROM operators WHERE name = 'ann' AND (password <> '' OR totp_sealed IS NOT NULL)";
    let kept: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(kept, 0);
    assert_eq!(local(&["list"])["items"].as_array().unwrap().len(), 1);
}
