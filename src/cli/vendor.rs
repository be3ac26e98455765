//! `gatehouse vendor`.

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
    /// Make another private key for a vendor that never used the one it has; the pair is shown once
    Keys {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
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
    /// Make whole what is missing of a vendor's store and policies in OpenBao
    Provision {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
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
        fields
            .into_iter()
            .filter_map(|(key, value)| value.map(|v| (key.to_owned(), Value::String(v))))
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
        Args::Keys { namespace } => {
            let path = format!("{base}/{namespace}/keys");
            remote.call(Method::POST, &path, None).await?
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
        Args::Provision { namespace } => {
            remote
                .call(Method::POST, &format!("{base}/{namespace}/provision"), None)
                .await?
        }
        Args::List { limit, cursor } => {
            remote
                .call(Method::GET, &paged(base, limit, cursor.as_deref()), None)
                .await?
        }
    };
    out::json(&answer)
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
