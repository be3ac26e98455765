//! `gatehouse webhook`.

use std::io::Read;

use clap::{ArgGroup, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use super::vendor::settings::present;
use super::whose::{Whose, whose};
use crate::config::{self, Env};
use crate::types::{DeliveryId, WebhookId};

/// Whose webhooks, and what to do.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Of this vendor, not of the platform; `own` for the one of `GATEHOUSE_TOKEN`
    #[arg(long, global = true, value_parser = whose)]
    vendor: Option<Whose>,
}

/// What to do.
#[derive(Subcommand)]
enum What {
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
    /// Make a webhook; the secret of its signatures is shown once
    Create {
        /// Where it is
        url: String,
        /// What it wants to hear of, such as `account.created`; all where it is left out
        #[arg(long = "type")]
        types: Vec<String>,
    },
    /// List webhooks, a page at a time
    List {
        #[command(flatten)]
        page: Paging,
    },
    /// Show one, never its secret
    Show {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
    },
    /// Change one
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(["url", "types", "enabled"]))]
    Update {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
        /// Where it is
        #[arg(long)]
        url: Option<String>,
        /// What it wants to hear of, in place of what it was
        #[arg(long = "type")]
        types: Vec<String>,
        /// Whether anything is sent there: true or false
        #[arg(long)]
        enabled: Option<bool>,
    },
    /// Make another secret for its signatures; it is shown once
    Secret {
        /// Its id
        #[arg(value_parser = webhook)]
        webhook: WebhookId,
        /// How long the former secret signs too, seconds: 0 (where it leaked) to a day
        #[arg(long, default_value_t = 24 * 3600)]
        overlap: u32,
    },
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
        #[command(flatten)]
        page: Paging,
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
    let Args { what, vendor } = args;
    let base = match &vendor {
        Some(vendor) => vendor.path("webhooks"),
        None => "/api/admin/webhooks".to_owned(),
    };
    let (method, path, body) = match what {
        What::Sign { id, timestamp } => {
            anyhow::ensure!(vendor.is_none(), "the billing system signs for no vendor");
            return sign(&id, timestamp);
        }
        What::Create { url, types } => {
            let mut body = json!({ "url": url });
            if !types.is_empty() {
                body["types"] = json!(types);
            }
            (Method::POST, base, Some(body))
        }
        What::List { page } => (Method::GET, page.of(&base), None),
        What::Show { webhook } => (Method::GET, format!("{base}/{webhook}"), None),
        What::Update {
            webhook,
            url,
            types,
            enabled,
        } => {
            let types = Some(types).filter(|types| !types.is_empty());
            let body = present([
                ("url", url.map(Value::from)),
                ("types", types.map(Value::from)),
                ("enabled", enabled.map(Value::from)),
            ]);
            (
                Method::PATCH,
                format!("{base}/{webhook}"),
                Some(body.into()),
            )
        }
        What::Secret { webhook, overlap } => {
            let body = json!({ "overlap": overlap });
            (Method::POST, format!("{base}/{webhook}/secret"), Some(body))
        }
        What::Remove { webhook } => (Method::DELETE, format!("{base}/{webhook}"), None),
        What::Test { webhook } => (Method::POST, format!("{base}/{webhook}/test"), None),
        What::Deliveries { webhook, page } => {
            let path = format!("{base}/{webhook}/deliveries");
            (Method::GET, page.of(&path), None)
        }
        What::Replay { webhook, delivery } => {
            let path = format!("{base}/{webhook}/deliveries/{delivery}/replay");
            (Method::POST, path, None)
        }
    };
    let remote = Remote::to(&path)?;
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
