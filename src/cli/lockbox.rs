//! `gatehouse lockbox`: as a user of a vendor.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::out;
use super::remote::{Remote, input};
use super::user::password;
use super::vendor::paged;
use crate::lockbox::entries::EntryId;

const ENTRIES: &str = "/api/lockbox/entries";

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Whether it is locked, and what its settings are
    Status,
    /// Give it its first password, the first line of standard input, and unlock it
    Init,
    /// Unlock it with its password, the first line of standard input
    Unlock,
    /// Lock it
    Lock,
    /// List its entries, a page at a time, without values
    List {
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show an entry with its value
    Show {
        /// Its id
        #[arg(value_parser = entry)]
        entry: EntryId,
    },
    /// Add an entry
    Add(Entry),
    /// Remove an entry
    Remove {
        /// Its id
        #[arg(value_parser = entry)]
        entry: EntryId,
    },
}

/// An entry that is to be.
#[derive(clap::Args)]
pub struct Entry {
    /// Its key
    key: String,
    /// A file with its value, never an argument; - is standard input
    #[arg(long, value_name = "FILE")]
    value: PathBuf,
    /// text, secret, markdown or string
    #[arg(long = "type", default_value = "secret")]
    kind: String,
    /// The client it is about
    #[arg(long)]
    client_id: Option<String>,
    /// The group whose members may read it
    #[arg(long)]
    required_group: Option<String>,
}

impl Entry {
    fn into_body(self) -> anyhow::Result<Value> {
        let value = input(&self.value)?;
        let mut body = json!({ "key": self.key, "type": self.kind, "value": value });
        let given = [
            ("clientId", self.client_id),
            ("requiredGroup", self.required_group),
        ];
        for (name, text) in given {
            if let Some(text) = text {
                body[name] = text.into();
            }
        }
        Ok(body)
    }
}

fn entry(text: &str) -> Result<EntryId, String> {
    EntryId::parse(text).ok_or_else(|| "must be an entry's id".to_owned())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let at = |what: &str| format!("/api/lockbox/{what}");
    let with_password = || anyhow::Ok(Some(json!({ "password": password()? })));
    let (method, path, body) = match args {
        Args::Status => (Method::GET, "/api/lockbox".to_owned(), None),
        Args::Init => (Method::POST, at("init"), with_password()?),
        Args::Unlock => (Method::POST, at("unlock"), with_password()?),
        Args::Lock => (Method::POST, at("lock"), None),
        Args::List { limit, cursor } => {
            (Method::GET, paged(ENTRIES, limit, cursor.as_deref()), None)
        }
        Args::Show { entry } => (Method::GET, format!("{ENTRIES}/{}", entry.0), None),
        Args::Add(entry) => (Method::POST, ENTRIES.to_owned(), Some(entry.into_body()?)),
        Args::Remove { entry } => (Method::DELETE, format!("{ENTRIES}/{}", entry.0), None),
    };
    let remote = Remote::of_caller()?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
