//! `gatehouse key-pair`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use super::vendor::namespace;
use super::whose::{Whose, whose};
use crate::types::{KeyId, Namespace};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// List the key pairs of a vendor, the newest first, with when each was last used
    List {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// Make a new key pair, shown once; the one before it ends after the overlap
    Rotate {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Seconds until the pair before it ends, at most 366 days; 0 where a key leaked. 30 days without it
        #[arg(long)]
        overlap: Option<u32>,
    },
    /// Change the end of the pair before the newest; without a time it ends now
    End {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Which pair
        #[arg(value_parser = pair)]
        pair: KeyId,
        /// When, in RFC 3339, or `never`
        #[arg(long)]
        at: Option<String>,
    },
    /// Make another private key for the newest pair, if its private key was never used; the pair is shown once
    Reissue {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
}

fn pair(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "must be 16 hexadecimal digits".to_owned())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let pairs = |vendor: &Whose| vendor.path("key-pairs");
    let (method, path, body) = match args {
        Args::List { vendor, page } => {
            let path = page.of(&pairs(&vendor));
            (Method::GET, path, None)
        }
        Args::Rotate { vendor, overlap } => {
            let body = overlap.map_or_else(|| json!({}), |overlap| json!({ "overlap": overlap }));
            (Method::POST, pairs(&vendor), Some(body))
        }
        Args::End { vendor, pair, at } => {
            let path = format!("{}/{pair}", pairs(&vendor));
            match at {
                None => (Method::DELETE, path, None),
                Some(at) => {
                    let at = Some(at).filter(|at| at != "never");
                    (Method::PATCH, path, Some(json!({ "endsAt": at })))
                }
            }
        }
        Args::Reissue { namespace } => {
            let pairs = pairs(&Whose::Vendor(namespace));
            (Method::POST, format!("{pairs}/current/private-key"), None)
        }
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
