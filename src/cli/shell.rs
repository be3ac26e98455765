//! `gatehouse completions` and `gatehouse man`: what a shell and `man` know of this program.

use std::path::PathBuf;

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

use super::out;

/// Which shell.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell they are for
    #[arg(value_enum)]
    shell: Shell,
}

/// Where to.
#[derive(clap::Args)]
pub struct Man {
    /// The folder to write gatehouse.1, gatehouse-serve.1 and the others to
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Writes completions to standard output.
///
/// # Errors
/// Where standard output is closed.
pub fn completions(args: &Completions, command: &mut Command) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "gatehouse", &mut text);
    out::bytes(&text)
}

/// Writes a page for each command.
///
/// # Errors
/// Where the folder cannot be written to.
pub fn man(args: &Man, command: Command) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(command, &args.dir))
        .with_context(|| format!("writing to {}", args.dir.display()))
}
