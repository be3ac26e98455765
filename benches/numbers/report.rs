//! What was found, as a table.

use std::fmt::Write;

use crate::load::median;

/// What a ratio must be.
#[derive(Clone, Copy)]
pub enum Bar {
    /// At least.
    Least(f64),
    /// At most.
    Most(f64),
}

impl Bar {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::Least(bar) => ratio >= bar,
            Self::Most(bar) => ratio <= bar,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Least(bar) => format!("≥ {bar}"),
            Self::Most(bar) => format!("≤ {bar}"),
        }
    }
}

/// Rows, in the order they were run.
pub struct Report(String);

impl Report {
    /// Without a row yet.
    pub fn new() -> Self {
        Self(
            "| work | measured | against | ratio (least to most) | bar | holds |\n\
             | --- | --- | --- | --- | --- | --- |\n"
                .to_owned(),
        )
    }

    /// What was measured in each round, and what it is held against in the same round; both in the unit.
    pub fn row(&mut self, work: &str, unit: &str, ours: &[f64], theirs: &[f64], bar: Bar) {
        let mut ratios: Vec<f64> = ours
            .iter()
            .zip(theirs)
            .map(|(our, their)| our / their)
            .collect();
        let ratio = median(&mut ratios);
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        let middle = |values: &[f64]| median(&mut values.to_vec());
        let holds = if bar.holds(ratio) { "yes" } else { "**no**" };
        writeln!(
            self.0,
            "| {work} | {} {unit} | {} {unit} | {ratio:.3} ({least:.2} to {most:.2}) | {} | {holds} |",
            short(middle(ours)),
            short(middle(theirs)),
            bar.text(),
        )
        .unwrap();
        self.say();
    }

    /// What was measured, held against a bar of its own.
    pub fn value(&mut self, work: &str, unit: &str, values: &[f64], bar: Bar) {
        let mut values = values.to_vec();
        let value = median(&mut values);
        let (least, most) = (values[0], values[values.len() - 1]);
        let holds = if bar.holds(value) { "yes" } else { "**no**" };
        writeln!(
            self.0,
            "| {work} | {value:.2} {unit} ({least:.2} to {most:.2}) | | | {} {unit} | {holds} |",
            bar.text(),
        )
        .unwrap();
        self.say();
    }

    fn say(&self) {
        println!("{}", self.0.lines().last().unwrap_or_default());
    }

    /// All of it.
    pub fn table(&self) -> &str {
        &self.0
    }
}

/// With as many digits as mean something.
fn short(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

/// What it was measured on.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let memory = memory.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let gib = memory.unwrap_or(0) / (1 << 20);
    format!("{model}, {cores} cores, {gib} GiB; everything runs on it, the callers too")
}
