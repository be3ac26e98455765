//! What was found, in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::faults::Fault;
use crate::load::{LIMIT, Outcome, Record};
use crate::oracle::Found;

/// Good again within so long.
const RECOVERY: Duration = Duration::from_secs(20);

/// When it began, when what was broken was mended, and when the load ended.
#[derive(Clone, Copy)]
pub struct Times {
    pub hurt: Instant,
    pub mended: Instant,
}

/// All of it.
#[derive(Default)]
pub struct Report {
    rows: String,
    sections: String,
    pub differences: usize,
}

impl Report {
    /// Adds what one fault showed.
    pub fn add(&mut self, fault: &Fault, records: &[Record], times: Times, mut found: Found) {
        let mut differences = told(fault, records);
        let longest = records.iter().map(|one| one.took).max().unwrap_or_default();
        let after = records.iter().filter(|one| one.began >= times.mended);
        let first_good = first_good(records, times.mended);
        let last_bad = after
            .clone()
            .filter(|one| !one.is_good())
            .map(|one| one.began)
            .max();
        let last_bad = last_bad.map(|at| at.duration_since(times.mended));
        if first_good.is_none_or(|time| time > RECOVERY) {
            differences.push(format!("not every kind was served within {RECOVERY:?}"));
        }
        let differs = !found.differences.is_empty();
        differences.append(&mut found.differences);
        let good = records.iter().filter(|one| one.is_good()).count();
        let recovery = first_good.map_or("never".to_owned(), seconds);
        writeln!(
            self.rows,
            "| {} | {} | {} | {good} | {} | {} | {recovery} | {} |",
            fault.name,
            fault.id,
            records.len(),
            records.len() - good,
            seconds(longest),
            differences.len(),
        )
        .unwrap();
        self.section(fault, records, times, &found);
        writeln!(
            self.sections,
            "Longest answer {}; every kind served again {recovery} after the repair, last refusal {} after it. \
             {} {} after the load.\n",
            seconds(longest),
            last_bad.map_or("none".to_owned(), seconds),
            if differs { "OpenBao, PostgreSQL and the callers still differed" } else { "OpenBao, PostgreSQL and the callers agreed" },
            seconds(found.took),
        )
        .unwrap();
        for difference in differences.iter().take(20) {
            writeln!(self.sections, "- **difference**: {difference}").unwrap();
        }
        if differences.len() > 20 {
            writeln!(self.sections, "- and {} more", differences.len() - 20).unwrap();
        }
        self.differences += differences.len();
    }

    fn section(&mut self, fault: &Fault, records: &[Record], times: Times, found: &Found) {
        let Found {
            living,
            recorded,
            rows,
            sites,
            ..
        } = found;
        let id = if fault.id.is_empty() {
            String::new()
        } else {
            format!(" ({})", fault.id)
        };
        writeln!(
            self.sections,
            "\n## {}{id}\n\n{}\n\n| kind | sent | answered before | meanwhile | after |\n| --- | --- | --- | --- | --- |",
            fault.name, fault.what
        )
        .unwrap();
        let mut kinds: BTreeMap<&str, [BTreeMap<String, usize>; 3]> = BTreeMap::new();
        for one in records {
            let phase =
                usize::from(one.began >= times.hurt) + usize::from(one.began >= times.mended);
            let phases = kinds.entry(one.kind).or_default();
            *phases[phase].entry(name(&one.outcome)).or_default() += 1;
        }
        for (kind, phases) in kinds {
            let sent: usize = phases.iter().flat_map(BTreeMap::values).sum();
            let [before, meanwhile, after] = phases.map(|phase| {
                let counts = phase
                    .into_iter()
                    .map(|(name, count)| format!("{count} × {name}"));
                counts.collect::<Vec<_>>().join(", ")
            });
            writeln!(
                self.sections,
                "| {kind} | {sent} | {before} | {meanwhile} | {after} |"
            )
            .unwrap();
        }
        writeln!(
            self.sections,
            "\nOpenBao: {living} living tokens of our roles. Ledger: {recorded} living, {rows} rows. PostgreSQL: {sites} \
             registered sites.\n"
        )
        .unwrap();
    }

    /// All rows.
    pub fn table(&self) -> String {
        let rows = &self.rows;
        format!(
            "# The drill\n\n| fault | matrix | sent | good | refused or cut | longest answer | good again | differences |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n{rows}"
        )
    }

    /// The whole text.
    pub fn text(&self) -> String {
        format!("{}{}", self.table(), self.sections)
    }

    /// The section that was added last.
    pub fn last(&self) -> &str {
        let start = self.sections.rfind("\n## ").unwrap_or_default();
        &self.sections[start..]
    }
}

/// What is wrong with the answers by themselves.
fn told(fault: &Fault, records: &[Record]) -> Vec<String> {
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    for one in records {
        if let Some(said) = &one.wrong {
            *wrong.entry(said.clone()).or_default() += 1;
        }
        if one.took > LIMIT || one.outcome == Outcome::Late {
            *wrong
                .entry(format!("{}: no answer within {LIMIT:?}", one.kind))
                .or_default() += 1;
        }
        if one.outcome == Outcome::Closed && !fault.breaks_connections {
            *wrong
                .entry(format!("{}: the connection was closed", one.kind))
                .or_default() += 1;
        }
    }
    let wrong = wrong.into_iter();
    wrong
        .map(|(said, count)| format!("{said} ({count} times)"))
        .collect()
}

/// When the last of the kinds had its first good answer.
pub fn first_good(records: &[Record], from: Instant) -> Option<Duration> {
    let mut kinds: BTreeMap<&str, Option<Instant>> = BTreeMap::new();
    for one in records {
        let first = kinds.entry(one.kind).or_default();
        if one.began >= from && one.is_good() {
            let at = one.began + one.took;
            *first = Some(first.map_or(at, |first| first.min(at)));
        }
    }
    let mut last = Duration::ZERO;
    for first in kinds.into_values() {
        last = last.max(first?.duration_since(from));
    }
    Some(last)
}

fn name(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(status, code) if code.is_empty() => status.to_string(),
        Outcome::Answered(status, code) => format!("{status} {code}"),
        Outcome::Closed => "closed".to_owned(),
        Outcome::Late => "nothing".to_owned(),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
