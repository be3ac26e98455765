//! When a message is sent again.

use jiff::{SignedDuration, Timestamp};

/// Seconds between one try and the next, before up to a tenth more by chance: about three days in all.
pub const PAUSES: [i64; 16] = [
    5, 30, 120, 600, 3600, 21600, 21600, 21600, 21600, 21600, 21600, 21600, 21600, 21600, 21600,
    21600,
];
/// Receivers that ask for more get this.
const MOST_ASKED: SignedDuration = SignedDuration::from_hours(24);

/// When a message is tried again that was sent `attempts` times, and whose receiver asks to be left alone for a while;
/// `None` where that is enough.
#[must_use]
pub fn next(attempts: i32, asked: Option<SignedDuration>, now: Timestamp) -> Option<Timestamp> {
    let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let seconds = *PAUSES.get(place)?;
    let more = rand::random_range(0..=seconds * 100);
    let own = SignedDuration::from_millis(seconds * 1000 + more);
    let pause = asked.map_or(own, |asked| asked.max(own));
    Some(now.checked_add(pause).unwrap_or(Timestamp::MAX))
}

/// How long a receiver asks to be left alone: `Retry-After` in seconds or as a date, and no more than a day. `None` for
/// what is neither.
#[must_use]
pub fn asked(retry_after: &str, now: Timestamp) -> Option<SignedDuration> {
    let is_number = !retry_after.is_empty() && retry_after.bytes().all(|b| b.is_ascii_digit());
    let asked = if is_number {
        // What no number can hold is more than a day, too.
        SignedDuration::from_secs(retry_after.parse().unwrap_or(i64::MAX))
    } else {
        let date = httpdate::parse_http_date(retry_after).ok()?;
        now.duration_until(Timestamp::try_from(date).ok()?)
    };
    Some(asked.clamp(SignedDuration::ZERO, MOST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn pauses_grow_for_three_days_and_then_end() {
        let now = Timestamp::UNIX_EPOCH;
        let pause = |attempts| next(attempts, None, now).map(Timestamp::as_second);
        for (attempts, seconds) in (1..).zip(PAUSES) {
            let next = pause(attempts).unwrap_or_default();
            assert!((seconds..=seconds + seconds / 10).contains(&next), "{next}");
        }
        assert_eq!((pause(0), pause(17), pause(i32::MAX)), (None, None, None));
        let days = PAUSES.iter().sum::<i64>() / DAY;
        assert!((2..=3).contains(&days), "{days}");
    }

    #[test]
    fn receivers_are_left_alone_as_long_as_they_ask_but_no_longer_than_a_day() {
        let now = Timestamp::from_second(784_111_777).unwrap_or_default();
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("86400", Some(DAY)),
            ("86401", Some(DAY)),
            ("315360000", Some(DAY)),
            ("99999999999999999999999999", Some(DAY)),
            // `now`, in the three forms that HTTP knows.
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(0)),
            ("Sun Nov  6 08:49:37 1994", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Thu, 06 Nov 2004 08:49:37 GMT", None),
            ("Sat, 06 Nov 2004 08:49:37 GMT", Some(DAY)),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("+60", None),
            ("60.5", None),
            ("1e3", None),
            ("soon", None),
            ("60, 60", None),
        ] {
            let right = seconds.map(SignedDuration::from_secs);
            assert_eq!(asked(text, now), right, "{text}");
        }
        let after = |attempts, asked| {
            let next = next(attempts, Some(SignedDuration::from_secs(asked)), now);
            next.map(|next| now.duration_until(next).as_secs())
        };
        assert_eq!(after(1, DAY), Some(DAY));
        assert_eq!(after(1, 7), Some(7));
        // Our own pause, where it is longer.
        assert!(after(6, 7).is_some_and(|pause| pause >= 21600));
        assert_eq!(after(17, 7), None);
    }
}
