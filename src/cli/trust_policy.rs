//! `gatehouse trust-policy`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use super::whose::{Whose, whose};
use crate::types::TrustPolicyId;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Make a trust policy of a vendor: which tokens of an issuer get what
    Create {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        terms: Terms,
    },
    /// Change one; what is left out stays as it is
    Update {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Its id
        #[arg(value_parser = policy)]
        policy: TrustPolicyId,
        #[command(flatten)]
        terms: Terms,
    },
    /// Show one
    Show {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Its id
        #[arg(value_parser = policy)]
        policy: TrustPolicyId,
    },
    /// Those of a vendor, a page at a time
    List {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// Remove one; tokens that it handed out live on
    Remove {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Its id
        #[arg(value_parser = policy)]
        policy: TrustPolicyId,
    },
}

/// What a policy says.
#[derive(clap::Args)]
pub struct Terms {
    /// Shown name
    #[arg(long)]
    name: Option<String>,
    /// Whose tokens: an issuer on the list, to the byte
    #[arg(long)]
    issuer: Option<String>,
    /// What `aud` must say, to the byte
    #[arg(long)]
    audience: Option<String>,
    /// `claim=pattern`; can be given several times, for the same claim too: then one of its patterns must match
    #[arg(long = "claim", value_parser = claim)]
    claims: Vec<(String, String)>,
    /// `enforce`, or `audit`: nothing is handed out, and what would be is an event
    #[arg(long)]
    mode: Option<String>,
    /// What is handed out: credentials, write, `write_site`, read or `read_site`
    #[arg(long)]
    kind: Option<String>,
    /// For credentials: the log-in name of the worker
    #[arg(long, requires = "kind")]
    worker: Option<String>,
    /// For one site: its secret id
    #[arg(long, requires = "kind")]
    site: Option<String>,
    /// Life of what is handed out, seconds
    #[arg(long)]
    ttl: Option<u32>,
    /// Whether each token of the issuer is exchanged once only
    #[arg(long)]
    once: Option<bool>,
    /// From when on it matches nothing: RFC 3339, or `never`
    #[arg(long)]
    ends_at: Option<String>,
}

impl Terms {
    fn into_body(self) -> Value {
        let mut body = Map::new();
        let texts = [
            ("name", self.name),
            ("issuer", self.issuer),
            ("audience", self.audience),
            ("mode", self.mode),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        }
        if !self.claims.is_empty() {
            let mut claims: Map<String, Value> = Map::new();
            for (claim, pattern) in self.claims {
                let patterns = claims.entry(claim).or_insert_with(|| json!([]));
                if let Value::Array(patterns) = patterns {
                    patterns.push(pattern.into());
                }
            }
            body.insert("claims".to_owned(), claims.into());
        }
        if let Some(kind) = self.kind {
            let mut grant = json!({ "kind": kind });
            for (name, value) in [("worker", self.worker), ("secretId", self.site)] {
                if let Some(value) = value {
                    grant[name] = value.into();
                }
            }
            body.insert("grant".to_owned(), grant);
        }
        if let Some(ttl) = self.ttl {
            body.insert("ttl".to_owned(), ttl.into());
        }
        if let Some(once) = self.once {
            body.insert("once".to_owned(), once.into());
        }
        if let Some(end) = self.ends_at {
            let end = if end == "never" {
                Value::Null
            } else {
                end.into()
            };
            body.insert("endsAt".to_owned(), end);
        }
        Value::Object(body)
    }
}

/// The pattern may hold an equals sign; a claim that does can be set by the API.
fn claim(text: &str) -> Result<(String, String), String> {
    let (name, pattern) = text
        .split_once('=')
        .ok_or_else(|| "must be claim=pattern".to_owned())?;
    Ok((name.to_owned(), pattern.to_owned()))
}

fn policy(text: &str) -> Result<TrustPolicyId, String> {
    TrustPolicyId::parse(text).ok_or_else(|| "must be a policy's id: tp and 16 digits".to_owned())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let all = |vendor: &Whose| vendor.path("trust-policies");
    let one = |vendor: &Whose, id: TrustPolicyId| format!("{}/{id}", all(vendor));
    let (method, path, body) = match args {
        Args::Create { vendor, terms } => (Method::POST, all(&vendor), Some(terms.into_body())),
        Args::Update {
            vendor,
            policy,
            terms,
        } => {
            let path = one(&vendor, policy);
            (Method::PATCH, path, Some(terms.into_body()))
        }
        Args::Show { vendor, policy } => (Method::GET, one(&vendor, policy), None),
        Args::List { vendor, page } => {
            let path = page.of(&all(&vendor));
            (Method::GET, path, None)
        }
        Args::Remove { vendor, policy } => (Method::DELETE, one(&vendor, policy), None),
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
