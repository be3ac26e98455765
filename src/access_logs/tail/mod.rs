//! Follows a file that another program writes lines to, through rotations.
//!
//! Rotation is by renaming: the writer goes on in the renamed file until it opens the path again. So the old file is
//! read to its end, and left only when a later one has something in it. Which is later is told by the names that rotations
//! make, and not by times: clocks go wrong. Nothing is later than the path itself, and none is read twice: those that were
//! read, or were there before the first look, are known by their first lines, and so are copies of them. One that should
//! have been read, and was not, is said.
//!
//! The file that is read is known by its inode and by its first bytes: one that was copied and cut, or came to the inode
//! of another, does not begin as it did. That can lose lines, and is said.

mod file;
mod order;
mod rank;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::position::Position;
use file::{HEAD, Open, Sibling, key, siblings, sign};
use order::{Later, before, copy, first};
use rank::Rank;

/// Most of a file that one batch reads. A longer line is passed over.
const CHUNK: usize = 1024 * 1024;
/// Most of a line that is too long that one look reads.
const LONGEST_LOOK: u64 = 64 * 1024 * 1024;
/// Files that are remembered to have been read.
const PASSED: usize = 500;

/// A line, and the place behind it.
pub struct Line {
    /// Without its end.
    pub text: Vec<u8>,
    /// Bytes from the beginning of the file.
    pub end: u64,
}

/// Lines read, and the place behind them.
pub struct Batch {
    /// Whole lines.
    pub lines: Vec<Line>,
    /// Lines that were too long to be read, or never ended.
    pub broken: u64,
    /// Whether lines may be lost: the file was cut short, or the one last read is gone.
    pub lost: bool,
    /// The place behind the last line.
    pub end: u64,
    /// Whether there was no more to read.
    pub at_end: bool,
    file: String,
    began: Timestamp,
    head: Vec<u8>,
    passed: Vec<String>,
}

impl Batch {
    /// A place in the file the lines are of.
    #[must_use]
    pub fn position(&self, place: u64) -> Position {
        let length = usize::try_from(place).unwrap_or(HEAD).min(self.head.len());
        Position {
            file: self.file.clone(),
            head: sign(&self.head[..length]),
            place: i64::try_from(place).unwrap_or(i64::MAX),
            began: Some(self.began),
            newest: None,
            passed: Some(self.passed.clone()),
        }
    }
}

/// A file that is followed.
pub struct Tail {
    path: PathBuf,
    /// Where to begin.
    from: Position,
    open: Option<Open>,
    /// What files are known by that are not to be read any more.
    passed: Vec<String>,
    /// Files that may not be read, and were told of.
    told: BTreeSet<OsString>,
    lost: bool,
    broken: u64,
}

impl Tail {
    /// Follows `path` from a place that was reached before, or from its beginning.
    #[must_use]
    pub fn new(path: PathBuf, from: &Position) -> Self {
        Self {
            path,
            from: from.clone(),
            open: None,
            passed: from.passed.clone().unwrap_or_default(),
            told: BTreeSet::new(),
            lost: false,
            broken: 0,
        }
    }

    /// The next lines; `None` where there are none now.
    ///
    /// # Errors
    /// Where a file cannot be read, or there is none. It can be asked again.
    pub fn read_on(&mut self) -> io::Result<Option<Batch>> {
        if self.open.is_none() {
            self.begin()?;
        }
        if let Some(batch) = self.read()? {
            return Ok(Some(batch));
        }
        let Some(later) = self.later()? else {
            return self.is_in_sight().map(|()| None);
        };
        // What the writer wrote before it went on to the later file is all there now.
        if let Some(batch) = self.read()? {
            return Ok(Some(batch));
        }
        if let Some(left) = self.open.replace(later.open) {
            self.broken += u64::from(left.size()? > left.place);
            self.pass(key(&left.head));
        }
        self.pass(later.over);
        self.lost |= later.lost;
        self.read()
    }

    /// Opens the file to begin with.
    fn begin(&mut self) -> io::Result<()> {
        let from = self.from.clone();
        let place = u64::try_from(from.place).unwrap_or(0);
        let mut others = self.look()?;
        let (mut it, mut was_cut) = (None, false);
        for (number, other) in others.iter_mut().enumerate() {
            if other.id != from.file {
                continue;
            }
            let Some(open) = &mut other.open else {
                return Err(io::ErrorKind::PermissionDenied.into());
            };
            if open.fits(&from.head, place)? {
                open.go(place)?;
                it = Some(number);
            } else {
                was_cut |= other.rank == Some(Rank::Itself);
            }
        }
        if it.is_none()
            && let Some(number) = copy(&mut others, &from.head, place)?
        {
            // Moved between file systems, or copied before it was cut.
            it = Some(number);
            self.lost |= was_cut;
        }
        if from.passed.is_none() {
            // What was there before the first look is older. So it is where no version noted it.
            let ours = it.and_then(|it| others[it].rank.clone());
            self.pass(before(&others, ours.as_ref().unwrap_or(&Rank::Itself))?);
        }
        if let Some(it) = it {
            self.open = others.swap_remove(it).open;
        } else if from.file.is_empty() {
            self.open = Open::at(&self.path)?;
        } else {
            self.open = match first(others, None, None, &self.passed)? {
                Some(later) => Some(later.open),
                None => Open::at(&self.path)?,
            };
            // Where there is nothing at all, the folder may not be there yet.
            self.lost |= self.open.is_some();
        }
        Ok(())
    }

    /// What lies in the folder. Of each that may not be read it is told once.
    fn look(&mut self) -> io::Result<Vec<Sibling>> {
        let found = siblings(&self.path)?;
        for sibling in found.iter().filter(|sibling| sibling.open.is_none()) {
            if self.told.insert(sibling.name.clone()) {
                let name = sibling.name.to_string_lossy();
                tracing::warn!(file = %name, "A file beside the audit log may not be read and is passed over");
            }
        }
        Ok(found)
    }

    /// Files that are not to be read any more.
    fn pass(&mut self, keys: impl IntoIterator<Item = String>) {
        for key in keys {
            if !self.passed.contains(&key) {
                self.passed.push(key);
            }
        }
        let many = self.passed.len().saturating_sub(PASSED);
        self.passed.drain(..many);
    }

    fn read(&mut self) -> io::Result<Option<Batch>> {
        for _ in 0..3 {
            let Some(open) = &mut self.open else {
                return Ok(None);
            };
            let mut bytes = open.bytes(open.place + open.seen, CHUNK)?;
            while !bytes.contains(&b'\n') && bytes.len() == CHUNK && open.seen < LONGEST_LOOK {
                open.seen += CHUNK as u64;
                bytes = open.bytes(open.place + open.seen, CHUNK)?;
            }
            // Looked at behind the reading: what was read is of the file it was taken for.
            if open.is_whole()? {
                return self.take(&bytes);
            }
            self.cut()?;
        }
        Ok(None)
    }

    /// Makes a batch of what was read.
    fn take(&mut self, bytes: &[u8]) -> io::Result<Option<Batch>> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        let mut lines = Vec::new();
        if open.seen > 0 {
            // The end of a line that is too long.
            if let Some(end) = bytes.iter().position(|b| *b == b'\n') {
                let (start, length) = (open.bytes(open.place, HEAD)?, open.seen + end as u64 + 1);
                open.pass(&start, length);
                self.broken += 1;
            } else if open.seen >= LONGEST_LOOK {
                let (start, length) = (open.bytes(open.place, HEAD)?, open.seen);
                open.pass(&start, length);
                self.broken += 1;
            } else if !self.lost {
                return Ok(None);
            }
        } else if let Some(last) = bytes.iter().rposition(|b| *b == b'\n') {
            let mut end = open.place;
            for text in bytes[..last].split(|b| *b == b'\n') {
                end += text.len() as u64 + 1;
                if !text.is_empty() {
                    let text = text.to_vec();
                    lines.push(Line { text, end });
                }
            }
            open.pass(&bytes[..=last], last as u64 + 1);
        } else if !self.lost {
            return Ok(None);
        }
        Ok(Some(Batch {
            lines,
            broken: std::mem::take(&mut self.broken),
            lost: std::mem::take(&mut self.lost),
            end: open.place,
            at_end: bytes.len() < CHUNK,
            file: open.id.clone(),
            began: open.began()?,
            head: open.head.clone(),
            passed: self.passed.clone(),
        }))
    }

    /// The open file is not what it was. What was not read yet may be in a copy beside it.
    fn cut(&mut self) -> io::Result<()> {
        self.lost = true;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let (id, head, place) = (open.id.clone(), open.head.clone(), open.place);
        let mut others = self.look()?;
        others.retain(|other| other.id != id);
        if let Some(copy) = copy(&mut others, &sign(&head), place)? {
            self.open = others.swap_remove(copy).open;
        } else if let Some(open) = &mut self.open {
            open.go(0)?;
            self.pass(key(&head));
        }
        Ok(())
    }

    /// The file that was begun next after the open one, if it has a line in it.
    fn later(&mut self) -> io::Result<Option<Later>> {
        let Some(open) = &self.open else {
            return Ok(None);
        };
        let id = open.id.clone();
        if Open::at(&self.path)?.is_some_and(|newest| newest.id == id) {
            return Ok(None);
        }
        let mut others = self.look()?;
        let ours = others.iter().position(|other| other.id == id);
        let ours = ours.and_then(|ours| others.swap_remove(ours).rank);
        first(others, ours.as_ref(), self.open.as_ref(), &self.passed)
    }

    /// Nothing is to be read: the writer must still have a file here to write to.
    fn is_in_sight(&self) -> io::Result<()> {
        if Open::at(&self.path)?.is_some() {
            return Ok(());
        }
        let id = self.open.as_ref().map(|open| &open.id);
        if siblings(&self.path)?
            .iter()
            .any(|found| Some(&found.id) == id)
        {
            return Ok(());
        }
        Err(io::ErrorKind::NotFound.into())
    }
}
