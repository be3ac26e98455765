//! Which of the files of a log is to be read, and where to begin in it.

use std::io;

use super::file::{Open, Sibling, key, sign};
use super::rank::Rank;

/// A file to go on with.
pub(super) struct Later {
    /// Its place is set.
    pub open: Open,
    /// What files before it are known by that were never read.
    pub over: Vec<String>,
    /// Whether lines may be lost on the way to it.
    pub lost: bool,
}

/// The first of these that is to be read and was not: behind ours, where that has a place in their order.
pub(super) fn first(
    others: Vec<Sibling>,
    ours: Option<&Rank>,
    left: Option<&Open>,
    passed: &[String],
) -> io::Result<Option<Later>> {
    let own = left.and_then(|open| key(&open.head));
    let (mut over, mut closed) = (Vec::new(), Vec::new());
    let mut found: Option<(Rank, Open, bool)> = None;
    for other in others {
        let key = other.key()?;
        let Some(rank) = other.rank else { continue };
        let is_before = ours.is_some_and(|ours| rank < *ours);
        let Some(open) = other.open else {
            closed.extend(Some(rank).filter(|_| ours.is_some() && !is_before));
            continue;
        };
        let Some(key) = key else { continue };
        let is_known = own.as_ref() == Some(&key) || passed.contains(&key);
        if is_known && rank != Rank::Itself {
            continue;
        }
        // Some rotations number upwards: what began later is not older.
        let is_later = match left {
            Some(left) => open.began()? > left.began()?,
            None => false,
        };
        if is_before && !is_later {
            over.push(key);
        } else if found.as_ref().is_none_or(|(than, ..)| rank < *than) {
            found = Some((rank, open, is_known));
        }
    }
    let Some((rank, mut open, is_known)) = found else {
        return Ok(None);
    };
    let mut lost = !over.is_empty() || closed.iter().any(|closed| *closed < rank);
    if is_known {
        lost |= put_back(&mut open, left)?;
    }
    Ok(Some(Later { open, over, lost }))
}

/// One that was read before is the log again: goes to where it was left, as far as that is known. Gives whether lines
/// may be lost.
fn put_back(open: &mut Open, left: Option<&Open>) -> io::Result<bool> {
    if let Some(left) = left
        && left.place > 0
        && open.fits(&sign(&left.head), left.place)?
    {
        open.go(left.place)?;
        return Ok(false);
    }
    open.go(open.size()?)?;
    Ok(true)
}

/// The one among `files` that begins as `head` says, with its place set there.
pub(super) fn copy(files: &mut [Sibling], head: &str, place: u64) -> io::Result<Option<usize>> {
    if head.is_empty() {
        return Ok(None);
    }
    for (number, file) in files.iter_mut().enumerate() {
        if let Some(open) = &mut file.open
            && open.fits(head, place)?
        {
            open.go(place)?;
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// What those are known by that a rotation made before `rank`, the oldest first.
pub(super) fn before(files: &[Sibling], rank: &Rank) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files {
        if let (Some(other), Some(key)) = (&file.rank, file.key()?)
            && other < rank
        {
            found.push((other, key));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, key)| key).collect())
}
