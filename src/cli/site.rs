//! `gatehouse site`.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::out;
use super::paging::Paging;
use super::remote::{Remote, input};
use super::whose::{Whose, whose};
use crate::types::SecretId;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// List a vendor's registered sites, a page at a time
    List {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// Show a site of one's own vendor, by `GATEHOUSE_TOKEN`
    Show {
        /// Which site
        #[arg(value_parser = secret_id)]
        secret_id: SecretId,
    },
    /// Find sites of one's own vendor by their access keys, by `GATEHOUSE_TOKEN`
    Search {
        /// A file with access keys, one a line, never arguments; - is standard input
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
    /// Remove a site: its tokens die, its secret is deleted
    Revoke {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Which site
        #[arg(value_parser = secret_id)]
        secret_id: SecretId,
    },
    /// Show what clients reported of log-ins that failed, the newest first, a page at a time
    LoginAttempts {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Of this site only, there or removed
        #[arg(value_parser = secret_id)]
        secret_id: Option<SecretId>,
        #[command(flatten)]
        page: Paging,
    },
}

/// A secret id as an argument.
///
/// # Errors
/// Says the rule it breaks.
pub fn secret_id(text: &str) -> Result<SecretId, String> {
    SecretId::parse(text).map_err(|e| e.to_string())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (method, path, body) = match args {
        Args::List { vendor, page } => {
            let path = page.of(&vendor.path("sites"));
            (Method::GET, path, None)
        }
        Args::Show { secret_id } => {
            let path = Whose::Own.path(&format!("sites/{secret_id}"));
            (Method::GET, path, None)
        }
        Args::Search { keys } => {
            let text = input(&keys)?;
            let keys = text.lines().map(str::trim).filter(|key| !key.is_empty());
            let body = json!({ "searchKeys": keys.collect::<Vec<_>>() });
            (Method::POST, Whose::Own.path("sites/search"), Some(body))
        }
        Args::Revoke { vendor, secret_id } => {
            let path = vendor.path(&format!("sites/{secret_id}"));
            (Method::DELETE, path, None)
        }
        Args::LoginAttempts {
            vendor,
            secret_id,
            page,
        } => {
            let path = match secret_id {
                Some(site) => vendor.path(&format!("sites/{site}/login-attempts")),
                None => vendor.path("login-attempts"),
            };
            (Method::GET, page.of(&path), None)
        }
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
