//! `gatehouse vendor token-settings`.

use serde_json::{Map, Value, json};

use super::super::whose::{Whose, whose};
use super::number_or_default;

/// What to show or change.
#[derive(clap::Args)]
pub struct Args {
    /// Which vendor; `own` for the one of `GATEHOUSE_TOKEN`
    #[arg(value_parser = whose)]
    vendor: Whose,
    /// Of which kind --ttl, --max-ttl and --uses are: `write`, `write_site`, `read`, `read_site` or `credentials`
    #[arg(long, requires = "of_kind")]
    kind: Option<String>,
    /// First life in seconds, or `default`
    #[arg(long, group = "of_kind", requires = "kind", value_parser = number_or_default)]
    ttl: Option<Value>,
    /// Longest life in seconds, or `default`
    #[arg(long, group = "of_kind", requires = "kind", value_parser = number_or_default)]
    max_ttl: Option<Value>,
    /// How many calls a token is good for, or `default`
    #[arg(long, group = "of_kind", requires = "kind", value_parser = number_or_default)]
    uses: Option<Value>,
    /// Whether client plugins get wrapped tokens only: true or false
    #[arg(long)]
    wrap_only: Option<bool>,
    /// Least life of a wrapping token in seconds, or `default`
    #[arg(long, value_parser = number_or_default)]
    wrap_min_ttl: Option<Value>,
    /// Longest life of a wrapping token in seconds, or `default`
    #[arg(long, value_parser = number_or_default)]
    wrap_max_ttl: Option<Value>,
    /// Whether a site's write tokens are revoked once it is registered: true or false
    #[arg(long)]
    give_back: Option<bool>,
}

impl Args {
    /// Which vendor.
    #[must_use]
    pub fn vendor(&self) -> &Whose {
        &self.vendor
    }

    /// What is to change; empty where nothing is.
    #[must_use]
    pub fn into_body(self) -> Map<String, Value> {
        let given = |fields: [(&str, Option<Value>); 3]| -> Map<String, Value> {
            let fields = fields.into_iter();
            fields
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect()
        };
        let mut body = Map::new();
        if let Some(kind) = self.kind {
            let says = given([
                ("ttl", self.ttl),
                ("maxTtl", self.max_ttl),
                ("uses", self.uses),
            ]);
            body.insert("kinds".to_owned(), json!({ kind: says }));
        }
        let wrap = given([
            ("only", self.wrap_only.map(Value::from)),
            ("minTtl", self.wrap_min_ttl),
            ("maxTtl", self.wrap_max_ttl),
        ]);
        if !wrap.is_empty() {
            body.insert("wrap".to_owned(), Value::Object(wrap));
        }
        let give_back = self.give_back.map(Value::from);
        body.extend(give_back.map(|value| ("giveBack".to_owned(), value)));
        body
    }
}
