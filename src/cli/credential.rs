//! `gatehouse credential`: as the vendor, or as whoever else may.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::out;
use super::remote::{Remote, input};
use super::vendor::paged;
use crate::types::CredentialKey;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// The types there are, each with the JSON Schema of its value
    Types,
    /// List them, a page at a time, never with values
    List {
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one with its value
    Show {
        /// Its key
        #[arg(value_parser = key)]
        key: CredentialKey,
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

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let all = "/api/credentials";
    let one = |key: &CredentialKey| format!("{all}/{key}");
    let (method, path, body) = match args {
        Args::Types => (Method::GET, "/api/credential-types".to_owned(), None),
        Args::List { limit, cursor } => (Method::GET, paged(all, limit, cursor.as_deref()), None),
        Args::Show { key } => (Method::GET, one(&key), None),
        Args::Create { key, content } => {
            let body = content.into_body(Some(&key))?;
            (Method::POST, all.to_owned(), Some(body))
        }
        Args::Update { key, content } => (Method::PUT, one(&key), Some(content.into_body(None)?)),
        Args::Remove { key } => (Method::DELETE, one(&key), None),
        Args::Test { key } => (Method::POST, format!("{}/test", one(&key)), None),
    };
    let remote = Remote::of_caller()?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
