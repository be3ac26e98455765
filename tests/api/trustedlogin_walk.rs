//! What TrustedLogin's plugins do, done by PHP: the bodies, headers and proofs as they make them.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::{TestApp, php};

const SEED: &str = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a7988";

#[tokio::test]
async fn plugins_grant_find_open_verify_report_extend_and_revoke() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let connector = crate::support::connector::TestConnector::start_with(SEED).await;
    let given = json!({
        "api": format!("{}/api/v1", test.url),
        "publicKey": vendor.public_key,
        "privateKey": vendor.private_key,
        "account": vendor.id,
        "apiEndpoint": connector.endpoint,
        "seed": SEED,
    });
    let said = php::run("walk.php", &[given.to_string()]).await;
    let said: Vec<(String, u16, Value)> = said
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let steps: Vec<(&str, u16)> = said
        .iter()
        .map(|(name, status, _)| (name.as_str(), *status))
        .collect();
    let expected = [
        ("grant", 201),
        ("verify", 200),
        ("find", 200),
        ("open", 200),
        ("envelope-signing-pubkey", 200),
        ("proofs", 0),
        ("verify-identifier", 200),
        ("report-brute-force", 200),
        ("login-attempts", 201),
        ("extend", 201),
        ("open again", 200),
        ("envelope-signing-pubkey", 200),
        ("proofs", 0),
        ("revoke", 201),
        ("revoke again", 200),
        ("find nothing", 204),
        ("open nothing", 404),
    ];
    assert_eq!(steps, expected, "{said:#?}");
    for (_, _, proofs) in said.iter().filter(|(name, ..)| name == "proofs") {
        let held = proofs.as_object().unwrap().values();
        assert!(held.into_iter().all(|held| held == true), "{proofs}");
    }
    let bodies: HashMap<&str, &Value> = said
        .iter()
        .map(|(name, _, body)| (name.as_str(), body))
        .collect();
    let account = json!({
        "id": vendor.id, "name": "A Vendor", "status": "active", "publicKey": vendor.public_key, "namespace": "gravityview",
    });
    assert_eq!(bodies["verify"], &account);
    assert_eq!(bodies["verify-identifier"], &json!({ "verified": true }));
    assert_eq!(bodies["report-brute-force"], &json!({ "success": true }));
    assert!(
        bodies["login-attempts"]["id"]
            .as_str()
            .unwrap()
            .starts_with("lpat_")
    );
    assert_eq!(bodies["revoke"], &json!({ "deleted": true }));
    let unknown = json!({ "deleted": false, "reason": "unknown_secret_id" });
    assert_eq!(bodies["revoke again"], &unknown);
    assert!(bodies["open nothing"]["error"].is_string());
}
