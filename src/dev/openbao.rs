//! OpenBao as a child: one raft node on loopback with a file audit device, initialised once and unsealed by itself.
//!
//! # Quirks
//! - `bao` from the Python package is a script which becomes the real program; the process id stays.
//! - OpenBao waits five to ten seconds before it elects its only node; `performance_multiplier` makes it one to two.
//! - The raft data remembers the cluster address of its first start. A single node does not care when it changes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::bao_api::{Api, Health, Keys};
use super::child::{Child, Spec, StopSignal};
use super::claim_port;
use super::folder::Folder;

/// The setting that chooses the port, as named in errors.
pub const PORT_SETTING: &str = "GATEHOUSE_DEV_OPENBAO_PORT";

/// The setting that chooses the cluster port, as named in errors.
pub const CLUSTER_PORT_SETTING: &str = "GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT";

/// Kept with mode 0600 beside the data it opens.
const KEYS: &str = "init.json";

const LIMIT: Duration = Duration::from_mins(1);

/// Where and how to run OpenBao.
#[derive(Clone)]
pub struct OpenBaoOptions {
    /// The folder for its data, configuration, keys and logs.
    pub dir: PathBuf,
    /// The API's port on loopback; 0 picks a free one.
    pub port: u16,
    /// The cluster port on loopback; 0 picks a free one.
    pub cluster_port: u16,
    /// The program `bao`.
    pub bin: PathBuf,
}

/// A running, unsealed OpenBao. Without `Debug`, as it holds the root token.
pub struct OpenBao {
    /// The API's address, `http://127.0.0.1:<port>`.
    pub addr: String,
    /// The root token made at the first start.
    pub root_token: String,
    /// The audit log, one JSON object a line.
    pub audit_log: PathBuf,
    child: Child,
    bin: PathBuf,
    ports: [u16; 2],
    folder: Folder,
}

impl OpenBao {
    /// Starts the server and returns once it is unsealed and active.
    ///
    /// # Errors
    /// When the folder, a port or the program is missing, the data is there but its keys are not, or the server does
    /// not come up within 60 seconds.
    pub async fn start(options: OpenBaoOptions) -> anyhow::Result<Self> {
        let folder = Folder::open(&options.dir, 0o700)?;
        let port = claim_port(options.port, PORT_SETTING).await?;
        let cluster_port = claim_port(options.cluster_port, CLUSTER_PORT_SETTING).await?;
        ensure!(
            port != cluster_port,
            "OpenBao needs two ports: {PORT_SETTING} and {CLUSTER_PORT_SETTING} are both {port}"
        );
        let dir = folder.path().to_owned();
        folder.write_private("config.hcl", config(&dir, port, cluster_port)?.as_bytes())?;
        let mut child = Child::spawn(spec(options.bin.clone(), &dir))?;
        let addr = format!("http://127.0.0.1:{port}");
        let keys = bring_up(&mut child, &Api::new(&addr)?, &folder).await?;
        Ok(Self {
            addr,
            root_token: keys.root_token,
            audit_log: dir.join("audit.log"),
            child,
            bin: options.bin,
            ports: [port, cluster_port],
            folder,
        })
    }

    /// Starts the server again where it was, after it ended or was stopped, and unseals it.
    ///
    /// # Errors
    /// As for [`OpenBao::start`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        claim_port(self.ports[0], PORT_SETTING).await?;
        claim_port(self.ports[1], CLUSTER_PORT_SETTING).await?;
        self.child = Child::spawn(spec(self.bin.clone(), self.folder.path()))?;
        bring_up(&mut self.child, &Api::new(&self.addr)?, &self.folder).await?;
        Ok(())
    }

    /// The process id of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Resolves when the server has ended without being asked, to an error that quotes its log. Safe to cancel.
    pub async fn wait(&mut self) -> anyhow::Error {
        self.child.wait().await
    }

    /// Stops the server. It comes back sealed, and the next start unseals it.
    ///
    /// # Errors
    /// When the process can neither be signalled nor waited for.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.stop(Duration::from_secs(15)).await
    }
}

/// The keys are on disk before the first unseal, so that no later failure loses them.
async fn bring_up(child: &mut Child, api: &Api, folder: &Folder) -> anyhow::Result<Keys> {
    let health = child.ready(LIMIT, api.answer()).await?;
    let file = folder.path().join(KEYS);
    let shown = file.display();
    let keys = match (read_keys(&file)?, health) {
        (None, Health::Uninitialised) => {
            let keys = api.initialise().await?;
            folder.write_private(KEYS, &serde_json::to_vec_pretty(&keys)?)?;
            tracing::info!("Initialised OpenBao");
            keys
        }
        (Some(_), Health::Uninitialised) => {
            bail!(
                "{shown} holds keys, but OpenBao's data is gone: restore raft, or remove the file"
            )
        }
        (None, _) => bail!(
            "OpenBao's data is initialised, but {shown} with its unseal key is missing: restore it, or remove {}",
            folder.path().display()
        ),
        (Some(keys), _) => keys,
    };
    api.unseal(&keys).await?;
    child.ready(LIMIT, api.active()).await?;
    Ok(keys)
}

fn read_keys(file: &Path) -> anyhow::Result<Option<Keys>> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", file.display()));
        }
    };
    let keys = serde_json::from_slice(&bytes).ok();
    let keys = keys.with_context(|| format!("{} is not what we wrote", file.display()))?;
    Ok(Some(keys))
}

fn config(dir: &Path, port: u16, cluster_port: u16) -> anyhow::Result<String> {
    let raft = dir.join("raft");
    fs::create_dir_all(&raft).with_context(|| format!("cannot make {}", raft.display()))?;
    let (raft, audit_log) = (quoted(&raft)?, quoted(&dir.join("audit.log"))?);
    Ok(format!(
        r#"ui           = false
api_addr     = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"

storage "raft" {{
  path    = {raft}
  node_id = "dev"

  performance_multiplier = 1
}}

listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable     = true
}}

audit "file" "file" {{
  options {{
    file_path     = {audit_log}
    hmac_accessor = "false"
  }}
}}
"#
    ))
}

/// A path as an HCL string. HCL escapes as JSON does, and also reads `${`, which is refused.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().filter(|text| !text.contains("${"));
    let text = text.with_context(|| format!("OpenBao cannot use the path {}", path.display()))?;
    Ok(serde_json::to_string(text)?)
}

fn spec(bin: PathBuf, dir: &Path) -> Spec {
    let mut config = std::ffi::OsString::from("-config=");
    config.push(dir.join("config.hcl"));
    Spec {
        name: "OpenBao",
        program: bin,
        args: vec!["server".into(), config],
        run_as: None,
        stop_signal: StopSignal::Term,
        log: dir.join("openbao.log"),
        env: vec![("HOME", dir.into())],
    }
}
