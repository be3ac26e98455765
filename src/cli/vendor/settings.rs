//! What a vendor may set for itself, and an operator for it.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::super::out;
use super::super::remote::Remote;
use super::super::whose::{Whose, whose};
use super::token_settings;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Pause support: look-ups and read tokens are refused until the end of the pause
    Pause {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// How long from now on
        #[arg(long, required_unless_present = "until", conflicts_with = "until")]
        minutes: Option<u32>,
        /// Until when: RFC 3339 with a zone, or Unix seconds
        #[arg(long)]
        until: Option<String>,
    },
    /// End a pause of support
    Unpause {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
    },
    /// Show whether support is paused, or say whether reports of lockdowns pause it
    PauseSettings {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Whether a report of a lockdown pauses support: true or false
        #[arg(long)]
        on_lockdown: Option<bool>,
        /// For how long, 1 to 1440
        #[arg(long)]
        lockdown_minutes: Option<u32>,
    },
    /// Show where a vendor's Connector answers, or say it for one that does not
    Connector {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// The beginning of its REST API: `https://vendor.example/wp-json/`
        #[arg(long)]
        endpoint: Option<String>,
        /// Where its clients are told to send webhooks of their own, or `none`
        #[arg(long)]
        client_webhook_url: Option<String>,
    },
    /// Show how long a vendor's tokens live and how many calls they are good for, or change it
    TokenSettings(token_settings::Args),
    /// Show what a vendor demands of its client plugins, or say it
    ClientRules {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Whether the public key alone may neither ask for write tokens nor store sites: true or false
        #[arg(long)]
        signed_clients_only: Option<bool>,
    },
    /// End all access tokens that were made so far in a vendor's name: its own, its workers' and its users'
    EndAccessTokens {
        /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
    },
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (method, path, body) = match args {
        Args::Pause {
            vendor,
            minutes,
            until,
        } => {
            let body = match until {
                Some(until) => json!({ "until": until }),
                None => json!({ "minutes": minutes }),
            };
            (Method::PUT, vendor.path("support-pause"), Some(body))
        }
        Args::Unpause { vendor } => (Method::DELETE, vendor.path("support-pause"), None),
        Args::PauseSettings {
            vendor,
            on_lockdown,
            lockdown_minutes,
        } => {
            let given = [
                ("pauseOnLockdown", on_lockdown.map(Value::from)),
                ("lockdownPauseMinutes", lockdown_minutes.map(Value::from)),
            ];
            shown_or_changed(vendor.path("support-pause"), present(given))
        }
        Args::Connector {
            vendor,
            endpoint,
            client_webhook_url,
        } => {
            let body = of_connector(endpoint, client_webhook_url);
            shown_or_changed(vendor.path("connector"), body)
        }
        Args::TokenSettings(args) => {
            let path = args.vendor().path("token-settings");
            shown_or_changed(path, args.into_body())
        }
        Args::ClientRules {
            vendor,
            signed_clients_only,
        } => {
            let given = [("signedClientsOnly", signed_clients_only.map(Value::from))];
            shown_or_changed(vendor.path("client-rules"), present(given))
        }
        Args::EndAccessTokens { vendor } => {
            (Method::POST, vendor.path("access-tokens/revoke"), None)
        }
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}

/// Shows what is at a path, or changes it where there is something to change.
pub fn shown_or_changed(
    path: String,
    changes: Map<String, Value>,
) -> (Method, String, Option<Value>) {
    if changes.is_empty() {
        (Method::GET, path, None)
    } else {
        (Method::PATCH, path, Some(Value::Object(changes)))
    }
}

/// Those fields that were given.
pub fn present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = fields.into_iter();
    given
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn of_connector(endpoint: Option<String>, webhook: Option<String>) -> Map<String, Value> {
    let webhook = webhook.map(|url| Value::from(Some(url).filter(|url| url != "none")));
    present([
        ("endpoint", endpoint.map(Value::from)),
        ("clientWebhookUrl", webhook),
    ])
}
