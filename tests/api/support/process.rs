//! `gatehouse serve` as a process of its own, for tests that kill it or look at its memory.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use gatehouse::bootstrap::{self, Role};
use gatehouse::vault::Handle;

use super::{Place, servers};

/// `gatehouse serve`, killed when dropped.
pub struct Process {
    pub child: Child,
    pub url: String,
    log: PathBuf,
}

impl Process {
    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it logged, and what it said at its end.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.join("log")).unwrap()
    }

    /// Resident memory, KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// For a service at a place that was bootstrapped, as the environment has them.
pub async fn settings(place: &Place) -> Vec<(String, String)> {
    let handle: Handle = place.administrator();
    let mut settings = vec![
        ("GATEHOUSE_BAO_ADDR".to_owned(), place.bao.addr.clone()),
        (
            "DATABASE_URL".to_owned(),
            servers::of_service(&place.database_url),
        ),
        (
            "GATEHOUSE_SIGNUP_SECRET".to_owned(),
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        ),
        (
            "GATEHOUSE_EGRESS_ALLOW".to_owned(),
            "127.0.0.0/8".to_owned(),
        ),
        ("GATEHOUSE_LIMIT_ADDRESS".to_owned(), "9999/9999".to_owned()),
        ("GATEHOUSE_LIMIT_VENDOR".to_owned(), "9999/9999".to_owned()),
    ];
    if let Some(namespace) = place.bao.namespace.clone() {
        settings.push(("GATEHOUSE_BAO_NAMESPACE".to_owned(), namespace));
    }
    for (name, role) in [
        ("ISSUER", Role::Issuer),
        ("REVOKER", Role::Revoker),
        ("PROVISIONER", Role::Provisioner),
    ] {
        let made = bootstrap::credentials(&handle, role).await.unwrap();
        let secret_id = made.secret_id.expose().to_owned();
        settings.push((format!("GATEHOUSE_BAO_{name}_ROLE_ID"), made.role_id));
        settings.push((format!("GATEHOUSE_BAO_{name}_SECRET_ID"), secret_id));
    }
    settings
}

/// Starts one at a free port, and waits until it is ready.
pub async fn serve(settings: &[(String, String)], http: &reqwest::Client) -> Process {
    let process = spawn(settings);
    for _ in 0..600 {
        let ready = http.get(format!("{}/readyz", process.url)).send().await;
        if ready.is_ok_and(|ready| ready.status() == 200) {
            return process;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not ready: {}", process.log());
}

/// Starts one at a free port.
pub fn spawn(settings: &[(String, String)]) -> Process {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let log = servers::folder(&format!("kills-{}", servers::number()));
    std::fs::create_dir_all(&log).unwrap();
    let file = std::fs::File::create(log.join("log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .arg("serve")
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .env("GATEHOUSE_LISTEN", address.to_string())
        // Nothing listens there: calls go out directly, whatever the environment says of proxies.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    Process {
        child,
        url: format!("http://{address}"),
        log,
    }
}
