//! `gatehouse dev` as its user runs it: the built program, its own servers, signals.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::servers;

/// The running program.
pub struct Dev {
    child: Child,
    dir: PathBuf,
    pub env: HashMap<String, String>,
}

impl Dev {
    /// Starts it and waits for its one line.
    pub fn start(dir: &Path) -> Self {
        let mut child = command(dir).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("dev must start: {}", log(dir)))
            .unwrap();
        let url = line.strip_prefix("gatehouse ready: ").unwrap();
        let env = read_env(dir);
        assert_eq!(env["GATEHOUSE_URL"], url);
        assert_eq!(env["GATEHOUSE_PID"], child.id().to_string());
        Self {
            child,
            dir: dir.to_owned(),
            env,
        }
    }

    fn pids(&self) -> Vec<Pid> {
        pids(&self.env)
    }

    /// Sends a signal to the program alone, and waits for its end.
    pub fn end(mut self, signal: Signal) -> std::process::ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }
}

fn pids(env: &HashMap<String, String>) -> Vec<Pid> {
    let names = ["BAO_PID", "POSTGRES_PID"];
    names
        .iter()
        .map(|name| Pid::from_raw(env[*name].parse().unwrap()).unwrap())
        .collect()
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    std::fs::create_dir_all(dir).unwrap();
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("gatehouse.log"))
        .unwrap();
    command
        .arg("dev")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("GATEHOUSE_DEV_DIR", dir)
        .env("GATEHOUSE_LISTEN", "127.0.0.1:0")
        .env("GATEHOUSE_DEV_OPENBAO_PORT", "0")
        .env("GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT", "0")
        .env("GATEHOUSE_DEV_POSTGRES_PORT", "0")
        .env("RUST_LOG", "trace")
        .stderr(log);
    command
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("gatehouse.log")).unwrap_or_default()
}

fn read_env(dir: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(dir.join("dev.env")).unwrap();
    let pair = |line: &str| {
        let (name, value) = line
            .strip_prefix("export ")
            .unwrap()
            .split_once('=')
            .unwrap();
        (name.to_owned(), value.trim_matches('\'').to_owned())
    };
    text.lines().map(pair).collect()
}

fn until(what: &str, limit: Duration, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn all_gone(pids: &[Pid]) -> bool {
    pids.iter().all(|pid| test_kill_process(*pid).is_err())
}

/// The README's walk, by the script the README quotes.
fn walk(dev: &Dev) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/walk.sh");
    let walked = Command::new("sh")
        .arg(script)
        .envs(&dev.env)
        .env("GATEHOUSE", env!("CARGO_BIN_EXE_gatehouse"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout) + String::from_utf8_lossy(&walked.stderr);
    assert!(walked.status.success(), "{said}");
}

fn cli(dev: &Dev, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(args)
        .envs(&dev.env)
        .output()
        .unwrap()
}

#[test]
fn dev_serves_survives_and_leaves_nothing_behind() {
    let dir = servers::folder(&format!("dev-{}", servers::number()));
    let dev = Dev::start(&dir);
    walk(&dev);
    assert!(log(&dir).contains("This mode is for one machine"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.join("dev.env"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    // A second one in the same folder says so and harms nothing.
    let second = command(&dir).stdout(Stdio::piped()).output().unwrap();
    assert!(!second.status.success());
    walk(&dev);

    // Ctrl-C: a clean stop.
    let (children, first) = (dev.pids(), dev.env.clone());
    assert!(dev.end(Signal::INT).success());
    assert!(all_gone(&children));

    // The data survive, and OpenBao is unsealed by itself.
    let dev = Dev::start(&dir);
    for kept in [
        "GATEHOUSE_ADMIN_TOKEN",
        "DEMO_PUBLIC_KEY",
        "DEMO_PRIVATE_KEY",
        "DEMO_ACCOUNT_ID",
        "DEMO_WORKER_EMAIL",
        "DEMO_WORKER_PASSWORD",
        "DEMO_USER",
        "DEMO_PASSWORD",
        "GATEHOUSE_SIGNUP_SECRET",
    ] {
        assert_eq!(dev.env[kept], first[kept]);
    }
    // By its bare name: the demo vendor is the default.
    assert_eq!(
        (&*dev.env["DEMO_USER"], &*dev.env["DEMO_PASSWORD"]),
        ("admin", "foobaz")
    );
    let shown = Command::new("curl")
        .args(["-sS", "-u", "admin:foobaz"])
        .arg(format!("{}/api/user", dev.env["GATEHOUSE_URL"]))
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(r#""groups":["Administrators"]"#), "{shown}");
    let shown = cli(&dev, &["vendor", "show", "demo-vendor"]);
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains(&first["DEMO_PUBLIC_KEY"]),
        "{shown:?}"
    );

    // A server that dies is started again, and dev.env tells its new process.
    for name in ["POSTGRES_PID", "BAO_PID"] {
        let before = read_env(&dir)[name].clone();
        kill_process(
            Pid::from_raw(before.parse().unwrap()).unwrap(),
            Signal::KILL,
        )
        .unwrap();
        until("the server must come back", Duration::from_secs(30), || {
            read_env(&dir)[name] != before
        });
    }
    until(
        "the service must be well again",
        Duration::from_secs(20),
        || {
            cli(&dev, &["vendor", "repair", "demo-vendor"])
                .status
                .success()
        },
    );
    walk(&dev);

    // Killed outright: the children die with it, and the next start finds everything.
    let children = pids(&read_env(&dir));
    let dir = dev.dir.clone();
    dev.end(Signal::KILL);
    until(
        "children must die with their parent",
        Duration::from_secs(10),
        || all_gone(&children),
    );
    let dev = Dev::start(&dir);
    walk(&dev);
    let children = dev.pids();
    assert!(dev.end(Signal::TERM).success());
    assert!(all_gone(&children));

    // At the most talkative level, no line holds what opens anything.
    let said = log(&dir);
    for name in [
        "GATEHOUSE_ADMIN_TOKEN",
        "GATEHOUSE_SIGNUP_SECRET",
        "DEMO_PRIVATE_KEY",
        "DEMO_PUBLIC_KEY",
        "DEMO_WORKER_PASSWORD",
        "BAO_ROOT_TOKEN",
    ] {
        assert!(!said.contains(&first[name][..20]), "{name} is in the log");
    }
}

#[test]
fn taken_port_and_missing_settings_are_named() {
    let dir = servers::folder(&format!("dev-{}", servers::number()));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = command(&dir)
        .env("GATEHOUSE_DEV_POSTGRES_PORT", &port)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(
        log(&dir).contains("GATEHOUSE_DEV_POSTGRES_PORT") && log(&dir).contains(&port),
        "{}",
        log(&dir)
    );

    let serve = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .arg("serve")
        .env_clear()
        .output()
        .unwrap();
    assert!(!serve.status.success());
    assert!(
        String::from_utf8_lossy(&serve.stderr).contains("GATEHOUSE_BAO_ADDR is not set"),
        "{serve:?}"
    );
}
