//! `gatehouse vendor`.

mod cancel;
mod repair;
pub mod settings;
mod token_settings;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value};

use super::out;
use super::paging::Paging;
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
        #[command(flatten)]
        page: Paging,
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
        /// Wait until nothing is left of it
        #[arg(long)]
        wait: bool,
    },
    /// Show how many tokens of a vendor live and may, or say how many may
    LeaseBudget {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// How many may live at once, or `default`
        #[arg(long, value_parser = number_or_default)]
        cap: Option<Value>,
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
    #[command(flatten)]
    Settings(settings::Args),
    /// List what was found in OpenBao that is not as it should be, and that the service leaves alone
    Findings {
        #[command(flatten)]
        page: Paging,
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
    let args = match args {
        Args::Settings(args) => return settings::run(args).await,
        args => args,
    };
    let remote = Remote::from_env()?;
    let base = "/api/admin/vendors";
    let answer = match args {
        Args::Settings(_) => return Ok(()),
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
        Args::Suspend { namespace } => order(&remote, &namespace, "suspend").await?,
        Args::Resume { namespace } => order(&remote, &namespace, "resume").await?,
        Args::Cancel {
            namespace,
            confirm,
            wait,
        } => cancel::run(&remote, (&namespace, &confirm), wait).await?,
        Args::LeaseBudget { namespace, cap } => {
            let path = format!("{base}/{namespace}/lease-budget");
            let cap = settings::present([("cap", cap)]);
            let (method, path, body) = settings::shown_or_changed(path, cap);
            remote.call(method, &path, body.as_ref()).await?
        }
        Args::Repair {
            namespace, dry_run, ..
        } => return repair::run(&remote, namespace.as_ref(), dry_run).await,
        Args::Findings { page } => {
            let path = page.of("/api/admin/findings");
            remote.call(Method::GET, &path, None).await?
        }
        Args::List { page } => remote.call(Method::GET, &page.of(base), None).await?,
    };
    out::answer(&answer)
}

/// An order that needs no more than its name.
async fn order(remote: &Remote, namespace: &Namespace, what: &str) -> anyhow::Result<Value> {
    let path = format!("/api/admin/vendors/{namespace}/{what}");
    remote.call(Method::POST, &path, None).await
}
