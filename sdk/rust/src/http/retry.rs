//! What is worth another attempt, and after which pause.

use std::io::ErrorKind;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::error::Error;

const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Whether the trouble may pass by itself: no answer, too many requests, not available.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Transport { .. } | Error::Timeout { .. } => true,
        Error::Refused(refusal) => matches!(refusal.status, 429 | 503),
        _ => false,
    }
}

/// The pause after a number of failed attempts, 1 at least. `random` is 0 to 1.
///
/// Doubled each time, and half of it at random, so that many clients do not come back at once. Never less than what
/// the server asked for.
pub(super) fn pause(
    first: Duration,
    failed: u32,
    asked: Option<Duration>,
    random: f64,
) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(failed.saturating_sub(1)));
    let backoff = doubled
        .min(LONGEST_PAUSE)
        .mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
    match asked {
        Some(asked) => asked.saturating_add(backoff.min(Duration::from_secs(1))),
        None => backoff,
    }
}

/// `Retry-After`: seconds, or a date.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// What a failure of the HTTP layer means. Its own words are about addresses and protocols, and hold no secret.
pub(super) fn failure(error: &ureq::Error, host: &str) -> Error {
    let host = host.to_owned();
    match error {
        ureq::Error::Timeout(_) => Error::Timeout { host },
        ureq::Error::Io(io) if io.kind() == ErrorKind::TimedOut => Error::Timeout { host },
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::Pem(_) => Error::Tls {
            host,
            reason: error.to_string(),
        },
        // What rustls says through a stream.
        ureq::Error::Io(io) if io.kind() == ErrorKind::InvalidData => Error::Tls {
            host,
            reason: io.to_string(),
        },
        ureq::Error::LargeResponseHeader(..) => Error::Malformed("its head is too long".to_owned()),
        _ => Error::Transport {
            host,
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{pause, retry_after};

    const FIRST: Duration = Duration::from_millis(200);

    #[test]
    fn pauses_double_up_to_a_limit() {
        assert_eq!(pause(FIRST, 1, None, 1.0), Duration::from_millis(200));
        assert_eq!(pause(FIRST, 2, None, 1.0), Duration::from_millis(400));
        assert_eq!(pause(FIRST, 3, None, 0.0), Duration::from_millis(400));
        assert_eq!(pause(FIRST, 60, None, 1.0), Duration::from_secs(8));
        assert_eq!(pause(FIRST, u32::MAX, None, 1.0), Duration::from_secs(8));
    }

    #[test]
    fn pause_is_never_shorter_than_the_server_asks() {
        let asked = Some(Duration::from_secs(30));
        for random in [0.0, 0.5, 1.0, 7.0] {
            let pause = pause(FIRST, 1, asked, random);
            assert!(pause >= Duration::from_secs(30) && pause <= Duration::from_secs(31));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now),
            Some(Duration::from_secs(37))
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:48:37 GMT", now),
            Some(Duration::ZERO)
        );
        for text in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(text, now), None, "{text}");
        }
    }
}
