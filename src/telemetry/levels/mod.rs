//! Levels of the log that operators set for a while, in all replicas.
//!
//! They stand beside the usual ones, end by themselves, and are in no replica's settings: one that starts meanwhile, or
//! has lost sight of the database, keeps the usual levels.

pub mod http;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::logs;
use crate::app::App;
use crate::db;
use crate::error::Result;
use crate::events::Event;

/// Channel of the database on which replicas tell each other.
pub const CHANNEL: &str = "gatehouse_log_levels";

/// Levels as in `RUST_LOG`: `error`, `warn` or `info` for everything, up to `trace` for a module of this service. Other
/// crates are kept at `info`: what they say below that may hold what their callers sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 500, examples("gatehouse::vault=debug"))]
pub struct LogLevels(String);

impl LogLevels {
    /// As `RUST_LOG` has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LogLevels {
    type Error = &'static str;
    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        if text.len() <= 500 && text.split(',').all(is_directive) {
            Ok(Self(text))
        } else {
            Err(
                "must be error, warn or info, or gatehouse::module=level with a level up to trace, with commas between, at most 500 characters",
            )
        }
    }
}

fn is_directive(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b == b'_';
    let is_name = |part: &str| !part.is_empty() && part.bytes().all(is_word);
    let Some((module, level)) = text.split_once('=') else {
        return ["error", "warn", "info"].contains(&text);
    };
    let mut parts = module.split("::");
    parts.next() == Some("gatehouse")
        && parts.all(is_name)
        && ["error", "warn", "info", "debug", "trace"].contains(&level)
}

/// How long levels stand, in seconds: 1 to 3,600.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(try_from = "u32")]
#[schema(value_type = u32, minimum = 1, maximum = 3600, default = 900)]
pub struct Standing(u32);

impl Default for Standing {
    fn default() -> Self {
        Self(900)
    }
}

impl TryFrom<u32> for Standing {
    type Error = &'static str;
    fn try_from(seconds: u32) -> std::result::Result<Self, Self::Error> {
        if (1..=3600).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err("must be 1 to 3600 seconds")
        }
    }
}

/// Levels that stand beside the usual ones until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Raised {
    /// What is logged more, or less.
    pub levels: LogLevels,
    /// When that ends.
    pub until: Timestamp,
}

/// Sets the levels of all replicas, or takes back the usual ones. It is on record.
///
/// # Errors
/// Where the database does not answer; then nothing is changed.
pub async fn set(app: &App, asked: Option<(LogLevels, Standing)>, actor: &str) -> Result<()> {
    let now = app.clock.now();
    let raised = asked.map(|(levels, standing)| Raised {
        levels,
        until: now + jiff::SignedDuration::from_secs(standing.0.into()),
    });
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let mut event = Event::done("log_levels.changed", None, actor);
    event.details = json!(raised);
    event.record(&transaction, now).await?;
    db::tell(&transaction, CHANNEL, &json!(raised).to_string()).await?;
    transaction.commit().await?;
    take(app, raised);
    Ok(())
}

/// Takes what a replica told, this one or another.
pub fn told(app: &App, payload: &str) {
    match serde_json::from_str(payload) {
        Ok(raised) => take(app, raised),
        Err(error) => tracing::warn!(%error, "Levels of the log that another replica told"),
    }
}

fn take(app: &App, raised: Option<Raised>) {
    let Some(raised) = raised else {
        return logs::change(None);
    };
    let Ok(left) = Duration::try_from(raised.until.duration_since(app.clock.now())) else {
        return;
    };
    logs::change(Some(raised.clone()));
    tokio::spawn(async move {
        tokio::time::sleep(left).await;
        logs::end(&raised);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_services_own_lines_can_be_made_finer_than_info() {
        for good in [
            "warn",
            "info,gatehouse=debug",
            "gatehouse::vault::call=trace,gatehouse::users=error",
        ] {
            assert!(LogLevels::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let long = "info,".repeat(100) + "info";
        for bad in [
            "",
            "debug",
            "trace",
            "info,",
            "off",
            "vaultrs=trace",
            "gatehousex=debug",
            "gatehouse::=debug",
            "gatehouse=loud",
            "gatehouse[request]=trace",
            "[{x}]=trace",
            "gatehouse = debug",
            "hyper=info",
            &long,
        ] {
            assert!(LogLevels::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
