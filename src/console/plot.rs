//! Small plots as inline SVG. Each stands beside a table that says the same.

use jiff::Timestamp;

use crate::vault::Renewal;

/// Width and height of what is drawn in, in units of the picture.
pub const WIDTH: f64 = 600.0;
/// See [`WIDTH`].
pub const HEIGHT: f64 = 120.0;

/// One bar: two numbers on top of each other.
pub struct Bar {
    /// Where it stands.
    pub x: f64,
    /// How wide it is.
    pub width: f64,
    /// The lower part: where it begins, and how high it is.
    pub lower: (f64, f64),
    /// The upper part.
    pub upper: (f64, f64),
}

/// Bars of pairs of numbers, as high as the picture where a pair is the largest.
#[must_use]
pub fn bars(pairs: &[(i64, i64)]) -> Vec<Bar> {
    let most = pairs.iter().map(|(one, other)| one + other).max();
    let most = as_f64(most.unwrap_or(0).max(1));
    let step = WIDTH / as_f64(i64::try_from(pairs.len().max(1)).unwrap_or(1));
    let bar = |(place, (one, other)): (usize, &(i64, i64))| {
        let lower = rounded(as_f64(*one) / most * HEIGHT);
        let upper = rounded(as_f64(*other) / most * HEIGHT);
        let place = as_f64(i64::try_from(place).unwrap_or(0));
        Bar {
            x: rounded(place * step + step * 0.1),
            width: rounded(step * 0.8),
            lower: (rounded(HEIGHT - lower), lower),
            upper: (rounded(HEIGHT - lower - upper), upper),
        }
    };
    pairs.iter().enumerate().map(bar).collect()
}

/// The life of a token over time, as the points of a line: it falls, and each renewal lifts it. `None` where there is nothing
/// to draw.
#[must_use]
pub fn life(renewals: &[Renewal], now: Timestamp) -> Option<String> {
    let known = renewals
        .iter()
        .filter_map(|one| Some((one.at, as_seconds(one.life?))));
    let known: Vec<(Timestamp, f64)> = known.collect();
    let (first, _) = known.first().copied()?;
    let most = known.iter().map(|(_, life)| *life).fold(1.0, f64::max);
    let span = now.duration_since(first).as_secs_f64().max(1.0);
    let point = |at: Timestamp, life: f64| {
        let x = at.duration_since(first).as_secs_f64() / span * WIDTH;
        let y = HEIGHT - life.max(0.0) / most * HEIGHT;
        format!("{},{}", rounded(x.clamp(0.0, WIDTH)), rounded(y))
    };
    let mut points = Vec::new();
    let mut last: Option<(Timestamp, f64)> = None;
    for (at, life) in known {
        if let Some((before, left)) = last {
            points.push(point(at, left - at.duration_since(before).as_secs_f64()));
        }
        points.push(point(at, life));
        last = Some((at, life));
    }
    let (at, left) = last?;
    points.push(point(now, left - now.duration_since(at).as_secs_f64()));
    Some(points.join(" "))
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn as_f64(number: i64) -> f64 {
    f64::from(i32::try_from(number).unwrap_or(i32::MAX))
}

fn as_seconds(seconds: u64) -> f64 {
    f64::from(u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_pair_fills_the_picture() {
        let drawn = bars(&[(1, 1), (3, 1), (0, 0)]);
        let shape: Vec<_> = drawn.iter().map(|bar| (bar.lower, bar.upper)).collect();
        assert_eq!(
            shape,
            [
                ((90.0, 30.0), (60.0, 30.0)),
                ((30.0, 90.0), (0.0, 30.0)),
                ((120.0, 0.0), (120.0, 0.0)),
            ]
        );
        assert!(bars(&[]).is_empty());
    }

    #[test]
    fn a_life_falls_and_each_renewal_lifts_it() {
        let at = |second| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second);
        let one = |second, life| Renewal {
            at: at(second),
            life: Some(life),
        };
        let line = life(&[one(0, 100), one(50, 100)], at(100));
        assert_eq!(line.as_deref(), Some("0,0 300,60 300,0 600,60"));
        assert_eq!(life(&[], at(1)), None);
    }
}
