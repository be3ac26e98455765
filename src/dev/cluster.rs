//! PostgreSQL's data on disk: made once, as a user `initdb` accepts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::geteuid;
use tokio::time::{Instant, sleep};

use super::PREDECESSOR;
use super::child::{NO_SETPRIV, command};
use super::folder::Folder;

/// The superuser's and the database's name.
pub(super) const NAME: &str = "gatehouse";

/// The user that stands in for root, whom PostgreSQL refuses.
const POSTGRES: &str = "postgres";

/// A data folder, ready to be served.
pub(super) struct Cluster {
    pub(super) folder: Folder,
    pub(super) password: String,
    pub(super) run_as: Option<&'static str>,
}

impl Cluster {
    /// Opens `<dir>/data`, and makes it if it is absent.
    pub(super) async fn open(dir: &Path, bin_dir: &Path) -> anyhow::Result<Self> {
        let run_as = geteuid().is_root().then_some(POSTGRES);
        let folder = Folder::open(dir, if run_as.is_some() { 0o711 } else { 0o700 })?;
        let mut cluster = Self {
            folder,
            password: String::new(),
            run_as,
        };
        cluster.check_entry().await?;
        if !cluster.data().exists() {
            cluster.make(bin_dir).await?;
        }
        let file = cluster.folder.path().join("password");
        cluster.password = fs::read_to_string(&file).with_context(|| {
            let (data, file) = (cluster.data(), file.display());
            format!(
                "{} has data, but its password in {file} cannot be read: restore it, or remove the data",
                data.display()
            )
        })?;
        Ok(cluster)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Waits for a server whose parent was killed and which has not finished stopping, then clears what it left.
    pub(super) async fn wait_for_predecessor(&self) -> anyhow::Result<()> {
        let data = self.data();
        let until = Instant::now() + PREDECESSOR;
        while let Some(pid) = serving_process(&data) {
            ensure!(
                Instant::now() < until,
                "PostgreSQL process {pid} still serves {}: stop it first",
                data.display()
            );
            sleep(Duration::from_millis(100)).await;
        }
        // PostgreSQL would believe this file if its process id were a zombie's, or by now another program's.
        match fs::remove_file(data.join("postmaster.pid")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot clear {}", data.display()))
            }
            _ => Ok(()),
        }
    }

    /// Made under another name first, so that a killed `initdb` leaves nothing that looks finished.
    async fn make(&self, bin_dir: &Path) -> anyhow::Result<()> {
        let draft = self.folder.path().join("data.new");
        if draft.exists() {
            fs::remove_dir_all(&draft)
                .with_context(|| format!("cannot remove the unfinished {}", draft.display()))?;
        }
        fs::create_dir(&draft)?;
        let password: [u8; 24] = rand::random();
        self.folder
            .write_private("password", hex::encode(password).as_bytes())?;
        let password_file = self.folder.path().join("password");
        self.give_away(&[&draft, &password_file]).await?;

        let mut initdb = command(self.run_as, "KILL");
        initdb.arg(bin_dir.join("initdb"));
        initdb.args(["-U", NAME, "-E", "UTF8", "--locale=C.UTF-8"]);
        initdb.args(["-A", "scram-sha-256", "--no-instructions"]);
        initdb.arg("--pwfile").arg(&password_file);
        initdb.arg("-D").arg(&draft).current_dir(self.folder.path());
        run(initdb, "initdb").await?;
        fs::rename(&draft, self.data())?;
        tracing::info!(path = %self.data().display(), "Made a PostgreSQL data folder");
        Ok(())
    }

    async fn give_away(&self, paths: &[&Path]) -> anyhow::Result<()> {
        let Some(user) = self.run_as else {
            return Ok(());
        };
        let mut chown = command(None, "KILL");
        chown
            .args(["chown", "--", &format!("{user}:{user}")])
            .args(paths);
        run(chown, "chown").await?;
        Ok(())
    }

    async fn check_entry(&self) -> anyhow::Result<()> {
        let Some(user) = self.run_as else {
            return Ok(());
        };
        let mut nothing = command(Some(user), "KILL");
        nothing.arg("true");
        run(nothing, &format!("becoming the user {user}")).await?;
        let mut test = command(Some(user), "KILL");
        test.args(["test", "-x"]).arg(self.folder.path());
        if output(test).await?.status.success() {
            return Ok(());
        }
        bail!(
            "PostgreSQL does not run as root, and the user {user} cannot enter {}: one of the folders above it is \
             closed to other users (as /root is). Move the checkout, or set GATEHOUSE_DEV_DIR to a folder it can reach",
            self.folder.path().display()
        )
    }
}

/// A living `postgres` process at work in this folder: the server, or one of its own that outlived it.
fn serving_process(data: &Path) -> Option<String> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .map(|process| process.path())
        .filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|dir| dir == data))
        .find(|process| {
            fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
        })
        .and_then(|process| Some(process.file_name()?.to_str()?.to_owned()))
}

/// Runs a command to its end; when it fails, the error quotes what it wrote.
pub(super) async fn run(command: tokio::process::Command, what: &str) -> anyhow::Result<String> {
    let output = output(command).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{what} failed with {}: {}",
        output.status,
        said.trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn output(mut command: tokio::process::Command) -> anyhow::Result<Output> {
    command.output().await.context(NO_SETPRIV)
}
