//! The folder a supervised server lives in: made, locked, and written to with care.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A folder which no other process of ours uses at the same time. The lock ends with the value or the process.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder with these permissions if it is absent, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, or another process has it locked.
    pub fn open(path: &Path, mode: u32) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder {shown}"))?;
        let path = fs::canonicalize(path).with_context(|| format!("cannot enter {shown}"))?;
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the permissions of {shown}"))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options
            .open(path.join("lock"))
            .with_context(|| format!("cannot open {shown}/lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another process runs its servers in {shown}: stop it, or use another folder")
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {shown}/lock"))
            }
        }
    }

    /// Where it is, absolute and without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file only its owner can read. It appears whole or not at all, and is on disk on return.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let target = self.path.join(name);
        self.replace(name, bytes)
            .with_context(|| format!("cannot write {}", target.display()))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let draft = self.path.join(format!("{name}.new"));
        if draft.exists() {
            fs::remove_file(&draft)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, self.path.join(name))?;
        File::open(&self.path)?.sync_all()
    }
}
