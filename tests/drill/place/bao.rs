//! Three nodes of OpenBao that unseal by themselves, behind a balancer that follows the leader.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatehouse::dev::child::{Child, Spec, StopSignal};
use gatehouse::dev::tools;
use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::line::Line;
use super::{mount, signal};
use crate::support::wait::until;

/// A node.
pub struct Node {
    /// `127.0.0.1:<port>`.
    pub address: String,
    /// Its data, its log, and `audit`, a small file system of its own.
    pub dir: PathBuf,
    child: Option<Child>,
}

/// All of them.
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub root: String,
    pub line: Arc<Line>,
    /// Whether the line goes to the leader, wherever it is.
    pub follows: Arc<AtomicBool>,
    http: Client,
}

impl Cluster {
    /// Starts them, and waits until they are one.
    pub async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let key: [u8; 32] = rand::random();
        std::fs::write(folder.join("key"), key).unwrap();
        let ports: Vec<[u16; 2]> = (0..3).map(|_| [free_port(), free_port()]).collect();
        let mut nodes: Vec<Node> = (0..3).map(|node| made(folder, node, &ports)).collect();
        let http = Client::builder().no_proxy();
        let http = http.redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(2)).build().unwrap();
        nodes[0].start();
        let first = format!("http://{}/v1/sys", nodes[0].address);
        until("an answer", async || {
            http.get(format!("{first}/health")).send().await.is_ok()
        })
        .await;
        let shares = json!({ "recovery_shares": 1, "recovery_threshold": 1 });
        let call = http.put(format!("{first}/init")).json(&shares);
        let call = call.timeout(Duration::from_secs(20));
        let said: Value = call.send().await.unwrap().json().await.unwrap();
        let root = said["root_token"].as_str().unwrap().to_owned();
        nodes[1].start();
        nodes[2].start();
        let line = Arc::new(Line::to(&nodes[0].address).await);
        let cluster = Self {
            nodes,
            root,
            line,
            follows: Arc::new(AtomicBool::new(true)),
            http,
        };
        cluster.follow();
        cluster.whole().await;
        cluster.vote().await;
        cluster
    }

    /// Waits until all three have a vote, which the leader gives them when they have been well for ten seconds.
    async fn vote(&self) {
        let path = "v1/sys/storage/raft/configuration";
        let url = format!("http://{}/{path}", self.nodes[0].address);
        loop {
            let call = self.http.get(&url).header("x-vault-token", &self.root);
            let said: Value = call.send().await.unwrap().json().await.unwrap();
            let servers = said["data"]["config"]["servers"].as_array().unwrap();
            if servers.iter().filter(|one| one["voter"] == true).count() == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// What a balancer does: it asks each node five times a second whether it leads.
    fn follow(&self) {
        let addresses: Vec<String> = self.nodes.iter().map(|n| n.address.clone()).collect();
        let (line, follows) = (Arc::clone(&self.line), Arc::clone(&self.follows));
        let http = self.http.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if !follows.load(Ordering::Relaxed) {
                    continue;
                }
                let asking = addresses.iter().map(|address| health(&http, address));
                let found = futures_util::future::join_all(asking).await;
                let leader = found.iter().position(|status| *status == Some(200));
                if let Some(leader) = leader
                    && follows.load(Ordering::Relaxed)
                {
                    line.aim(std::slice::from_ref(&addresses[leader]));
                }
            }
        });
    }

    /// Waits until one leads and the others follow.
    pub async fn whole(&self) {
        for _ in 0..600 {
            let asking = self.nodes.iter().map(|n| health(&self.http, &n.address));
            let mut found = futures_util::future::join_all(asking).await;
            found.sort_unstable();
            if found == [Some(200), Some(429), Some(429)] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the three nodes of OpenBao are not one");
    }

    /// Which one leads.
    pub async fn leader(&self) -> usize {
        loop {
            for (number, node) in self.nodes.iter().enumerate() {
                if health(&self.http, &node.address).await == Some(200) {
                    return number;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A call as root to one node.
    pub async fn put(&self, node: usize, path: &str) {
        let url = format!("http://{}/v1/{path}", self.nodes[node].address);
        let call = self.http.put(url).header("x-vault-token", &self.root);
        let answer = call.timeout(Duration::from_secs(15)).send().await;
        answer.unwrap().error_for_status().unwrap();
    }
}

impl Node {
    pub fn start(&mut self) {
        let mut config = std::ffi::OsString::from("-config=");
        config.push(self.dir.join("config.hcl"));
        let bin = tools::find_bao(None, &PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let spec = Spec {
            name: "OpenBao",
            program: bin.unwrap(),
            args: vec!["server".into(), config],
            run_as: None,
            stop_signal: StopSignal::Term,
            log: self.dir.join("openbao.log"),
            env: vec![("HOME", self.dir.clone().into())],
        };
        self.child = Some(Child::spawn(spec).unwrap());
    }

    pub fn signal(&self, what: Signal) {
        if let Some(child) = &self.child {
            signal(child.pid(), what);
        }
    }

    /// Ends it, and waits for its end.
    pub async fn end(&mut self, by: Signal) {
        self.signal(by);
        if let Some(mut child) = self.child.take() {
            child.wait().await;
        }
    }

    /// Its audit log starts anew, so that its file system is full only when it is to be.
    pub fn forget_audit(&self) {
        let log = std::fs::File::options()
            .write(true)
            .open(self.dir.join("audit/audit.log"));
        // A node that never led has none.
        if let Ok(log) = log {
            log.set_len(0).unwrap();
        }
    }

    /// Whether it was ended.
    pub fn has_ended(&self) -> bool {
        self.child.is_none()
    }
}

/// 200 where it leads, 429 where it follows.
async fn health(http: &Client, address: &str) -> Option<u16> {
    let call = http.get(format!("http://{address}/v1/sys/health"));
    let answer = call.timeout(Duration::from_millis(500)).send().await;
    Some(answer.ok()?.status().as_u16())
}

fn free_port() -> u16 {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    port.local_addr().unwrap().port()
}

/// The path of the audit log must be the same on all nodes: each has it in its own working directory.
fn made(folder: &Path, number: usize, ports: &[[u16; 2]]) -> Node {
    let dir = folder.join(format!("node-{number}"));
    std::fs::create_dir_all(dir.join("raft")).unwrap();
    mount(&dir.join("audit"), "128m");
    let [port, cluster_port] = ports[number];
    let mut join = String::new();
    for [port, _] in ports {
        let address = format!("leader_api_addr = \"http://127.0.0.1:{port}\"");
        writeln!(join, "  retry_join {{\n    {address}\n  }}").unwrap();
    }
    let (at, key) = (dir.display(), folder.join("key"));
    let key = key.display();
    let config = format!(
        r#"api_addr     = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"

storage "raft" {{
  path    = "{at}/raft"
  node_id = "node-{number}"
{join}}}

listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable     = true
}}

seal "static" {{
  current_key_id = "drill"
  current_key    = "file://{key}"
}}

audit "file" "file" {{
  options {{
    file_path     = "audit/audit.log"
    hmac_accessor = "false"
  }}
}}
"#
    );
    std::fs::write(dir.join("config.hcl"), config).unwrap();
    Node {
        address: format!("127.0.0.1:{port}"),
        dir,
        child: None,
    }
}

/// The audit log of a node becomes a pipe, which somebody reads; gives the reader.
pub async fn pipe_audit(node: &Node) -> Child {
    let (log, old) = (node.dir.join("audit/audit.log"), node.dir.join("audit/old"));
    std::fs::rename(&log, old).unwrap();
    let made = Command::new("mkfifo").arg(&log).status().unwrap();
    assert!(made.success(), "mkfifo");
    let reader = Child::spawn(Spec {
        name: "reader",
        program: "/bin/sh".into(),
        args: vec!["-c".into(), "exec cat <>audit/audit.log >/dev/null".into()],
        run_as: None,
        stop_signal: StopSignal::Term,
        log: node.dir.join("reader.log"),
        env: Vec::new(),
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    // It opens the log anew.
    node.signal(Signal::HUP);
    reader.unwrap()
}
