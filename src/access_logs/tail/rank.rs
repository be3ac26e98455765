//! Which of the files beside a log a rotation made, and in which order.

use std::cmp::Reverse;

/// Digits of a number. More are a date.
const NUMBER: usize = 3;

/// Where a file stands in the order it was written in. Told by its name: clocks go wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// `-20261122`, `-20261122-103045`, `.2026-11-22T10:30:45`: later dates are later.
    Dated(Vec<u64>),
    /// `.1`: smaller numbers are later.
    Numbered(Reverse<u64>),
    /// The log itself is the last.
    Itself,
}

impl Rank {
    /// Of what a file's name has behind the log's. `None` where no rotation makes such a name.
    pub fn of(more: &[u8]) -> Option<Self> {
        let Some((first, rest)) = more.split_first() else {
            return Some(Self::Itself);
        };
        if !b".-_".contains(first) {
            return None;
        }
        let text = std::str::from_utf8(rest).ok()?.trim_end_matches('Z');
        let parts = text.split(['-', '_', '.', ':', 'T']);
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let numbers = parts.map(|part| Some(part).filter(is_number)?.parse().ok());
        let numbers = numbers.collect::<Option<Vec<u64>>>()?;
        match numbers[..] {
            [number] if text.len() <= NUMBER => Some(Self::Numbered(Reverse(number))),
            [first, ..] if first > 999 => Some(Self::Dated(numbers)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rotations_make_are_in_order_and_others_are_none() {
        let order = [
            "-20261121",
            "-20261122-103045",
            "-20261122-103046",
            ".2026112300",
            ".10",
            ".2",
            ".1",
            "",
        ];
        let ranks: Vec<_> = order.iter().map(|name| Rank::of(name.as_bytes())).collect();
        assert!(
            ranks.iter().all(Option::is_some) && ranks.is_sorted(),
            "{ranks:?}"
        );
        assert!(Rank::of(b"-2026-11-22T10:30:45Z") < Rank::of(b"-2026-11-22T10:30:46Z"));
        for name in [
            ".excerpt",
            ".bak",
            "-",
            ".",
            ".1.copy",
            ".1.2",
            "2",
            ".1~",
            ".-1",
            ".1 ",
            "-20261122.old",
            ".99999999999999999999999",
        ] {
            assert_eq!(Rank::of(name.as_bytes()), None, "{name}");
        }
    }
}
