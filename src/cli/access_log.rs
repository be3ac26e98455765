//! `gatehouse access-log`.

use clap::{Subcommand, ValueEnum};
use reqwest::Method;

use super::out;
use super::paging::Paging;
use super::remote::Remote;
use super::whose::{Whose, whose};
use crate::types::SecretId;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Show what happened at a vendor, or at one of its sites, a page at a time
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        page: Paging,
    },
    /// Write all of it to standard output
    ///
    /// The exit status tells whether it is all of it: an export that is cut off ends with an error.
    Export {
        #[command(flatten)]
        of: Of,
        /// One item of JSON a line, or CSV
        #[arg(long, value_enum, default_value_t = Format::Ndjson)]
        format: Format,
    },
}

/// Of a file.
#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// One item of JSON a line
    Ndjson,
    /// RFC 4180
    Csv,
}

/// What is wanted.
#[derive(clap::Args)]
pub struct Of {
    /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`; without it, all, and what is no vendor's
    #[arg(value_parser = whose)]
    vendor: Option<Whose>,
    /// Only what touches this site, there or removed
    #[arg(long, requires = "vendor", value_parser = super::site::secret_id)]
    site: Option<SecretId>,
    /// From this time on, RFC 3339
    #[arg(long)]
    from: Option<String>,
    /// Before this time, RFC 3339
    #[arg(long)]
    to: Option<String>,
    /// An action, or a beginning such as token.*
    #[arg(long)]
    action: Option<String>,
    /// done, refused or failed
    #[arg(long)]
    outcome: Option<String>,
    /// A kind of caller, or kind:name
    #[arg(long)]
    caller: Option<String>,
    /// A token, by the id of its issuance
    #[arg(long)]
    issuance: Option<String>,
    /// gatehouse or openbao
    #[arg(long)]
    source: Option<String>,
    /// desc (newest first) or asc
    #[arg(long)]
    order: Option<String>,
}

impl Of {
    fn path(&self, more: &[(&str, Option<&str>)]) -> String {
        let path = match (&self.vendor, &self.site) {
            (Some(vendor), Some(site)) => vendor.path(&format!("sites/{site}/access-logs")),
            (Some(vendor), None) => vendor.path("access-logs"),
            (None, _) => "/api/admin/access-logs".to_owned(),
        };
        let filters = [
            ("from", &self.from),
            ("to", &self.to),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("caller", &self.caller),
            ("issuance", &self.issuance),
            ("source", &self.source),
            ("order", &self.order),
        ];
        let filters = filters.map(|(name, value)| (name, value.as_deref()));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in filters.iter().chain(more) {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{path}?{}", query.finish())
    }
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List { of, page } => {
            let limit = page.limit.to_string();
            let path = of.path(&[("limit", Some(&limit)), ("cursor", page.cursor.as_deref())]);
            let remote = Remote::to(&path)?;
            out::answer(&remote.call(Method::GET, &path, None).await?)
        }
        Args::Export { of, format } => {
            let format = match format {
                Format::Ndjson => "ndjson",
                Format::Csv => "csv",
            };
            let path = of.path(&[("format", Some(format))]);
            Remote::to(&path)?.file(&path, out::bytes).await
        }
    }
}
