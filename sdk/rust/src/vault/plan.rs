//! When a token is renewed next.

use std::time::Duration;

const LONGEST_BACKOFF: Duration = Duration::from_mins(1);
const SHORTEST: Duration = Duration::from_secs(1);
const SHORTEST_WAIT: Duration = Duration::from_millis(200);

/// The wait before the next renewal: two thirds of what is left, less up to a tenth of that at random. `random` is 0
/// to 1.
pub(super) fn wait(remaining: Duration, random: f64) -> Duration {
    remaining
        .mul_f64(2.0 / 3.0 * (1.0 - random.clamp(0.0, 1.0) / 10.0))
        .max(SHORTEST_WAIT)
}

/// The wait after renewals that failed: 1 second, doubled each time, half of it at random.
pub(super) fn wait_after_failures(failures: u32, random: f64) -> Duration {
    SHORTEST
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
        .min(LONGEST_BACKOFF)
        .mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// Whether a renewal gave more life than there was. Near a token's last day it does not.
pub(super) fn extends(before: Duration, after: Duration) -> bool {
    after > before + SHORTEST.max(before.mul_f64(0.02))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{extends, wait, wait_after_failures};

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn renewal_comes_at_two_thirds_at_the_latest() {
        assert_eq!(wait(HOUR, 0.0), Duration::from_mins(40));
        assert_eq!(wait(HOUR, 1.0), Duration::from_mins(36));
        assert_eq!(wait(Duration::ZERO, 0.5), Duration::from_millis(200));
    }

    #[test]
    fn failures_slow_down_to_a_minute() {
        assert_eq!(wait_after_failures(1, 1.0), Duration::from_secs(1));
        assert_eq!(wait_after_failures(3, 1.0), Duration::from_secs(4));
        assert_eq!(wait_after_failures(u32::MAX, 1.0), Duration::from_mins(1));
        assert!(wait_after_failures(u32::MAX, 0.0) >= Duration::from_secs(30));
    }

    #[test]
    fn a_capped_renewal_extends_nothing() {
        assert!(extends(HOUR / 3, HOUR));
        assert!(extends(HOUR / 3, HOUR / 2));
        assert!(!extends(HOUR / 3, HOUR / 3));
        assert!(!extends(HOUR / 3, HOUR / 3 + Duration::from_secs(1)));
        assert!(!extends(HOUR / 3, Duration::ZERO));
    }
}
