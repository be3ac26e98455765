//! How far the clocks of this machine, PostgreSQL and OpenBao are apart.

use super::{Findings, Level};
use crate::clock::Reading;

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
        let (level, says) = if reading.is_apart() {
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

    #[test]
    fn more_than_five_seconds_is_a_fault() {
        let levels = |said| {
            let database = Reading {
                asked: 100_000,
                said,
                answered: 100_100,
                step: 1,
            };
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
