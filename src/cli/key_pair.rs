//! `gatehouse key-pair`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::out;
use super::remote::Remote;
use super::vendor::{namespace, paged};
use crate::types::{KeyId, Namespace};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// List the key pairs of a vendor, the newest first, with when each was last used
    List {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Make a new key pair, shown once; the one before it ends after the overlap
    Rotate {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// Seconds until the pair before it ends, at most 366 days; 0 where a key leaked. 30 days without it
        #[arg(long)]
        overlap: Option<u32>,
    },
    /// Change the end of the pair before the newest; without a time it ends now
    End {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
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
    let remote = Remote::from_env()?;
    let pairs = |namespace: &Namespace| format!("/api/admin/vendors/{namespace}/key-pairs");
    let answer = match args {
        Args::List {
            namespace,
            limit,
            cursor,
        } => {
            let path = paged(&pairs(&namespace), limit, cursor.as_deref());
            remote.call(Method::GET, &path, None).await?
        }
        Args::Rotate { namespace, overlap } => {
            let body = overlap.map_or_else(|| json!({}), |overlap| json!({ "overlap": overlap }));
            remote
                .call(Method::POST, &pairs(&namespace), Some(&body))
                .await?
        }
        Args::End {
            namespace,
            pair,
            at,
        } => {
            let path = format!("{}/{pair}", pairs(&namespace));
            match at {
                None => remote.call(Method::DELETE, &path, None).await?,
                Some(at) => {
                    let at = if at == "never" {
                        Value::Null
                    } else {
                        Value::String(at)
                    };
                    let body = json!({ "endsAt": at });
                    remote.call(Method::PATCH, &path, Some(&body)).await?
                }
            }
        }
        Args::Reissue { namespace } => {
            let path = format!("{}/current/private-key", pairs(&namespace));
            remote.call(Method::POST, &path, None).await?
        }
    };
    out::answer(&answer)
}
