//! `gatehouse worker`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use super::whose::{Whose, whose};
use crate::types::WorkerLogin;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Make a worker of a vendor; its log-in name and key are shown once
    Create {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Shown name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        rights: Rights,
    },
    /// Change a worker: what it may read, its name, the life of its tokens
    Update {
        #[command(flatten)]
        worker: One,
        /// Shown name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        rights: Rights,
    },
    /// Show a worker
    Show {
        #[command(flatten)]
        worker: One,
    },
    /// List the workers of a vendor, a page at a time
    List {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// Remove a worker with its keys, sessions and tokens
    Remove {
        #[command(flatten)]
        worker: One,
    },
    /// Make another key for a worker; it is shown once
    Key {
        #[command(flatten)]
        worker: One,
        /// How long the former key still lasts, seconds: 0 to 30 days
        #[arg(long, default_value_t = 24 * 3600)]
        overlap: u32,
    },
}

/// A worker.
#[derive(clap::Args)]
pub struct One {
    /// Its log-in name
    #[arg(value_parser = login)]
    login: WorkerLogin,
    /// As its vendor, by `GATEHOUSE_TOKEN`
    #[arg(long)]
    own: bool,
}

impl One {
    fn path(&self) -> String {
        let whose = if self.own {
            Whose::Own
        } else {
            Whose::Vendor(self.login.namespace.clone())
        };
        whose.path(&format!("workers/{}", self.login))
    }
}

/// What a worker may do.
#[derive(clap::Args)]
pub struct Rights {
    /// What it may read: a key, the beginning of keys followed by *, or * alone; can be given several times
    #[arg(long = "key")]
    keys: Vec<String>,
    /// First life of its tokens, seconds: a minute to 28 days
    #[arg(long)]
    token_ttl: Option<u32>,
}

impl Rights {
    fn into_body(self, name: Option<String>) -> Value {
        let mut body = Map::new();
        if let Some(name) = name {
            body.insert("name".to_owned(), name.into());
        }
        if !self.keys.is_empty() {
            body.insert("keys".to_owned(), self.keys.into());
        }
        if let Some(ttl) = self.token_ttl {
            body.insert("tokenTtl".to_owned(), ttl.into());
        }
        Value::Object(body)
    }
}

fn login(text: &str) -> Result<WorkerLogin, String> {
    WorkerLogin::parse(text)
        .ok_or_else(|| "must be a log-in name as `worker create` gives it".to_owned())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (method, path, body) = match args {
        Args::Create {
            vendor,
            name,
            rights,
        } => {
            let body = rights.into_body(Some(name));
            (Method::POST, vendor.path("workers"), Some(body))
        }
        Args::Update {
            worker,
            name,
            rights,
        } => (Method::PATCH, worker.path(), Some(rights.into_body(name))),
        Args::Show { worker } => (Method::GET, worker.path(), None),
        Args::List { vendor, page } => {
            let path = page.of(&vendor.path("workers"));
            (Method::GET, path, None)
        }
        Args::Remove { worker } => (Method::DELETE, worker.path(), None),
        Args::Key { worker, overlap } => {
            let body = json!({ "overlap": overlap });
            (Method::POST, format!("{}/keys", worker.path()), Some(body))
        }
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
