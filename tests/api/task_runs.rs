//! Passes of background tasks that operators ask for.

use std::collections::HashMap;

use reqwest::Method;

use crate::cli::{json_of, refusal};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_a_pass_by_the_api_and_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let run = async |task: &str, bearer: &str| {
        let path = format!("/api/admin/tasks/{task}/run");
        test.call(Method::POST, &path).bearer(bearer).send().await
    };
    let done = run("purge", &test.operator).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.json["failed"], false);
    assert!(done.json["report"].is_object(), "{done:?}");
    let listed = test
        .get("/api/admin/tasks")
        .bearer(&test.operator)
        .send()
        .await;
    assert_eq!(listed.json["tasks"]["purge"]["report"], done.json["report"]);
    for unknown in ["nothing", "Purge", "%70urge%20"] {
        run(unknown, &test.operator)
            .await
            .expect_problem(404, "not_found");
    }
    run("purge", &vendor.private_key)
        .await
        .expect_problem(403, "caller_not_allowed");

    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    assert_eq!(
        json_of(&env, &["task", "run", "keep_logs"])["failed"],
        false
    );
    let refused = refusal(&env, &["task", "run", "nothing"]);
    assert!(refused.contains("not_found"), "{refused}");
    let refused = refusal(&env, &["task", "run", "../app-token"]);
    assert!(refused.contains("no task is called that"), "{refused}");

    // While another replica is at it, there is no second one.
    let sql = test.sql().await;
    let hold = "SELECT pg_advisory_lock(hashtextextended('keep_logs', 0))";
    sql.query_one(hold, &[]).await.unwrap();
    run("keep_logs", &test.operator)
        .await
        .expect_problem(409, "conflict");
    let events = "SELECT count(*) FROM events WHERE action = 'task.run'";
    let events: i64 = sql.query_one(events, &[]).await.unwrap().get(0);
    assert_eq!(events, 3, "each is on record, tried or done");
}
