//! How far the clocks of this machine, PostgreSQL and OpenBao are apart.

use jiff::Timestamp;

use super::{Findings, Level};

/// Milliseconds. Signatures and sessions are judged by the clock.
const LIMIT: i64 = 5_000;

/// What another clock said, between two looks at our own. Unix milliseconds.
pub(super) struct Reading {
    /// Our clock before it was asked.
    pub asked: i64,
    /// What it said.
    pub said: i64,
    /// Our clock after it answered.
    pub answered: i64,
    /// The steps it counts in.
    pub step: i64,
}

/// Our own clock, Unix milliseconds.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Reading {
    /// How far that clock is ahead of ours for certain, whenever between the two looks it was read; negative where it is
    /// behind.
    fn ahead(&self) -> i64 {
        if self.said > self.answered {
            self.said - self.answered
        } else if self.said + self.step < self.asked {
            self.said + self.step - self.asked
        } else {
            0
        }
    }
}

pub(super) fn examine(database: Option<Reading>, openbao: Option<Reading>) -> Findings {
    let mut found = Findings::of("clock");
    for (name, whose, reading) in [
        ("database", "PostgreSQL's clock", database),
        ("openbao", "OpenBao's clock", openbao),
    ] {
        let Some(reading) = reading else {
            found.unasked(&[name], "there was no answer");
            continue;
        };
        let ahead = reading.ahead();
        let (level, says) = if ahead.abs() > LIMIT {
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            let far = ahead.abs() / 1000;
            (
                Level::Fault,
                format!("{whose} is {far} seconds {side} this machine's: set them right (limit 5)"),
            )
        } else {
            (
                Level::Ok,
                format!("{whose} and this machine's are at most 5 seconds apart"),
            )
        };
        found.say(level, name, says);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(asked: i64, said: i64, answered: i64, step: i64) -> Reading {
        Reading {
            asked,
            said,
            answered,
            step,
        }
    }

    #[test]
    fn only_what_is_certain_counts() {
        assert_eq!(reading(10_000, 10_500, 11_000, 1).ahead(), 0);
        assert_eq!(reading(10_900, 10_000, 11_000, 1000).ahead(), 0);
        assert_eq!(reading(10_000, 17_000, 11_000, 1).ahead(), 6_000);
        assert_eq!(reading(10_000, 3_000, 11_000, 1000).ahead(), -6_000);
    }

    #[test]
    fn more_than_five_seconds_is_a_fault() {
        let levels = |said| {
            let database = reading(100_000, said, 100_100, 1);
            examine(Some(database), None)
                .checks
                .iter()
                .map(|check| check.level)
                .collect::<Vec<_>>()
        };
        assert_eq!(levels(105_000), [Level::Ok, Level::Unasked]);
        assert_eq!(levels(105_200), [Level::Fault, Level::Unasked]);
        assert_eq!(levels(94_000), [Level::Fault, Level::Unasked]);
    }
}
