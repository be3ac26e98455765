//! `gatehouse webhook`.

use std::io::Read;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::out;
use super::remote::Remote;
use super::vendor::paged;
use crate::config::{self, Env};
use crate::types::{DeliveryId, WebhookId};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Sign a body from standard input as the billing system does, and print the three headers
    ///
    /// The secret is GATEHOUSE_SIGNUP_SECRET; of two, the first signs. The headers are one per line, as
    /// `curl -H @file` reads them. The body must be sent byte for byte as it was signed.
    Sign {
        /// The webhook-id: each id is handled once
        #[arg(long)]
        id: String,
        /// The webhook-timestamp, Unix seconds; now where it is left out
        #[arg(long)]
        timestamp: Option<i64>,
    },
    /// Make a webhook of the platform; the secret of its signatures is shown once
    Create {
        /// Where it is
        url: String,
        /// What it wants to hear of: `account.created`, `account.renewed`, `account.cancelled`; all where it is left out
        #[arg(long = "type")]
        types: Vec<String>,
    },
    /// List the platform's webhooks
    List,
    /// Remove one, with what was and is to be sent to it
    Remove {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
    },
    /// Queue a message that only tries it
    Test {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
    },
    /// What was and is to be sent to it, the newest first, a page at a time
    Deliveries {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Send a message again, from the first try
    Replay {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
        /// The message's
        #[arg(value_parser = delivery)]
        delivery: DeliveryId,
    },
}

fn webhook(text: &str) -> Result<WebhookId, String> {
    WebhookId::parse(text).ok_or_else(|| "must be a webhook's id: wh and 16 digits".to_owned())
}

fn delivery(text: &str) -> Result<DeliveryId, String> {
    DeliveryId::parse(text).ok_or_else(|| "must be a message's id: a UUID".to_owned())
}

/// Runs it.
///
/// # Errors
/// Where the secret is missing or the body cannot be read, or what the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let base = "/api/admin/webhooks";
    let (method, path, body) = match args {
        Args::Sign { id, timestamp } => return sign(&id, timestamp),
        Args::Create { url, types } => {
            let mut body = json!({ "url": url });
            if !types.is_empty() {
                body["types"] = json!(types);
            }
            (Method::POST, base.to_owned(), Some(body))
        }
        Args::List => (Method::GET, base.to_owned(), None),
        Args::Remove { webhook } => (Method::DELETE, format!("{base}/{webhook}"), None),
        Args::Test { webhook } => (Method::POST, format!("{base}/{webhook}/test"), None),
        Args::Deliveries {
            webhook,
            limit,
            cursor,
        } => {
            let path = format!("{base}/{webhook}/deliveries");
            (Method::GET, paged(&path, limit, cursor.as_deref()), None)
        }
        Args::Replay { webhook, delivery } => {
            let path = format!("{base}/{webhook}/deliveries/{delivery}/replay");
            (Method::POST, path, None)
        }
    };
    let remote = Remote::from_env()?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}

fn sign(id: &str, timestamp: Option<i64>) -> anyhow::Result<()> {
    let secrets = config::signup_secrets(&Env::process())?;
    let secret = secrets
        .first()
        .ok_or_else(|| anyhow::anyhow!("GATEHOUSE_SIGNUP_SECRET holds no secret"))?;
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;
    let timestamp = timestamp.unwrap_or_else(|| jiff::Timestamp::now().as_second());
    out::line(&format!("webhook-id: {id}"))?;
    out::line(&format!("webhook-timestamp: {timestamp}"))?;
    out::line(&format!(
        "webhook-signature: {}",
        secret.sign(id, timestamp, &body)
    ))
}
