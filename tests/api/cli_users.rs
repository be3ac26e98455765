//! `gatehouse user`, as the built program.

use std::collections::HashMap;

use serde_json::json;

use crate::cli::{json_of, refusal, with_input};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn operator_manages_users_from_the_command_line() {
    let test = TestApp::start().await;
    test.vendor("media-vendor").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let user = |args: &[&str]| json_of(&env, &[&["user"], args].concat());
    let login = "ann@media-vendor";
    let made = user(&[
        "create",
        login,
        "--group",
        "Night",
        "--group",
        "Administrators",
    ]);
    assert_eq!(made["user"]["groups"], json!(["Night", "Administrators"]));
    let first = made["password"].as_str().unwrap();
    let session = test.log_in(login, first).await.text_of("access_token");
    let id = user(&["sessions", login])["items"][0]["id"].clone();
    assert_eq!(
        user(&["sessions", login, "--end", id.as_str().unwrap()])["ended"],
        1
    );
    assert_eq!(test.bearer_status(&session).await, 401);
    let update = ["user", "update", login, "--password-stdin"];
    assert!(
        with_input(&env, &update, " wolkenbruch 8 pfau \n")
            .status
            .success()
    );
    assert_eq!(test.log_in(login, " wolkenbruch 8 pfau ").await.status, 200);
    assert!(
        !with_input(&env, &update, "foobaz\n").status.success()
            && !with_input(&env, &update, "").status.success()
    );
    assert_eq!(user(&["sessions", login, "--end-all"])["ended"], 1);
    let changed = user(&["update", login, "--disable", "--no-groups", "--reset-tries"]);
    assert_eq!(
        (&changed["disabled"], &changed["groups"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(user(&["update", login, "--enable"])["disabled"], false);
    assert!(refusal(&env, &["user", "update", login]).contains("Usage:"));
    assert_eq!(user(&["list", "media-vendor"])["items"][0]["login"], login);
    assert_eq!(user(&["remove", login])["deleted"], true);
    assert!(refusal(&env, &["user", "show", login]).contains("404 not_found"));
    assert!(refusal(&env, &["user", "show", "ann"]).contains("must be name@namespace"));
}
