//! Whether everything the service needs is there and as it should be: what `gatehouse doctor` finds.
//!
//! It asks PostgreSQL and OpenBao itself, with the settings of `serve` and with app tokens of its own from the same
//! sources, and needs no running service. A check that fails does not end it; what could not be asked for that reason
//! is named. Nothing secret is in what it says.
//!
//! # Quirks
//! - The app tokens may not read token roles, audit devices or AppRoles, and must not: what can be told of those
//!   without the right to read them is told, and the rest is a note.

mod clock;
mod database;
mod openbao;
mod tokens;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{Config, TlsFiles};
use crate::error::cause_chain;
use crate::http::tls::Served;

/// The longest that one check takes.
const LIMIT: Duration = Duration::from_secs(5);
/// Hours: a certificate that ends sooner should have been replaced by now.
const SOON: i64 = 7 * 24;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// To be known.
    Note,
    /// The service runs, and somebody should look at it.
    Warning,
    /// The service does not run so, or loses something.
    Fault,
    /// Could not be asked, because of a fault.
    Unasked,
}

/// A right of an app token, as it should be and as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Right {
    /// The app token.
    pub token: &'static str,
    /// What for.
    pub purpose: &'static str,
    /// Where.
    pub path: &'static str,
    /// The capability it needs.
    pub wanted: &'static str,
    /// What OpenBao says it has there.
    pub held: Vec<String>,
    /// The policy of ours that grants it.
    pub policy: String,
    /// The line of that policy.
    pub line: String,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// `settings`, `database`, `openbao`, `clock`, or an app token: `issuer`, `revoker`, `provisioner`, `saas`.
    pub group: &'static str,
    /// What, within its group.
    pub name: &'static str,
    /// How it ended.
    pub level: Level,
    /// In words.
    pub says: String,
    /// For a right of an app token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Right>,
}

/// Everything that was found.
#[derive(Serialize)]
pub struct Report {
    /// Whether the service can run: there is no fault.
    pub fit: bool,
    /// How many faults.
    pub faults: usize,
    /// How many warnings.
    pub warnings: usize,
    /// Each check, group by group.
    pub checks: Vec<Check>,
}

/// What is found of one group.
struct Findings {
    group: &'static str,
    checks: Vec<Check>,
}

impl Findings {
    fn of(group: &'static str) -> Self {
        Self {
            group,
            checks: Vec::new(),
        }
    }

    fn say(&mut self, level: Level, name: &'static str, says: impl Into<String>) {
        self.checks.push(Check {
            group: self.group,
            name,
            level,
            says: says.into(),
            right: None,
        });
    }

    fn right(&mut self, level: Level, right: Right) {
        self.say(level, "right", right.purpose);
        if let Some(last) = self.checks.last_mut() {
            last.right = Some(right);
        }
    }

    /// Names what cannot be asked.
    fn unasked(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            self.say(Level::Unasked, name, format!("not asked: {why}"));
        }
    }
}

impl Report {
    fn new(checks: Vec<Check>) -> Self {
        let count = |level| checks.iter().filter(|check| check.level == level).count();
        let faults = count(Level::Fault);
        Self {
            fit: faults == 0,
            faults,
            warnings: count(Level::Warning),
            checks,
        }
    }

    /// The report where the settings cannot be used, and nothing else can be asked.
    #[must_use]
    pub fn of_bad_settings(error: &dyn std::error::Error) -> Self {
        let mut found = Findings::of("settings");
        found.say(Level::Fault, "usable", cause_chain(error));
        Self::new(found.checks)
    }
}

/// Looks at everything.
pub async fn examine(config: &Config) -> Report {
    let (database, openbao) = tokio::join!(
        database::examine(&config.db, config.trial),
        openbao::examine(config)
    );
    let clock = clock::examine(database.1, openbao.1);
    let mut checks = settings(config).checks;
    checks.extend(database.0.checks);
    for found in openbao.0 {
        checks.extend(found.checks);
    }
    checks.extend(clock.checks);
    Report::new(checks)
}

fn settings(config: &Config) -> Findings {
    let mut found = Findings::of("settings");
    found.say(Level::Ok, "usable", "every setting of `serve` can be used");
    if config.trial {
        found.say(
            Level::Warning,
            "trial",
            "GATEHOUSE_TRIAL=true: the service runs with any token, a root token too",
        );
    }
    if let Some(files) = config.http.tls.clone() {
        certificate(&mut found, files);
    }
    if !config.bao.server.is_private() {
        found.say(
            Level::Warning,
            "encryption",
            "GATEHOUSE_BAO_ADDR is http: tokens cross the network in the clear",
        );
    }
    found
}

/// The listener's certificate, as `serve` would read it.
fn certificate(found: &mut Findings, files: TlsFiles) {
    let (level, says) = match Served::read(files) {
        Err(unusable) => (Level::Fault, unusable.to_string()),
        Ok(served) => {
            let left = served.ends_at().duration_since(Timestamp::now());
            let says = format!("the listener's certificate ends at {}", served.ends_at());
            let level = match left.as_hours() {
                _ if left.is_negative() => Level::Fault,
                ..SOON => Level::Warning,
                _ => Level::Ok,
            };
            (level, says)
        }
    };
    found.say(level, "certificate", says);
}

/// The answer, or why there is none, in a bounded time.
async fn in_time<T, E: std::error::Error>(
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(LIMIT, asking).await {
        Ok(answer) => answer.map_err(|error| cause_chain(&error)),
        Err(_) => Err(format!("no answer within {} seconds", LIMIT.as_secs())),
    }
}
