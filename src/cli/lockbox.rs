//! `gatehouse lockbox`: as a user of a vendor.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::out;
use super::paging::Paging;
use super::password::{asked, password};
use super::remote::{Remote, input};
use super::vendor::settings::{present, shown_or_changed};
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
        #[command(flatten)]
        page: Paging,
    },
    /// Show an entry with its value
    Show {
        /// Its id
        #[arg(value_parser = entry)]
        entry: EntryId,
    },
    /// List the former values of an entry, the newest first, a page at a time
    History {
        /// Its id
        #[arg(value_parser = entry)]
        entry: EntryId,
        #[command(flatten)]
        page: Paging,
    },
    /// Add an entry
    Add(Entry),
    /// Put another entry in the place of one
    Replace {
        /// Its id
        #[arg(value_parser = entry)]
        entry: EntryId,
        #[command(flatten)]
        by: Entry,
    },
    /// Remove an entry
    Remove {
        /// Its id
        #[arg(value_parser = entry)]
        entry: EntryId,
    },
    /// Show the settings, or change them
    Settings {
        /// Seconds without use until it locks itself, 60 to 604800; 0 for never
        #[arg(long)]
        auto_lock: Option<u32>,
        /// Whether passwords must be strong in `RPort`'s dialect too: true or false
        #[arg(long)]
        strong_passwords: Option<bool>,
        /// Whether replicas that start later get the key from those that have it: true or false
        #[arg(long)]
        join_unlocked: Option<bool>,
    },
    /// Change its password: the first line of standard input is the one of today, the second the new one
    Password,
    /// Seal all entries with a fresh key; the password is the first line of standard input
    Rotate,
    /// Write all of it to standard output, sealed, as it can be restored
    ///
    /// The exit status tells whether it is all of it: a backup that is cut off ends with an error.
    Backup,
    /// Put a backup in the place of a lockbox that has no password yet; the first line of standard input is the backup's
    Restore {
        /// The file; - is what follows on standard input
        file: PathBuf,
        /// In the place of one that is in use, too
        #[arg(long)]
        replace: bool,
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
    let remote = Remote::of_caller()?;
    match args {
        Args::Backup => remote.file("/api/lockbox/backup", out::bytes).await,
        Args::Restore { file, replace } => {
            let first = json!({ "password": asked("Password of the backup:")? });
            let lines = format!("{first}\n{}", input(&file)?);
            let path = format!("/api/lockbox/restore?replace={replace}");
            out::answer(&remote.send_lines(&path, lines).await?)
        }
        args => {
            let (method, path, body) = call(args)?;
            out::answer(&remote.call(method, &path, body.as_ref()).await?)
        }
    }
}

fn call(args: Args) -> anyhow::Result<(Method, String, Option<Value>)> {
    let at = |what: &str| format!("/api/lockbox/{what}");
    let one = |entry: EntryId| format!("{ENTRIES}/{}", entry.0);
    let with_password = || anyhow::Ok(Some(json!({ "password": password()? })));
    Ok(match args {
        Args::Status => (Method::GET, "/api/lockbox".to_owned(), None),
        Args::Init => (Method::POST, at("init"), with_password()?),
        Args::Unlock => (Method::POST, at("unlock"), with_password()?),
        Args::Lock => (Method::POST, at("lock"), None),
        Args::List { page } => (Method::GET, page.of(ENTRIES), None),
        Args::Show { entry } => (Method::GET, one(entry), None),
        Args::History { entry, page } => {
            let path = format!("{}/history", one(entry));
            (Method::GET, page.of(&path), None)
        }
        Args::Add(entry) => (Method::POST, ENTRIES.to_owned(), Some(entry.into_body()?)),
        Args::Replace { entry, by } => (Method::PUT, one(entry), Some(by.into_body()?)),
        Args::Remove { entry } => (Method::DELETE, one(entry), None),
        Args::Settings {
            auto_lock,
            strong_passwords,
            join_unlocked,
        } => shown_or_changed(
            at("settings"),
            present([
                ("autoLock", auto_lock.map(Value::from)),
                ("strongPasswords", strong_passwords.map(Value::from)),
                ("joinUnlocked", join_unlocked.map(Value::from)),
            ]),
        ),
        Args::Password => {
            let current = asked("Password of today:")?;
            let body = json!({ "current": current, "new": asked("New password:")? });
            (Method::PUT, at("password"), Some(body))
        }
        Args::Rotate => (Method::POST, at("rotate"), with_password()?),
        Args::Backup | Args::Restore { .. } => anyhow::bail!("a file is no call"),
    })
}
