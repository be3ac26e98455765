//! The time of day, which tests can move.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The service's idea of now. Intervals are measured with monotonic time instead.
#[derive(Debug, Default)]
pub struct Clock {
    offset_seconds: AtomicI64,
}

impl Clock {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.offset_seconds.load(Ordering::Relaxed));
        Timestamp::now()
            .checked_add(offset)
            .unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock: what a test does to let days pass.
    pub fn advance(&self, seconds: i64) {
        self.offset_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// Milliseconds by which clocks may be apart: signatures and sessions are judged by them.
const LIMIT: i64 = 5_000;

/// What another clock said, between two looks at our own. Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Our clock before it was asked.
    pub asked: i64,
    /// What it said.
    pub said: i64,
    /// Our clock after it answered.
    pub answered: i64,
    /// The steps it counts in.
    pub step: i64,
}

impl Reading {
    /// How far that clock is ahead of ours for certain, whenever between the two looks it was read; negative where it is
    /// behind.
    #[must_use]
    pub fn ahead(&self) -> i64 {
        if self.said > self.answered {
            self.said - self.answered
        } else if self.said + self.step < self.asked {
            self.said + self.step - self.asked
        } else {
            0
        }
    }

    /// Whether it is too far from ours for certain.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.ahead().abs() > LIMIT
    }
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
}
