//! The listener speaks TLS with a certificate of files, and takes another one while it runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::TestApp;
use crate::support::process::{Process, settings, spawn};
use crate::support::servers;

/// The two files of a listener's certificate.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new() -> Self {
        let folder = servers::folder(&format!("tls-{}", servers::number()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Another certificate, of this machine's addresses, that ends at the beginning of `year`; in PEM, as who connects
    /// trusts it. The key is written after it, as a careless tool would.
    fn write(&self, year: i32) -> reqwest::Certificate {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(self.path("cert.pem"), &pem).unwrap();
        std::fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()
    }

    fn settings(&self) -> [(String, String); 2] {
        [("CERT", "cert.pem"), ("KEY", "key.pem")]
            .map(|(variable, name)| (format!("GATEHOUSE_TLS_{variable}_FILE"), self.path(name)))
    }
}

/// A client that trusts this certificate and no other. Each request takes a connection of its own.
fn trusting(certificate: &reqwest::Certificate) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    let builder = builder.tls_certs_only([certificate.clone()]);
    builder.pool_max_idle_per_host(0).build().unwrap()
}

/// Asks until there is an answer.
async fn answered(http: &reqwest::Client, url: &str) -> reqwest::Response {
    let started = Instant::now();
    loop {
        match http.get(url).send().await {
            Ok(answer) => return answer,
            Err(error) => assert!(started.elapsed() < Duration::from_mins(1), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn logged(process: &Process, text: &str) {
    let started = Instant::now();
    while !process.log().contains(text) {
        let log = process.log();
        assert!(started.elapsed() < Duration::from_mins(1), "{log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_listener_takes_another_certificate_while_it_runs() {
    let test = TestApp::start().await;
    let files = Files::new();
    let first = files.write(2098);
    let mut settings = settings(&test.place()).await;
    settings.extend(files.settings());
    let process = spawn(&settings);
    let url = format!("{}/healthz", process.url.replace("http:", "https:"));

    let old = trusting(&first);
    let answer = answered(&old, &url).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.version(), reqwest::Version::HTTP_11);
    let issuer = "/.well-known/oauth-authorization-server";
    let issuer = answered(&old, &url.replace("/healthz", issuer)).await;
    let issuer: Value = issuer.json().await.unwrap();
    assert_eq!(issuer["issuer"], url.trim_end_matches("/healthz"));
    // Plain HTTP gets nothing at all.
    let plain = trusting(&first).get(process.url.clone() + "/healthz");
    assert!(plain.send().await.is_err());

    // A key of somebody else's: the pair is not taken, and the one before goes on.
    let key = std::fs::read(files.path("key.pem")).unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(files.path("key.pem"), &other).unwrap();
    logged(&process, "cannot be used; the one before is served on").await;
    assert_eq!(answered(&old, &url).await.status(), StatusCode::OK);
    std::fs::write(files.path("key.pem"), key).unwrap();

    let second = files.write(2099);
    logged(&process, "The listener has another certificate").await;
    assert_eq!(
        answered(&trusting(&second), &url).await.status(),
        StatusCode::OK
    );
    // Not the client of before, which resumes its session.
    let first = trusting(&first).get(&url).send().await;
    assert!(first.is_err(), "the first is served still");
    let metrics = url.replace("healthz", "metrics");
    let metrics = answered(&trusting(&second), &metrics).await;
    let metrics = metrics.text().await.unwrap();
    let ends = "gatehouse_tls_certificate_ends_timestamp_seconds 4070908800";
    assert!(metrics.contains(ends), "{metrics}");
    assert!(!process.log().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_served_ends_the_start_and_is_named() {
    let test = TestApp::start().await;
    let settings = settings(&test.place()).await;
    let key = KeyPair::generate().unwrap().serialize_pem();
    let cases: [(&str, &str); 5] = [
        ("no file", "cert.pem"),
        ("", "cert.pem"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "cannot be read",
        ),
        (&key, "cert.pem"),
        ("ours, and another's key", "cannot be used"),
    ];
    for (certificate, said) in cases {
        let files = Files::new();
        files.write(2098);
        match certificate {
            "no file" => std::fs::remove_file(files.path("cert.pem")).unwrap(),
            "ours, and another's key" => std::fs::write(files.path("key.pem"), &key).unwrap(),
            pem => std::fs::write(files.path("cert.pem"), pem).unwrap(),
        }
        let mut settings = settings.clone();
        settings.extend(files.settings());
        let mut process = spawn(&settings);
        let status = process.child.wait().unwrap();
        let log = process.log();
        assert_eq!(status.code(), Some(1), "{certificate}: {log}");
        assert!(log.contains(said), "{certificate}: {log}");
    }
    let files = Files::new();
    files.write(2098);
    for half in files.settings() {
        let mut settings = settings.clone();
        settings.push(half);
        let mut process = spawn(&settings);
        assert_eq!(process.child.wait().unwrap().code(), Some(1));
        assert!(process.log().contains("is not set"), "{}", process.log());
    }
}

#[tokio::test]
async fn doctor_reads_the_certificate_and_says_when_it_ends() {
    let test = TestApp::start().await;
    let settings = settings(&test.place()).await;
    let files = Files::new();
    // Of all that it reads, only the line of the certificate: this PostgreSQL has faults of its own.
    let doctor = async || {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        let (all, own) = (settings.clone(), files.settings());
        command.arg("doctor").env_clear().envs(all).envs(own);
        let said = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
        let line = said.lines().find(|line| line.contains("certificate"));
        line.unwrap_or_else(|| panic!("{said}")).trim().to_owned()
    };
    let line = doctor().await;
    assert!(line.starts_with("FAULT "), "{line}");
    assert!(line.contains("cert.pem: No such file"), "{line}");
    for (year, wanted) in [(2098, "ok "), (2020, "FAULT ")] {
        files.write(year);
        let line = doctor().await;
        assert!(line.starts_with(wanted), "{line}");
        let ends = format!("the listener's certificate ends at {year}-01-01T00:00:00Z");
        assert!(line.contains(&ends), "{line}");
    }
}
