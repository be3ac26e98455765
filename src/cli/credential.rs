//! `gatehouse credential`: as the vendor, or as whoever else may.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::out;
use super::paging::Paging;
use super::remote::{Remote, input};
use crate::types::CredentialKey;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// The types there are, each with the JSON Schema of its value
    Types,
    /// List them, a page at a time, never with values
    List {
        #[command(flatten)]
        page: Paging,
    },
    /// Show one with its value
    Show {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
        /// As it was in this version
        #[arg(long)]
        version: Option<u32>,
    },
    /// Make one
    Create {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
        #[command(flatten)]
        content: Content,
    },
    /// Give one a new value, which is its next version
    Update {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
        #[command(flatten)]
        content: Content,
    },
    /// Remove one; that can be undone
    Remove {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
    },
    /// List the versions of one that are still kept, the newest first
    Versions {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
    },
    /// Take back the removal of one
    Undelete {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
        /// Of this version only
        #[arg(long)]
        version: Option<u32>,
    },
    /// Give one the value of an older version as a new one
    Rollback {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
        /// The older version
        version: u32,
    },
    /// Remove versions of one for good, or all of it
    Destroy {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
        /// A version; can be given several times
        #[arg(long = "version", required_unless_present = "all")]
        versions: Vec<u32>,
        /// All versions, and the key
        #[arg(long, conflicts_with = "versions")]
        all: bool,
    },
    /// Write all with their values to standard output, a line of JSON each, as they can be imported
    ///
    /// The exit status tells whether it is all of them: an export that is cut off ends with an error.
    Export,
    /// Make all credentials of an exported file, or none
    Import {
        /// The file; - is standard input
        file: PathBuf,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Try one against the service it is for
    Test {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
    },
}

/// A value, never as an argument, as those can be seen by everybody on the machine.
#[derive(clap::Args)]
pub struct Content {
    /// A file with the value as JSON, its `type` in it; - is standard input
    #[arg(long, value_name = "FILE")]
    value: PathBuf,
    /// When it should have been replaced, RFC 3339
    #[arg(long)]
    rotate_by: Option<String>,
}

impl Content {
    fn into_body(self, key: Option<&CredentialKey>) -> anyhow::Result<Value> {
        let text = input(&self.value)?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| anyhow::anyhow!("at line {}", error.line()))
            .context("the value is no JSON")?;
        let mut body = json!({ "value": value });
        if let Some(key) = key {
            body["key"] = json!(key);
        }
        if let Some(rotate_by) = self.rotate_by {
            body["rotateBy"] = rotate_by.into();
        }
        Ok(body)
    }
}

fn key(text: &str) -> Result<CredentialKey, String> {
    CredentialKey::try_from(text.to_owned()).map_err(|error| error.to_string())
}

const ALL: &str = "/api/credentials";
const FILE: &str = "/api/credential-file";

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let remote = Remote::of_caller()?;
    match args {
        Args::Export => remote.file(FILE, out::bytes).await,
        Args::Import { file, dry_run } => {
            let path = format!("{FILE}?dryRun={dry_run}");
            out::answer(&remote.send_lines(&path, input(&file)?).await?)
        }
        args => {
            let (method, path, body) = call(args)?;
            out::answer(&remote.call(method, &path, body.as_ref()).await?)
        }
    }
}

fn call(args: Args) -> anyhow::Result<(Method, String, Option<Value>)> {
    let one = |key: &CredentialKey| format!("{ALL}/{key}");
    let below = |key: &CredentialKey, what: &str| format!("{ALL}/{key}/{what}");
    Ok(match args {
        Args::Types => (Method::GET, "/api/credential-types".to_owned(), None),
        Args::List { page } => (Method::GET, page.of(ALL), None),
        Args::Show { key, version } => {
            let path = match version {
                Some(version) => below(&key, &format!("versions/{version}")),
                None => one(&key),
            };
            (Method::GET, path, None)
        }
        Args::Create { key, content } => {
            let body = content.into_body(Some(&key))?;
            (Method::POST, ALL.to_owned(), Some(body))
        }
        Args::Update { key, content } => (Method::PUT, one(&key), Some(content.into_body(None)?)),
        Args::Remove { key } => (Method::DELETE, one(&key), None),
        Args::Versions { key } => (Method::GET, below(&key, "versions"), None),
        Args::Undelete { key, version } => {
            let body = version.map_or_else(|| json!({}), |version| json!({ "version": version }));
            (Method::POST, below(&key, "undelete"), Some(body))
        }
        Args::Rollback { key, version } => {
            let body = json!({ "version": version });
            (Method::POST, below(&key, "rollback"), Some(body))
        }
        Args::Destroy { key, versions, all } => {
            let body = if all {
                json!({ "all": true })
            } else {
                json!({ "versions": versions })
            };
            (Method::POST, below(&key, "destroy"), Some(body))
        }
        Args::Test { key } => (Method::POST, below(&key, "test"), None),
        Args::Export | Args::Import { .. } => anyhow::bail!("a file is no call"),
    })
}
