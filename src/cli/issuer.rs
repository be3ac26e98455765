//! `gatehouse issuer`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use crate::types::{IssuerId, IssuerUrl, KeySetUrl};

const BASE: &str = "/api/admin/issuers";

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// List an issuer whose tokens workloads may show
    Add {
        /// As its tokens say it in `iss`, to the byte
        #[arg(value_parser = IssuerUrl::parse)]
        issuer: IssuerUrl,
        /// What its tokens may be signed with: `EdDSA`, ES256, RS256; can be given several times
        #[arg(long = "algorithm", required = true)]
        algorithms: Vec<String>,
        #[command(flatten)]
        trust: Trust,
    },
    /// Change how far an issuer is trusted
    Update {
        /// Its id
        #[arg(value_parser = issuer)]
        issuer: IssuerId,
        /// What its tokens may be signed with, in place of what was said; can be given several times
        #[arg(long = "algorithm")]
        algorithms: Vec<String>,
        #[command(flatten)]
        trust: Trust,
        /// Find the keys where the issuer says they are
        #[arg(long, conflicts_with = "key_set_url")]
        discover: bool,
    },
    /// Let its tokens count again
    Enable {
        /// Its id
        #[arg(value_parser = issuer)]
        issuer: IssuerId,
    },
    /// Let its tokens count no more, at once
    Disable {
        /// Its id
        #[arg(value_parser = issuer)]
        issuer: IssuerId,
    },
    /// Show an issuer
    Show {
        /// Its id
        #[arg(value_parser = issuer)]
        issuer: IssuerId,
    },
    /// The list, a page at a time
    List {
        #[command(flatten)]
        page: Paging,
    },
    /// Take an issuer off the list that no vendor has a policy for
    Remove {
        /// Its id
        #[arg(value_parser = issuer)]
        issuer: IssuerId,
    },
}

/// How far an issuer is trusted.
#[derive(clap::Args)]
pub struct Trust {
    /// Where its keys are; without it: where the issuer says itself
    #[arg(long, value_parser = KeySetUrl::parse)]
    key_set_url: Option<KeySetUrl>,
    /// A claim that says whose a workload is; can be given several times; without it: those of the usual platforms
    #[arg(long = "workload-claim")]
    workload_claims: Vec<String>,
}

impl Trust {
    fn into_body(self, algorithms: Vec<String>) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(url) = self.key_set_url {
            body.insert("keySetUrl".to_owned(), json!(url));
        }
        for (name, values) in [
            ("algorithms", algorithms),
            ("workloadClaims", self.workload_claims),
        ] {
            if !values.is_empty() {
                body.insert(name.to_owned(), values.into());
            }
        }
        body
    }
}

fn issuer(text: &str) -> Result<IssuerId, String> {
    IssuerId::parse(text).ok_or_else(|| "must be an issuer's id: is and 16 digits".to_owned())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let one = |id: IssuerId| format!("{BASE}/{id}");
    let (method, path, body) = match args {
        Args::Add {
            issuer,
            algorithms,
            trust,
        } => {
            let mut body = trust.into_body(algorithms);
            body.insert("issuer".to_owned(), json!(issuer));
            (Method::POST, BASE.to_owned(), Some(Value::Object(body)))
        }
        Args::Update {
            issuer,
            algorithms,
            trust,
            discover,
        } => {
            let mut body = trust.into_body(algorithms);
            if discover {
                body.insert("keySetUrl".to_owned(), Value::Null);
            }
            (Method::PATCH, one(issuer), Some(Value::Object(body)))
        }
        Args::Enable { issuer } => (Method::PATCH, one(issuer), Some(json!({ "enabled": true }))),
        Args::Disable { issuer } => {
            let body = json!({ "enabled": false });
            (Method::PATCH, one(issuer), Some(body))
        }
        Args::Show { issuer } => (Method::GET, one(issuer), None),
        Args::List { page } => (Method::GET, page.of(BASE), None),
        Args::Remove { issuer } => (Method::DELETE, one(issuer), None),
    };
    let remote = Remote::from_env()?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
