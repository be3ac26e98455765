//! Registering, finding and showing sites, below `/sites` and `/api/sites`.

use gatehouse::types::VendorId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::wait::{change_vendor, suspend};
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";
const ACCESS: &str = "Customer_access-key_0001";

async fn register(test: &TestApp, key: &str, body: &Value) -> Answer {
    test.post("/sites").bearer(key).json(body).send().await
}

async fn search(test: &TestApp, vendor: &TestVendor, keys: &Value) -> Answer {
    let body = json!({ "searchKeys": keys });
    let call = test.post("/sites/search").bearer(&vendor.private_key);
    call.json(&body).send().await
}

/// The secret ids that a search finds.
async fn found(test: &TestApp, vendor: &TestVendor, keys: &[&str]) -> Vec<String> {
    let answer = search(test, vendor, &json!(keys)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let sites = answer.json["sites"].as_array().unwrap();
    let ids = sites.iter().map(|site| site["secretId"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

async fn show(test: &TestApp, vendor: &TestVendor, id: &str) -> Answer {
    let path = format!("/sites/{id}");
    test.get(&path).bearer(&vendor.private_key).send().await
}

async fn start() -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    test.keep_secret(ACCESS);
    let vendor = test.vendor("gravityview").await;
    (test, vendor)
}

#[tokio::test]
async fn secret_id_alone_is_enough() {
    let (test, vendor) = start().await;
    for (path, id) in [("/sites", SITE), ("/api/sites", OTHER)] {
        let call = test.post(path).bearer(&vendor.public_key);
        let answer = call.json(&json!({ "secretId": id })).send().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let expected = json!({ "success": true, "siteId": id, "expiresAt": null });
        assert_eq!(answer.json, expected);
        let path = format!("{path}/{id}");
        let shown = test.get(&path).bearer(&vendor.private_key).send().await;
        assert_eq!(shown.status, 200, "{shown:?}");
    }
}

#[tokio::test]
async fn all_fields_are_kept_and_the_access_key_is_never_shown() {
    let (test, vendor) = start().await;
    let body = json!({
        "secretId": SITE, "siteUrl": "https://customer.example/wp", "accessKey": ACCESS,
        "expiresAt": "2199-12-31T23:59:59Z", "metadata": { "plugin": "1.0" }, "withToken": true,
    });
    let answer = register(&test, &vendor.public_key, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["expiresAt"], "2199-12-31T23:59:59Z");
    let written = test
        .bao(
            Method::POST,
            &format!("gravityview-store/{SITE}"),
            &answer.text_of("token"),
        )
        .json(&json!({ "identifier": "x" }))
        .send()
        .await;
    assert_eq!(written.status, 204, "{written:?}");
    let shown = show(&test, &vendor, SITE).await;
    assert_eq!(shown.json["siteUrl"], "https://customer.example/wp");
    assert_eq!(shown.json["metadata"], json!({ "plugin": "1.0" }));
    assert!(shown.text_of("store").ends_with("/gravityview-store"));
    assert!(
        shown
            .text_of("path")
            .ends_with(&format!("/gravityview-store/{SITE}"))
    );
    assert_eq!(shown.json["expiresAt"], "2199-12-31T23:59:59Z");
    assert!(!shown.text.contains(ACCESS));
    assert_eq!(found(&test, &vendor, &[ACCESS]).await, [SITE]);
}

#[tokio::test]
async fn end_is_a_time_or_unix_seconds_or_never_and_lies_ahead() {
    let (test, vendor) = start().await;
    let soon = test.app.clock.now().as_second() + 3600;
    let stamp = jiff::Timestamp::from_second(soon).unwrap().to_string();
    for (at, shown) in [
        (json!(soon), json!(stamp)),
        (json!(stamp), json!(stamp)),
        (json!(0), Value::Null),
        (json!(false), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let body = json!({ "secretId": SITE, "expiresAt": at });
        let answer = register(&test, &vendor.private_key, &body).await;
        assert_eq!((answer.status, &answer.json["expiresAt"]), (201, &shown));
        let kept = show(&test, &vendor, SITE).await;
        assert_eq!(kept.json["expiresAt"], shown, "{at}");
    }
    let past = test.app.clock.now().as_second() - 1;
    for bad in [
        json!(past),
        json!(1),
        json!("2020-01-01T00:00:00Z"),
        json!("2199-01-01T00:00:00"),
        json!(true),
        json!(-1),
        json!(soon * 1000),
    ] {
        let body = json!({ "secretId": OTHER, "expiresAt": bad });
        let answer = register(&test, &vendor.public_key, &body).await;
        answer.expect_problem(422, "invalid_field");
        assert_eq!(answer.json["errors"][0]["pointer"], "/expiresAt", "{bad}");
    }
    let absent = show(&test, &vendor, OTHER).await;
    absent.expect_problem(404, "not_found");
}

#[tokio::test]
async fn public_key_alone_cannot_change_a_registered_site() {
    let (test, vendor) = start().await;
    let mut body = json!({
        "secretId": SITE, "siteUrl": "https://customer.example", "accessKey": ACCESS,
    });
    assert_eq!(register(&test, &vendor.public_key, &body).await.status, 201);
    // The same again without anything secret, as a plugin that got no answer does.
    let same = json!({ "secretId": SITE, "siteUrl": "https://customer.example" });
    assert_eq!(register(&test, &vendor.public_key, &same).await.status, 201);
    for change in [
        json!({ "siteUrl": "https://evil.example" }),
        json!({ "accessKey": "another_access-key_0002" }),
        json!({ "metadata": { "a": "b" } }),
        json!({ "expiresAt": test.app.clock.now().as_second() + 3600 }),
        json!({ "withToken": true }),
        json!({ "issuanceId": "018f0000-0000-7000-8000-000000000000" }),
    ] {
        let mut changed = json!({ "secretId": SITE });
        let fields = changed.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        let answer = register(&test, &vendor.public_key, &changed).await;
        answer.expect_problem(403, "access_key_required");
    }
    let token = json!({ "secretId": SITE });
    let call = test.post("/api/site").bearer(&vendor.public_key);
    let answer = call.json(&token).send().await;
    answer.expect_problem(403, "access_key_required");
    let shown = show(&test, &vendor, SITE).await;
    assert_eq!(shown.json["siteUrl"], "https://customer.example");

    body["siteUrl"] = json!("https://moved.example");
    assert_eq!(register(&test, &vendor.public_key, &body).await.status, 201);
    let as_vendor = json!({ "secretId": SITE, "metadata": { "by": "vendor" } });
    assert_eq!(
        register(&test, &vendor.private_key, &as_vendor)
            .await
            .status,
        201
    );
    let shown = show(&test, &vendor, SITE).await;
    assert_eq!(shown.json["siteUrl"], "https://moved.example");
    assert_eq!(shown.json["metadata"], json!({ "by": "vendor" }));
    assert_eq!(found(&test, &vendor, &[ACCESS]).await, [SITE]);
}

#[tokio::test]
async fn access_key_opens_a_new_write_token_for_a_registered_site() {
    let (test, vendor) = start().await;
    let former = test.site(&vendor, SITE, ACCESS).await;
    let call = || test.post("/api/site").bearer(&vendor.public_key);
    let wrong = json!({ "secretId": SITE, "accessKey": "another_access-key_0002" });
    let refused = call().json(&wrong).send().await;
    refused.expect_problem(403, "access_key_required");
    assert!(test.is_alive(&former).await);
    let right = json!({ "secretId": SITE, "accessKey": ACCESS });
    let answer = call().json(&right).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(test.is_alive(&answer.text_of("token")).await);
    // A new token for the same secret ends the former.
    assert!(!test.is_alive(&former).await);
}

#[tokio::test]
async fn search_finds_sites_of_the_vendor_by_access_key() {
    let (test, vendor) = start().await;
    let other = test.vendor("gravityforms").await;
    let keys = ["first_access-key_00001", "second_access-key_0002"];
    test.site(&vendor, SITE, keys[0]).await;
    test.site(&vendor, OTHER, keys[1]).await;
    test.site(&other, "site-of-another-vendor", "third_access-key_00003")
        .await;
    assert_eq!(found(&test, &vendor, &[keys[1]]).await, [OTHER]);
    assert_eq!(found(&test, &vendor, &keys).await, [SITE, OTHER]);
    for unknown in ["unknown_access-key_0009", "third_access-key_00003"] {
        assert!(found(&test, &vendor, &[unknown]).await.is_empty());
    }
    // Found by the key as it is written, not folded.
    let upper = keys[0].to_uppercase();
    assert!(found(&test, &vendor, &[&upper]).await.is_empty());
    let many = |n: usize| json!(vec!["unknown_access-key_0009"; n]);
    assert_eq!(search(&test, &vendor, &many(100)).await.status, 200);
    for bad in [
        many(0),
        many(101),
        json!(["short"]),
        json!(["%____%____%____%___"]),
    ] {
        let answer = search(&test, &vendor, &bad).await;
        answer.expect_problem(422, "invalid_field");
    }
}

#[tokio::test]
async fn expired_site_is_not_found() {
    let (test, vendor) = start().await;
    let at = test.app.clock.now().as_second() + 3600;
    let body = json!({ "secretId": SITE, "accessKey": ACCESS, "expiresAt": at });
    assert_eq!(register(&test, &vendor.public_key, &body).await.status, 201);
    assert_eq!(found(&test, &vendor, &[ACCESS]).await, [SITE]);
    test.app.clock.advance(3601);
    assert!(found(&test, &vendor, &[ACCESS]).await.is_empty());
}

#[tokio::test]
async fn sites_are_listed_in_pages_oldest_first() {
    let (test, vendor) = start().await;
    let ids: Vec<String> = (0..7)
        .map(|n| format!("secret-id-number-{}", 9 - n))
        .collect();
    for id in &ids {
        let body = json!({ "secretId": id });
        register(&test, &vendor.public_key, &body).await;
    }
    let other = test.vendor("gravityforms").await;
    let lists = [
        ("/sites", vendor.private_key.clone()),
        ("/api/sites", vendor.private_key.clone()),
        (
            "/api/admin/vendors/gravityview/sites",
            test.operator.clone(),
        ),
    ];
    for (path, key) in lists {
        let (mut seen, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let path = format!("{path}?limit=3{cursor}");
            let page = test.get(&path).bearer(&key).send().await;
            assert_eq!(page.status, 200, "{page:?}");
            let items = page.json["items"].as_array().unwrap();
            sizes.push(items.len());
            seen.extend(items.iter().map(|site| site["secretId"].clone()));
            match page.json["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((json!(seen), sizes), (json!(ids), vec![3, 3, 1]));
    }
    let none = test.get("/sites").bearer(&other.private_key).send().await;
    assert_eq!(none.json, json!({ "items": [], "nextCursor": null }));
}

#[tokio::test]
async fn read_token_for_an_unknown_site_is_refused() {
    let (test, vendor) = start().await;
    test.write_token(&vendor, SITE).await;
    for path in ["/sites/token", "/api/sites/token"] {
        for id in [SITE, OTHER] {
            let call = test.post(path).bearer(&vendor.private_key);
            let answer = call.json(&json!({ "secretId": id })).send().await;
            // A site that a token names is none until it is registered.
            answer.expect_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn tokens_for_one_site_touch_no_other() {
    let (test, vendor) = start().await;
    let write = test.site(&vendor, SITE, ACCESS).await;
    test.site(&vendor, OTHER, "another_access-key_0002").await;
    let call = test.post("/sites/token").bearer(&vendor.private_key);
    let answer = call.json(&json!({ "secretId": SITE })).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let read = answer.text_of("token");
    let mine = format!("gravityview-store/{SITE}");
    let own = test.bao(Method::GET, &mine, &read).send().await;
    assert_eq!(own.json["data"]["identifier"], "canary", "{own:?}");
    assert_eq!(
        test.bao(Method::GET, &mine, &write).send().await.status,
        403
    );
    let list = Method::from_bytes(b"LIST").unwrap();
    for token in [&read, &write] {
        for (method, path) in [
            (Method::GET, format!("gravityview-store/{OTHER}")),
            (Method::DELETE, format!("gravityview-store/{OTHER}")),
            (Method::POST, format!("gravityview-store/{OTHER}")),
            (Method::POST, format!("gravityview-store/{SITE}/below")),
            (list.clone(), "gravityview-store".to_owned()),
        ] {
            let call = test.bao(method.clone(), &path, token);
            let answer = call.json(&json!({ "a": "b" })).send().await;
            assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn suspended_vendor_is_shut_out_of_everything_but_removal() {
    let (test, vendor) = start().await;
    test.site(&vendor, SITE, ACCESS).await;
    suspend(&test, &vendor).await;
    let site = json!({ "secretId": OTHER });
    let keys = json!({ "searchKeys": [ACCESS] });
    let account = format!("/api/v1/accounts/{}", vendor.id);
    let one = format!("/sites/{SITE}");
    for (method, path, key, body) in [
        (Method::POST, "/api/site", &vendor.public_key, &site),
        (Method::POST, "/api/site", &vendor.private_key, &site),
        (Method::POST, "/sites", &vendor.public_key, &site),
        (Method::POST, "/api/sites", &vendor.private_key, &site),
        (
            Method::POST,
            "/sites/token",
            &vendor.private_key,
            &json!({}),
        ),
        (Method::POST, "/sites/search", &vendor.private_key, &keys),
        (Method::GET, "/sites", &vendor.private_key, &json!({})),
        (Method::GET, &one, &vendor.private_key, &json!({})),
    ] {
        let answer = test.call(method, path).bearer(key).json(body).send().await;
        answer.expect_problem(403, "vendor_suspended");
    }
    let answer = test.get(&account).bearer(&vendor.private_key).send().await;
    answer.expect_refusal(403, "vendor_suspended");
    let in_body = json!({ "publicKey": vendor.public_key, "keyStoreID": OTHER });
    let answer = test.post("/api/sites").json(&in_body).send().await;
    answer.expect_problem(403, "vendor_suspended");
    let removed = test.delete(&one).bearer(&vendor.public_key).send().await;
    assert_eq!(removed.status, 200, "{removed:?}");
    let stored = format!("gravityview-store/{SITE}");
    let gone = test.bao_root(Method::GET, &stored).send().await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn paused_support_stops_look_ups_and_not_storing() {
    let (test, vendor) = start().await;
    test.site(&vendor, SITE, ACCESS).await;
    let set = "support_paused_until = now() + interval '1 hour'";
    change_vendor(&test, &vendor, set, |vendor| {
        vendor.support_paused_until.is_some()
    })
    .await;
    search(&test, &vendor, &json!([ACCESS]))
        .await
        .expect_problem(423, "support_paused");
    let account = format!("/api/v1/accounts/{}", vendor.id);
    for (method, path) in [
        (Method::POST, "/sites/token"),
        (Method::POST, "/api/sites/token"),
    ] {
        let call = test.call(method, path).bearer(&vendor.private_key);
        call.send().await.expect_problem(423, "support_paused");
    }
    let answer = test.get(&account).bearer(&vendor.private_key).send().await;
    answer.expect_refusal(423, "support_paused");
    test.site(&vendor, OTHER, "another_access-key_0002").await;
    // The pause ends by itself.
    test.app.clock.advance(3700);
    assert!(test.app.directory.by_id(VendorId(vendor.id)).is_some());
    assert_eq!(found(&test, &vendor, &[ACCESS]).await, [SITE]);
}
