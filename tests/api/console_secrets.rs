//! Credentials and the lockbox at the console.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::console::{Page, Plain};
use crate::support::{TestApp, TestUser, TestVendor};

pub const NEW_FTP: &str = "/console/new-credential/ftp";
pub const FTP: [(&str, &str); 6] = [
    ("key", "media-server"),
    ("value/hostname", "ftp.example.net"),
    ("value/port", "2121"),
    ("value/secure", "true"),
    ("value/username", "courier"),
    ("value/password", "tr0ub4dor-of-the-form"),
];

/// A credential as the vendor reads it by the API.
async fn stored(test: &TestApp, vendor: &TestVendor, key: &str) -> Value {
    let path = format!("/credentials/{key}");
    let read = test
        .as_vendor(vendor, Method::GET, &path, json!(null))
        .await;
    assert_eq!(read.status, 200, "{read:?}");
    read.json["data"].clone()
}

#[track_caller]
pub fn expect_no(page: &Page, hidden: &str) {
    assert!(!page.text.contains(hidden), "{hidden}: {page:?}");
}

#[tokio::test]
async fn an_administrator_makes_tries_changes_and_deletes_a_credential() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    test.keep_secret("tr0ub4dor-of-the-form");
    let mut browser = Plain::of_user(&test, &admin).await;
    let page = browser.get("/console/credentials").await;
    page.expect(200, "There is no credential yet");
    for name in ["ftp", "s3", "http", "generic"] {
        assert!(
            page.text
                .contains(&format!("/console/new-credential/{name}"))
        );
    }
    let page = browser.get(NEW_FTP).await;
    page.expect(200, "New: FTP server");
    assert!(
        page.text
            .contains(r#"name="value/port" type="number" value="21""#),
        "{page:?}"
    );
    let page = browser.get("/console/new-credential/sftp").await;
    page.expect(404, "Nothing is here");

    // What is wrong stands at its field; what is right is kept, but for what is secret.
    let mut wrong = FTP;
    (wrong[0].1, wrong[2].1) = ("a key", "70000");
    let page = browser.post(NEW_FTP, &wrong).await;
    page.expect(422, "Port: must be an integer from 1 to 65535.");
    assert!(
        page.text.contains("Key: must be 1 to 128 characters"),
        "{page:?}"
    );
    assert!(page.text.contains(r#"value="ftp.example.net""#), "{page:?}");
    expect_no(&page, "tr0ub4dor");
    let with_day = [&FTP[..], &[("rotateBy", "2027-13-01")]].concat();
    let page = browser.post(NEW_FTP, &with_day).await;
    page.expect(422, "Change it by: must be a day");

    let with_day = [&FTP[..], &[("rotateBy", "2027-01-31")]].concat();
    let page = browser.post(NEW_FTP, &with_day).await;
    page.expect_sent("/console/credentials/media-server?done=credential-made");
    let made = stored(&test, &vendor, "media-server").await;
    let value = json!({ "type": "ftp", "hostname": "ftp.example.net", "port": 2121, "secure": true,
                        "username": "courier", "password": "tr0ub4dor-of-the-form" });
    assert_eq!(made["value"], value);
    assert_eq!(
        made["rotate_by"].as_str().or(made["rotateBy"].as_str()),
        Some("2027-01-31T00:00:00Z")
    );
    let page = browser.post(NEW_FTP, &FTP).await;
    page.expect(409, "Key: is taken");

    let page = browser.get("/console/credentials").await;
    page.expect(200, "media-server");
    let page = browser.get("/console/credentials/media-server").await;
    page.expect(200, "2027-01-31");
    expect_no(&page, "ftp.example.net");
    let page = browser
        .post("/console/credentials/media-server/value", &[])
        .await;
    page.expect(200, "tr0ub4dor-of-the-form");
    let page = browser
        .post("/console/credentials/media-server/test", &[])
        .await;
    page.expect(200, "does not work");

    change_and_delete(&test, &vendor, &admin).await;
}

/// What is left of a credential's life.
async fn change_and_delete(test: &TestApp, vendor: &TestVendor, admin: &TestUser) {
    let mut browser = Plain::of_user(test, admin).await;
    // A secret that is left empty stays, and an optional text that is emptied goes.
    let page = browser.get("/console/credentials/media-server/edit").await;
    page.expect(200, r#"value="ftp.example.net""#);
    expect_no(&page, "tr0ub4dor");
    let edit = "/console/credentials/media-server/edit";
    let change = [
        ("version", "1"),
        ("value/hostname", "ftp2.example.net"),
        ("value/port", "21"),
    ];
    let page = browser
        .post(edit, &[("version", "1"), ("value/hostname", "a b")])
        .await;
    page.expect(422, "Hostname: must be a host name or an IP address.");
    let page = browser.post(edit, &change).await;
    page.expect_sent("/console/credentials/media-server?done=credential-changed");
    let value = json!({ "type": "ftp", "hostname": "ftp2.example.net", "port": 21, "secure": false,
                        "username": null, "password": "tr0ub4dor-of-the-form" });
    assert_eq!(stored(test, vendor, "media-server").await["value"], value);
    // Whoever looked before that changes nothing.
    let page = browser.post(edit, &change).await;
    page.expect(412, "It has changed meanwhile");
    for form in [&[][..], &[("version", "x"), ("value/hostname", "h")]] {
        browser.post(edit, form).await.expect(403, "form_refused");
    }

    let page = browser
        .post("/console/credentials/media-server/delete", &[])
        .await;
    page.expect_sent("/console/credentials/media-server?done=credential-deleted");
    browser
        .get("/console/credentials/media-server")
        .await
        .expect(200, "Bring it back");
    browser
        .post("/console/credentials/media-server/value", &[])
        .await
        .expect(404, "Nothing is here");
    let page = browser
        .post("/console/credentials/media-server/undelete", &[])
        .await;
    page.expect_sent("/console/credentials/media-server?done=credential-back");
    assert_eq!(stored(test, vendor, "media-server").await["value"], value);
    browser
        .post("/console/credentials/media-server/destroy", &[])
        .await;
    browser
        .get("/console/credentials/media-server")
        .await
        .expect(404, "Nothing is here");
    let log = browser.get("/console/logs").await;
    for action in [
        "credential.created",
        "credential.read",
        "credential.tested",
        "credential.updated",
        "credential.destroyed",
    ] {
        log.expect(200, action);
    }
    log.expect(200, "user:ada");
}

#[tokio::test]
async fn names_and_texts_of_any_kind_are_kept_added_and_taken_away() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-plugins").await;
    let other = test.vendor("other-plugins").await;
    let admin = test.user(&vendor, "ada", &["Administrators"]).await;
    let stranger = test.user(&other, "eve", &["Administrators"]).await;
    let mut browser = Plain::of_user(&test, &admin).await;
    let path = "/console/new-credential/generic";
    browser.get(path).await.expect(200, "Name 3");
    let key = "-----BEGIN KEY-----\r\n<b>&\"\r\n-----END KEY-----\r\n";
    test.keep_secret("-----BEGIN KEY-----");
    let form = [
        ("key", "signer"),
        ("name-0", "private_key"),
        ("text-0", key),
        ("name-2", "note"),
    ];
    let page = browser
        .post(path, &[("key", "signer"), ("name-0", "a"), ("name-1", "a")])
        .await;
    page.expect(422, "Name 2: stands twice.");
    let page = browser.post(path, &form).await;
    page.expect_sent("/console/credentials/signer?done=credential-made");
    let kept = key.replace("\r\n", "\n");
    let value = json!({ "type": "generic", "private_key": kept, "note": "" });
    assert_eq!(stored(&test, &vendor, "signer").await["value"], value);
    let page = browser.post("/console/credentials/signer/value", &[]).await;
    page.expect(
        200,
        "&lt;b&gt;&amp;&quot;"
            .replace("&lt;b&gt;&amp;&quot;", "&#60;b&#62;&#38;&#34;")
            .as_str(),
    );
    let page = browser.get("/console/credentials/signer/edit").await;
    page.expect(200, r#"value="private_key""#);
    expect_no(&page, "BEGIN KEY");
    let change = [
        ("version", "1"),
        ("name-0", "private_key"),
        ("name-1", "id"),
        ("text-1", "7"),
    ];
    browser
        .post("/console/credentials/signer/edit", &change)
        .await;
    let value = json!({ "type": "generic", "private_key": kept, "id": "7" });
    assert_eq!(stored(&test, &vendor, "signer").await["value"], value);

    // To another vendor it is not there.
    let mut theirs = Plain::of_user(&test, &stranger).await;
    theirs
        .get("/console/credentials")
        .await
        .expect(200, "There is no credential yet");
    theirs
        .get("/console/credentials/signer")
        .await
        .expect(404, "Nothing is here");
    for act in ["value", "test", "edit", "delete", "undelete", "destroy"] {
        let path = format!("/console/credentials/signer/{act}");
        theirs
            .post(&path, &change)
            .await
            .expect(404, "Nothing is here");
    }
    assert_eq!(stored(&test, &vendor, "signer").await["value"], value);
}
