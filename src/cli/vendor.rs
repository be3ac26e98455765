//! `gatehouse vendor`.

mod repair;
mod token_settings;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::out;
use super::remote::Remote;
use crate::types::Namespace;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Create a vendor; its key pair is shown once
    Create {
        /// 5 to 96 lower-case letters and digits, with single hyphens between them; can never be changed
        namespace: String,
        #[command(flatten)]
        profile: Profile,
    },
    /// Change what is known of a vendor
    Update {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        #[command(flatten)]
        profile: Profile,
        /// How long its access logs are kept: 1 to 3650 days, or `default` for the service's own
        #[arg(long, value_parser = retention)]
        log_retention_days: Option<Value>,
    },
    /// Show a vendor
    Show {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
    /// List vendors, a page at a time
    List {
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Pause support: look-ups and read tokens are refused until the end of the pause
    Pause {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// How long from now on
        #[arg(long, required_unless_present = "until", conflicts_with = "until")]
        minutes: Option<u32>,
        /// Until when: RFC 3339 with a zone, or Unix seconds
        #[arg(long)]
        until: Option<String>,
    },
    /// End a pause of support
    Unpause {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
    /// Shut a vendor out everywhere but in removals: all its tokens die
    Suspend {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
    /// End a suspension
    Resume {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
    /// Cancel a vendor for good: tokens, secrets, engines and what is known of people go. Repeat to see how far it is
    Cancel {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// The same namespace once more
        #[arg(long, value_parser = namespace)]
        confirm: Namespace,
    },
    /// Show where a vendor's Connector answers, or say it for one that does not
    Connector {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// The beginning of its REST API: `https://vendor.example/wp-json/`
        #[arg(long)]
        endpoint: Option<String>,
        /// Where its clients are told to send webhooks of their own, or `none`
        #[arg(long)]
        client_webhook_url: Option<String>,
    },
    /// Show how long a vendor's tokens live and how many calls they are good for, or change it
    TokenSettings(token_settings::Args),
    /// Show how many tokens of a vendor live and may, or say how many may
    LeaseBudget {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// How many may live at once, or `default`
        #[arg(long, value_parser = number_or_default)]
        cap: Option<Value>,
    },
    /// Show what a vendor demands of its client plugins, or say it
    ClientRules {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// Whether the public key alone may neither ask for write tokens nor store sites: true or false
        #[arg(long)]
        signed_clients_only: Option<bool>,
    },
    /// End all access tokens that were made so far in a vendor's name: its own, its workers' and its users'
    EndAccessTokens {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
    /// Make whole what is missing of a vendor in OpenBao, or was changed there by hand. Fails where something is left
    Repair {
        /// Which vendor
        #[arg(value_parser = namespace, required_unless_present = "all")]
        namespace: Option<Namespace>,
        /// All that were not cancelled, one after the other; one answer a line
        #[arg(long, conflicts_with = "namespace")]
        all: bool,
        /// Only say what is not as it should be
        #[arg(long)]
        dry_run: bool,
    },
    /// List what was found in OpenBao that is not as it should be, and that the service leaves alone
    Findings {
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
}

/// What is known of a vendor.
#[derive(clap::Args)]
pub struct Profile {
    /// Shown name
    #[arg(long)]
    name: Option<String>,
    /// Owner's name
    #[arg(long)]
    owner_name: Option<String>,
    /// Owner's e-mail address
    #[arg(long)]
    owner_email: Option<String>,
    /// Name of the plan
    #[arg(long)]
    plan: Option<String>,
    /// active, trial or unpaid
    #[arg(long)]
    subscription: Option<String>,
    /// Whether there is a card to charge: true or false
    #[arg(long)]
    has_card: Option<bool>,
}

impl Profile {
    fn into_body(self) -> Map<String, Value> {
        let fields = [
            ("name", self.name),
            ("ownerName", self.owner_name),
            ("ownerEmail", self.owner_email),
            ("plan", self.plan),
            ("subscription", self.subscription),
        ];
        let texts = fields
            .into_iter()
            .filter_map(|(key, value)| Some((key, Value::String(value?))));
        let has_card = self.has_card.map(|has| ("hasCard", Value::Bool(has)));
        texts
            .chain(has_card)
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// A namespace as an argument.
///
/// # Errors
/// Says the rule it breaks.
pub fn namespace(text: &str) -> Result<Namespace, String> {
    Namespace::parse(text).map_err(|e| e.to_string())
}

/// A number, or `null` for `default`.
fn number_or_default(text: &str) -> Result<Value, String> {
    match text {
        "default" => Ok(Value::Null),
        number => number
            .parse::<u32>()
            .map(Value::from)
            .map_err(|_| "must be a number, or default".to_owned()),
    }
}

/// Days, or `null` for `default`.
fn retention(text: &str) -> Result<Value, String> {
    match text {
        "default" => Ok(Value::Null),
        days => days
            .parse::<u16>()
            .map(Value::from)
            .map_err(|_| "must be a number of days, or default".to_owned()),
    }
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let remote = Remote::from_env()?;
    let base = "/api/admin/vendors";
    let answer = match args {
        Args::Create { namespace, profile } => {
            let mut body = profile.into_body();
            body.entry("name")
                .or_insert_with(|| Value::String(namespace.clone()));
            body.insert("namespace".to_owned(), Value::String(namespace));
            remote
                .call(Method::POST, base, Some(&Value::Object(body)))
                .await?
        }
        Args::Update {
            namespace,
            profile,
            log_retention_days,
        } => {
            let mut body = profile.into_body();
            if let Some(days) = log_retention_days {
                body.insert("logRetentionDays".to_owned(), days);
            }
            let body = Value::Object(body);
            remote
                .call(Method::PATCH, &format!("{base}/{namespace}"), Some(&body))
                .await?
        }
        Args::Show { namespace } => {
            remote
                .call(Method::GET, &format!("{base}/{namespace}"), None)
                .await?
        }
        Args::ClientRules {
            namespace,
            signed_clients_only,
        } => {
            let path = format!("{base}/{namespace}/client-rules");
            let body = signed_clients_only.map(|only| json!({ "signedClientsOnly": only }));
            let method = body.as_ref().map_or(Method::GET, |_| Method::PATCH);
            remote.call(method, &path, body.as_ref()).await?
        }
        Args::EndAccessTokens { namespace } => {
            order(&remote, &namespace, "access-tokens/revoke").await?
        }
        Args::Pause {
            namespace,
            minutes,
            until,
        } => {
            let body = match until {
                Some(until) => json!({ "until": until }),
                None => json!({ "minutes": minutes }),
            };
            let path = format!("{base}/{namespace}/support-pause");
            remote.call(Method::PUT, &path, Some(&body)).await?
        }
        Args::Unpause { namespace } => {
            let path = format!("{base}/{namespace}/support-pause");
            remote.call(Method::DELETE, &path, None).await?
        }
        Args::Suspend { namespace } => order(&remote, &namespace, "suspend").await?,
        Args::Resume { namespace } => order(&remote, &namespace, "resume").await?,
        Args::Cancel { namespace, confirm } => {
            let path = format!("{base}/{namespace}?confirm={confirm}");
            remote.call(Method::DELETE, &path, None).await?
        }
        Args::Connector {
            namespace,
            endpoint,
            client_webhook_url,
        } => {
            let path = format!("{base}/{namespace}/connector");
            let body = of_connector(endpoint, client_webhook_url);
            shown_or_changed(&remote, &path, body).await?
        }
        Args::TokenSettings(args) => {
            let path = format!("{base}/{}/token-settings", args.namespace());
            shown_or_changed(&remote, &path, args.into_body()).await?
        }
        Args::LeaseBudget { namespace, cap } => {
            let path = format!("{base}/{namespace}/lease-budget");
            let body = cap.map(|cap| ("cap".to_owned(), cap)).into_iter();
            shown_or_changed(&remote, &path, body.collect()).await?
        }
        Args::Repair {
            namespace, dry_run, ..
        } => return repair::run(&remote, namespace.as_ref(), dry_run).await,
        Args::Findings { limit, cursor } => {
            let path = paged("/api/admin/findings", limit, cursor.as_deref());
            remote.call(Method::GET, &path, None).await?
        }
        Args::List { limit, cursor } => {
            remote
                .call(Method::GET, &paged(base, limit, cursor.as_deref()), None)
                .await?
        }
    };
    out::answer(&answer)
}

/// Shows what is at a path, or changes it where there is something to change.
async fn shown_or_changed(
    remote: &Remote,
    path: &str,
    changes: Map<String, Value>,
) -> anyhow::Result<Value> {
    if changes.is_empty() {
        return remote.call(Method::GET, path, None).await;
    }
    let body = Value::Object(changes);
    remote.call(Method::PATCH, path, Some(&body)).await
}

/// An order that needs no more than its name.
async fn order(remote: &Remote, namespace: &Namespace, what: &str) -> anyhow::Result<Value> {
    let path = format!("/api/admin/vendors/{namespace}/{what}");
    remote.call(Method::POST, &path, None).await
}

fn of_connector(endpoint: Option<String>, webhook: Option<String>) -> Map<String, Value> {
    let mut body = Map::new();
    body.extend(endpoint.map(|url| ("endpoint".to_owned(), Value::from(url))));
    let url = webhook.map(|url| Value::from(Some(url).filter(|url| url != "none")));
    body.extend(url.map(|url| ("clientWebhookUrl".to_owned(), url)));
    body
}

/// A path with the parameters of a page.
#[must_use]
pub fn paged(path: &str, limit: u8, cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    format!("{path}?{}", query.finish())
}
