//! `gatehouse jwt-key`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{ArgGroup, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value};

use super::out;
use super::remote::Remote;
use super::vendor::settings::present;
use super::whose::{Whose, whose};
use crate::types::JwtKeyId;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Register a key of a vendor
    Create {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        #[command(flatten)]
        key: Registration,
    },
    /// List the keys of a vendor
    List {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
    },
    /// Show a key
    Show {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Its id
        #[arg(value_parser = id)]
        key: JwtKeyId,
    },
    /// Change a key's name or end
    #[command(group = ArgGroup::new("change").required(true).multiple(true).args(["name", "ends_at"]))]
    Update {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Its id
        #[arg(value_parser = id)]
        key: JwtKeyId,
        /// Shown name
        #[arg(long)]
        name: Option<String>,
        /// After this it is refused: RFC 3339 with a zone, Unix seconds, or `never`
        #[arg(long)]
        ends_at: Option<String>,
    },
    /// Remove a key: its tokens are refused from then on
    Remove {
        /// Whose; `own` for those of `GATEHOUSE_TOKEN`'s vendor
        #[arg(value_parser = whose)]
        vendor: Whose,
        /// Its id
        #[arg(value_parser = id)]
        key: JwtKeyId,
    },
}

/// A key to be registered.
#[derive(clap::Args)]
pub struct Registration {
    /// Shown name
    #[arg(long)]
    name: String,
    /// `EdDSA`, ES256 or RS256: no other one is taken, whatever a token says
    #[arg(long)]
    algorithm: String,
    /// A file with the public key, as a JWK or in PEM
    #[arg(
        long,
        required_unless_present = "jwks_url",
        conflicts_with = "jwks_url"
    )]
    public_key: Option<PathBuf>,
    /// Where a set of keys is, instead
    #[arg(long)]
    jwks_url: Option<String>,
    /// `iss` of its tokens
    #[arg(long)]
    issuer: String,
    /// `aud` of its tokens, where it is not this service
    #[arg(long)]
    audience: Option<String>,
    /// After this it is refused: RFC 3339 with a zone, or Unix seconds
    #[arg(long)]
    ends_at: Option<String>,
}

impl Registration {
    fn into_body(self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        let texts = [
            ("name", Some(self.name)),
            ("algorithm", Some(self.algorithm)),
            ("jwksUrl", self.jwks_url),
            ("issuer", Some(self.issuer)),
            ("audience", self.audience),
            ("endsAt", self.ends_at),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                body.insert(name.to_owned(), text.into());
            }
        }
        if let Some(path) = self.public_key {
            let text = std::fs::read_to_string(&path);
            let text = text.with_context(|| format!("reading {}", path.display()))?;
            let key = serde_json::from_str(&text).unwrap_or(Value::String(text));
            body.insert("publicKey".to_owned(), key);
        }
        Ok(Value::Object(body))
    }
}

fn id(text: &str) -> Result<JwtKeyId, String> {
    JwtKeyId::parse(text).ok_or_else(|| "must be an id as `jwt-key list` gives it".to_owned())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let keys = |vendor: &Whose| vendor.path("jwt-keys");
    let (method, path, body) = match args {
        Args::Create { vendor, key } => (Method::POST, keys(&vendor), Some(key.into_body()?)),
        Args::List { vendor } => (Method::GET, keys(&vendor), None),
        Args::Show { vendor, key } => (Method::GET, format!("{}/{key}", keys(&vendor)), None),
        Args::Update {
            vendor,
            key,
            name,
            ends_at,
        } => {
            let at = ends_at.map(|at| Value::from(Some(at).filter(|at| at != "never")));
            let body = present([("name", name.map(Value::from)), ("endsAt", at)]);
            let path = format!("{}/{key}", keys(&vendor));
            (Method::PATCH, path, Some(Value::Object(body)))
        }
        Args::Remove { vendor, key } => (Method::DELETE, format!("{}/{key}", keys(&vendor)), None),
    };
    let remote = Remote::to(&path)?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
