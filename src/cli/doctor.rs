//! `gatehouse doctor`.

use std::process::ExitCode;

use super::out;
use crate::config::{Config, Env};
use crate::doctor::{self, Check, Level, Report};

/// Looks at everything and prints it. The exit status is 0 where the service can run, 1 where it cannot, and 2 where
/// the settings cannot be used.
pub async fn run() -> ExitCode {
    let (report, unfit) = match Config::from_env(&Env::process()) {
        Ok(config) => (doctor::examine(&config).await, 1),
        Err(error) => (Report::of_bad_settings(&error), 2),
    };
    let said = if out::is_json() {
        json(&report)
    } else {
        text(&report)
    };
    match said {
        Err(error) => out::failed(&error),
        Ok(()) if report.fit => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(unfit),
    }
}

fn json(report: &Report) -> anyhow::Result<()> {
    out::json(&serde_json::to_value(report)?)
}

fn text(report: &Report) -> anyhow::Result<()> {
    let mut group = "";
    for check in &report.checks {
        if check.group != group {
            group = check.group;
            out::line(group)?;
        }
        out::line(&line(check))?;
    }
    let (faults, warnings) = (report.faults, report.warnings);
    out::line(&if report.fit {
        format!("Fit, {warnings} warnings.")
    } else {
        format!("Not fit: {faults} faults, {warnings} warnings.")
    })
}

fn line(check: &Check) -> String {
    let level = match check.level {
        Level::Ok => "ok",
        Level::Note => "note",
        Level::Warning => "WARNING",
        Level::Fault => "FAULT",
        Level::Unasked => "-",
    };
    let says = match &check.right {
        None => check.says.clone(),
        Some(right) if check.level == Level::Ok => format!(
            "{}: {} at {} by {}: {}",
            check.says, right.wanted, right.path, right.policy, right.line
        ),
        Some(right) => format!(
            "{}: {} at {} is missing, there is {}: {} grants it: {}",
            check.says,
            right.wanted,
            right.path,
            right.held.join(", "),
            right.policy,
            right.line
        ),
    };
    format!("  {level:<8}{:<19}{says}", check.name)
}
