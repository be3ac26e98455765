//! Who calls is decided before anything else is looked at.

use crate::support::TestApp;

#[tokio::test]
async fn strangers_are_told_so_whatever_else_is_wrong() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let user = test.user(&vendor, "ann", &["Administrators"]).await;
    for call in [
        "GET /api/users/BAD!NAME",
        "GET /api/users/x/sessions?limit=abc",
        "DELETE /api/user/sessions/zz",
        "GET /api/users?limit=abc",
        "GET /api/lockbox/entries/zz",
        "POST /api/lockbox/unlock",
        "PUT /api/lockbox/entries/zz",
    ] {
        let (method, path) = call.split_once(' ').unwrap();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let shown = |password: &str| {
            let call = test.call(method.clone(), path);
            call.basic(&user.login, password).body("[").send()
        };
        let stranger = shown("a wrong password").await;
        stranger.expect_problem(401, "credentials_invalid");
        let known = shown(&user.password).await;
        assert!(
            (400..500).contains(&known.status) && known.status != 401,
            "{known:?}"
        );
        // Wrong tries in a row would shut the name out.
        let reset = "DELETE FROM login_tries";
        test.sql().await.batch_execute(reset).await.unwrap();
    }
}
