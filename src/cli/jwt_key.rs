//! `gatehouse jwt-key`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value};

use super::out;
use super::remote::Remote;
use super::vendor::namespace;
use crate::types::{JwtKeyId, Namespace};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Register a key of a vendor
    Create {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        #[command(flatten)]
        key: Registration,
    },
    /// List the keys of a vendor
    List {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
    },
    /// Remove a key: its tokens are refused from then on
    Remove {
        /// Whose
        #[arg(value_parser = namespace)]
        namespace: Namespace,
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
    let keys = |namespace: &Namespace| format!("/api/admin/vendors/{namespace}/jwt-keys");
    let (method, path, body) = match args {
        Args::Create { namespace, key } => (Method::POST, keys(&namespace), Some(key.into_body()?)),
        Args::List { namespace } => (Method::GET, keys(&namespace), None),
        Args::Remove { namespace, key } => {
            (Method::DELETE, format!("{}/{key}", keys(&namespace)), None)
        }
    };
    let remote = Remote::from_env()?;
    out::answer(&remote.call(method, &path, body.as_ref()).await?)
}
