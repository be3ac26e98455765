//! `gatehouse token`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use super::vendor::namespace;
use super::whose::{Whose, whose};
use crate::types::{IssuanceId, Namespace};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// List tokens that were handed out, the newest first, a page at a time
    List {
        /// Of which vendor; `own` for the one of `GATEHOUSE_TOKEN`; without it, of all
        #[arg(value_parser = whose)]
        vendor: Option<Whose>,
        /// live, ending, revoked or expired
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        page: Paging,
    },
    /// Show a token that was handed out, never the token itself
    Show {
        /// Of which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Which one
        #[arg(value_parser = issuance)]
        issuance: IssuanceId,
    },
    /// Revoke a token
    Revoke {
        /// Of which vendor; `own` for the one of `GATEHOUSE_TOKEN`
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Which one
        #[arg(value_parser = issuance)]
        issuance: IssuanceId,
    },
    /// Revoke all live tokens that the options name
    ///
    /// Needs at least one of them; without a vendor --issued-before or --all.
    RevokeAll {
        /// Of which vendor; `own` for the one of `GATEHOUSE_TOKEN`; without it, of all
        #[arg(value_parser = whose)]
        vendor: Option<Whose>,
        #[command(flatten)]
        filter: Filter,
        /// By this key pair: its public key
        #[arg(long)]
        public_key: Option<String>,
        /// Only count them, and those of them that are to end already
        #[arg(long)]
        dry_run: bool,
        /// Says that all are meant that no other option leaves out
        #[arg(long)]
        all: bool,
    },
    /// Show how many tokens live and may, and the vendors that hold most
    Budget,
    /// Say whether a caller would get a token, and which rule decides; nothing is issued
    Explain(Explain),
}

/// Who would ask for what.
#[derive(clap::Args)]
pub struct Explain {
    /// Of which vendor
    #[arg(value_parser = namespace)]
    namespace: Namespace,
    /// Who would ask: public-key, vendor, worker, user, operator or billing
    caller: String,
    /// Log-in name of the worker
    #[arg(long)]
    login: Option<String>,
    /// What would be asked for: write, read or credentials
    token: String,
    /// For the site of this secret id instead of the whole store
    #[arg(long)]
    secret_id: Option<String>,
    /// For this credential instead of all
    #[arg(long)]
    key: Option<String>,
    /// First life of a token for credentials, in seconds
    #[arg(long)]
    ttl: Option<u32>,
    /// A token for credentials that the service renews
    #[arg(long)]
    keep_alive: bool,
}

impl Explain {
    fn body(self) -> Value {
        let mut caller = json!({ "kind": self.caller });
        if let Some(login) = self.login {
            caller["login"] = json!(login);
        }
        let mut token = json!({ "kind": self.token });
        let given = [
            ("secretId", self.secret_id.map(Value::from)),
            ("key", self.key.map(Value::from)),
            ("ttl", self.ttl.map(Value::from)),
            ("keepAlive", self.keep_alive.then_some(Value::Bool(true))),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                token[name] = value;
            }
        }
        json!({ "vendor": self.namespace, "caller": caller, "token": token })
    }
}

/// Which tokens.
#[derive(clap::Args)]
pub struct Filter {
    /// Of this kind: `write`, `write_site`, `read`, `read_site` and so on
    #[arg(long)]
    kind: Option<String>,
    /// For the site of this secret id
    #[arg(long)]
    site: Option<String>,
    /// Handed out to this kind of caller, or to one: kind:name
    #[arg(long)]
    caller: Option<String>,
    /// Handed out before this time (RFC 3339)
    #[arg(long)]
    issued_before: Option<String>,
    /// Handed out after this time (RFC 3339)
    #[arg(long)]
    issued_after: Option<String>,
    /// Handed out to this client address, or to those of a network in CIDR form
    #[arg(long)]
    client_address: Option<String>,
}

impl Filter {
    fn fields(self) -> Map<String, Value> {
        let given = [
            ("kind", self.kind),
            ("site", self.site),
            ("caller", self.caller),
            ("issuedBefore", self.issued_before),
            ("issuedAfter", self.issued_after),
            ("clientAddress", self.client_address),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
            .collect()
    }
}

fn issuance(text: &str) -> Result<IssuanceId, String> {
    IssuanceId::parse(text).ok_or_else(|| "must be an issuance's id".to_owned())
}

fn place(vendor: Option<&Whose>) -> String {
    match vendor {
        Some(vendor) => vendor.path("issuances"),
        None => "/api/admin/issuances".to_owned(),
    }
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (method, path, body) = match args {
        Args::List {
            vendor,
            state,
            filter,
            page,
        } => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in filter.fields() {
                query.append_pair(&name, value.as_str().unwrap_or_default());
            }
            if let Some(state) = state {
                query.append_pair("state", &state);
            }
            let page = page.of(&place(vendor.as_ref()));
            let query = query.finish();
            let joint = if query.is_empty() { "" } else { "&" };
            (Method::GET, format!("{page}{joint}{query}"), None)
        }
        Args::Show { vendor, issuance } => {
            let path = format!("{}/{issuance}", place(Some(&vendor)));
            (Method::GET, path, None)
        }
        Args::Revoke { vendor, issuance } => {
            let path = format!("{}/{issuance}", place(Some(&vendor)));
            (Method::DELETE, path, None)
        }
        Args::RevokeAll {
            vendor,
            filter,
            public_key,
            dry_run,
            all,
        } => {
            let mut body = filter.fields();
            body.insert("all".to_owned(), json!(all));
            body.insert("dryRun".to_owned(), json!(dry_run));
            body.extend(public_key.map(|key| ("publicKey".to_owned(), json!(key))));
            let path = format!("{}/revoke", place(vendor.as_ref()));
            (Method::POST, path, Some(Value::Object(body)))
        }
        Args::Budget => (Method::GET, "/api/admin/lease-budget".to_owned(), None),
        Args::Explain(asked) => {
            let path = "/api/admin/explain".to_owned();
            (Method::POST, path, Some(asked.body()))
        }
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
