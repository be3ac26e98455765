//! The client against a running Gatehouse and its OpenBao. Run it with the environment of `make run`:
//! `. .gatehouse/dev.env && cargo test --features live`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use gatehouse_client::{
    Credential, CredentialUpdate, Ftp, Gatehouse, Http, IssuedToken, Login, Method,
    ReadTokenRequest, Removal, S3, Secret, Settings, SiteRegistration, TokenRequest, Vault,
    WriteTokenRequest,
};

fn env(name: &str) -> String {
    let value = std::env::var(name).unwrap_or_default();
    assert!(
        !value.is_empty(),
        "{name} is not set: source .gatehouse/dev.env"
    );
    value
}

fn client(login: Login) -> Gatehouse {
    Gatehouse::new(&env("GATEHOUSE_URL"), login, Settings::default()).unwrap()
}

fn vendor() -> Gatehouse {
    client(Login::key(env("DEMO_PRIVATE_KEY")))
}

fn plugin() -> Gatehouse {
    client(Login::key(env("DEMO_PUBLIC_KEY")))
}

fn worker() -> Gatehouse {
    let email = env("DEMO_WORKER_EMAIL");
    client(Login::worker(&email, env("DEMO_WORKER_PASSWORD")))
}

fn random() -> String {
    std::iter::repeat_with(|| fastrand::char('a'..='z'))
        .take(24)
        .collect()
}

/// A credential of each type.
fn samples() -> Vec<Credential> {
    let mut ftp = Ftp::new("ftp.example");
    ftp.password = Some(Secret::from("pass\"word ü"));
    let mut s3 = S3::new("AKIA", Secret::from("secret/key+"));
    s3.hostname = Some("s3.example".to_owned());
    let mut http = Http::new("https://api.example/v1?x=1");
    http.method = Method::Post;
    http.headers
        .insert("X-Key".to_owned(), Secret::from("header value"));
    let generic = BTreeMap::from([
        ("a".to_owned(), Some(Secret::from("1"))),
        ("b".to_owned(), None),
    ]);
    vec![
        Credential::Ftp(ftp),
        Credential::S3(s3),
        Credential::Http(http),
        Credential::Generic(generic),
    ]
}

fn text(credential: &Credential) -> String {
    credential.to_json().unwrap().expose().to_owned()
}

#[test]
fn every_type_is_stored_and_read_both_ways() {
    let (vendor, worker) = (vendor(), worker());
    let straight = Vault::through(&worker, TokenRequest::default()).unwrap();
    for sample in samples() {
        let key = format!("sdk-rust-{}", random());
        let info = vendor.create_credential(&key, &sample, None).unwrap();
        assert_eq!((info.key.as_str(), info.version), (key.as_str(), 1));
        assert_eq!(info.type_name, sample.type_name());
        assert_eq!(text(&worker.read_credential(&key).unwrap()), text(&sample));
        assert_eq!(
            text(&straight.read_credential(&key).unwrap()),
            text(&sample)
        );
        vendor.delete_credential(&key).unwrap();
        assert_eq!(
            worker.read_credential(&key).unwrap_err().code(),
            "not_found"
        );
        assert_eq!(
            straight.read_credential(&key).unwrap_err().code(),
            "not_found"
        );
    }
    straight.close().unwrap();
}

#[test]
fn credential_is_replaced_at_the_version_that_is_there() {
    let vendor = vendor();
    let key = format!("sdk-rust-{}", random());
    let mut ftp = Ftp::new("one.example");
    let rotate_by = "2100-01-01T00:00:00Z".parse().unwrap();
    vendor
        .create_credential(&key, &Credential::Ftp(ftp.clone()), Some(rotate_by))
        .unwrap();
    let taken = vendor.create_credential(&key, &Credential::Ftp(ftp.clone()), None);
    assert_eq!(taken.unwrap_err().code(), "credential_exists");
    ftp.hostname = "two.example".to_owned();
    let at = |version| CredentialUpdate {
        if_version: Some(version),
        ..CredentialUpdate::default()
    };
    let changed = Credential::Ftp(ftp);
    let info = vendor.update_credential(&key, &changed, at(1)).unwrap();
    assert_eq!((info.version, info.rotate_by), (2, None));
    let error = vendor.update_credential(&key, &changed, at(1)).unwrap_err();
    assert_eq!(error.code(), "version_conflict");
    assert_eq!(error.refusal().unwrap().current_version, Some(2));
    let record = vendor.credential_record(&key).unwrap();
    assert_eq!(record.info.version, 2);
    assert_eq!(text(&record.credential), text(&changed));
    vendor.delete_credential(&key).unwrap();
}

#[test]
fn list_pages_through_all_credentials() {
    let vendor = vendor();
    let prefix = format!("sdk-rust-{}", random());
    let keys: Vec<String> = (0..3).map(|n| format!("{prefix}-{n}")).collect();
    for key in &keys {
        vendor
            .create_credential(key, &Credential::Ftp(Ftp::new("h")), None)
            .unwrap();
    }
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = vendor.list_credentials(2, cursor.as_deref()).unwrap();
        assert!(page.items.len() <= 2);
        found.extend(page.items.into_iter().map(|item| item.key));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    for key in &keys {
        assert_eq!(found.iter().filter(|one| *one == key).count(), 1);
        vendor.delete_credential(key).unwrap();
    }
}

#[test]
fn brought_token_reads_and_dies() {
    let (vendor, worker) = (vendor(), worker());
    let key = format!("sdk-rust-{}", random());
    let sample = Credential::Ftp(Ftp::new("h"));
    vendor.create_credential(&key, &sample, None).unwrap();
    let issued = worker.credential_token(&TokenRequest::default()).unwrap();
    let hostname = issued.vault_hostname.clone().expect("no vaultHostname");
    let token = issued.token.clone().expect("no token");
    let open = || Vault::with_token(&hostname, token.clone(), Settings::default()).unwrap();
    assert_eq!(text(&open().read_credential(&key).unwrap()), text(&sample));
    revoke(&issued);
    assert_eq!(open().read_credential(&key).unwrap_err().code(), "expired");
    vendor.delete_credential(&key).unwrap();
}

#[test]
fn lost_token_is_replaced_through_the_log_in() {
    let (vendor, worker) = (vendor(), worker());
    let key = format!("sdk-rust-{}", random());
    vendor
        .create_credential(&key, &Credential::Ftp(Ftp::new("h")), None)
        .unwrap();
    let straight = Vault::through(&worker, TokenRequest::default()).unwrap();
    straight.read_credential(&key).unwrap();
    revoke_accessor(&straight.token_state().accessor.expect("no accessor"));
    straight.read_credential(&key).unwrap();
    assert_eq!(straight.token_state().replaced, 1);
    straight.close().unwrap();
    vendor.delete_credential(&key).unwrap();
}

/// As root of the development OpenBao.
fn revoke_accessor(accessor: &str) {
    let url = format!("{}/v1/auth/token/revoke-accessor", env("BAO_ADDR"));
    ureq::post(&url)
        .header("X-Vault-Token", env("BAO_ROOT_TOKEN"))
        .send(format!("{{\"accessor\":\"{accessor}\"}}").as_bytes())
        .unwrap();
}

fn revoke(issued: &IssuedToken) {
    revoke_accessor(&issued.accessor);
}

#[test]
fn wrong_password_is_refused() {
    let login = Login::worker(&env("DEMO_WORKER_EMAIL"), "wrong");
    let error = client(login).read_credential("any").unwrap_err();
    assert_eq!(
        (error.status(), error.code()),
        (Some(401), "credentials_invalid")
    );
    assert!(error.refusal().unwrap().request_id.is_some());
}

#[test]
fn worker_manages_nothing() {
    let ftp = Credential::Ftp(Ftp::new("h"));
    let error = worker()
        .create_credential("sdk-rust-no", &ftp, None)
        .unwrap_err();
    assert_eq!(error.status(), Some(403));
}

#[test]
fn site_lives_from_token_to_removal() {
    let (vendor, plugin) = (vendor(), plugin());
    let (id, access_key) = (random(), random());
    let request = WriteTokenRequest {
        secret_id: Some(id.clone()),
        ..WriteTokenRequest::default()
    };
    let write = plugin.write_token(&request).unwrap();
    assert!(write.token.is_some() && write.path.ends_with(&id));
    let mut site = SiteRegistration::new(&id);
    site.access_key = Some(Secret::from(access_key.as_str()));
    site.site_url = Some("https://site.example".to_owned());
    assert_eq!(plugin.register_site(&site).unwrap().site_id, id);
    let found = vendor.search_sites(&[&access_key]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].secret_id, id);
    assert_eq!(
        vendor.site(&id).unwrap().site_url.as_deref(),
        Some("https://site.example")
    );
    assert!(!vendor.list_sites(1, None).unwrap().items.is_empty());
    let request = ReadTokenRequest {
        secret_id: Some(id.clone()),
        ..ReadTokenRequest::default()
    };
    assert!(vendor.read_token(&request).unwrap().token.is_some());
    assert_eq!(
        plugin.search_sites(&[&access_key]).unwrap_err().code(),
        "caller_not_allowed"
    );
    assert_eq!(plugin.remove_site(&id).unwrap(), Removal::Done);
    assert_eq!(vendor.site(&id).unwrap_err().code(), "not_found");
}
