//! Follows a file that another program writes lines to, through rotations.
//!
//! Rotation is by renaming: the writer goes on in the renamed file until it opens the path again. So the old file is
//! read to its end, and left only when a later one has something in it. Which is later is told by the times of their
//! first lines; nothing is later than the path itself. A file is known by its inode and by its first bytes: one that
//! was copied and cut, or came to the inode of another, does not begin as it did. That can lose lines, and is said.

mod file;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::position::Position;
use file::{HEAD, Open, files, sign};

/// Most of a file that one batch reads. A longer line is passed over.
const CHUNK: usize = 1024 * 1024;
/// Most of a line that is too long that one look reads.
const LONGEST_LOOK: u64 = 64 * 1024 * 1024;

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
}

impl Batch {
    /// A place in the file the lines are of.
    pub fn position(&self, place: u64) -> Position {
        let length = usize::try_from(place).unwrap_or(HEAD).min(self.head.len());
        Position {
            file: self.file.clone(),
            head: sign(&self.head[..length]),
            place: i64::try_from(place).unwrap_or(i64::MAX),
            began: Some(self.began),
            newest: None,
        }
    }
}

/// A file that is followed.
pub struct Tail {
    path: PathBuf,
    /// Where to begin.
    from: Position,
    open: Option<Open>,
    lost: bool,
    broken: u64,
}

impl Tail {
    /// Follows `path` from a place that was reached before, or from its beginning.
    pub fn new(path: PathBuf, from: &Position) -> Self {
        Self {
            path,
            from: from.clone(),
            open: None,
            lost: false,
            broken: 0,
        }
    }

    /// The next lines; `None` where there are none now.
    ///
    /// # Errors
    /// Where a file cannot be read, or there is none. It can be asked again.
    pub fn next(&mut self) -> io::Result<Option<Batch>> {
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
        if let Some(left) = self.open.replace(later) {
            self.broken += u64::from(left.size()? > left.place);
        }
        self.read()
    }

    /// Opens the file to begin with.
    fn begin(&mut self) -> io::Result<()> {
        let (from, mut others) = (&self.from, Vec::new());
        let place = u64::try_from(from.place).unwrap_or(0);
        let mut was_cut = false;
        for path in files(&self.path)? {
            let Some(mut open) = Open::at(&path)? else {
                continue;
            };
            let is_it = open.id == from.file;
            if is_it && open.fits(&from.head, place)? {
                open.go(place)?;
                self.open = Some(open);
                return Ok(());
            }
            was_cut |= is_it && path == self.path;
            others.push(open);
        }
        if from.file.is_empty() {
            self.open = Open::at(&self.path)?;
            return Ok(());
        }
        if let Some(copy) = copy(others.iter_mut(), &from.head, place)? {
            // Moved between file systems, or copied before it was cut.
            self.open = others.into_iter().nth(copy);
            self.lost |= was_cut;
            return Ok(());
        }
        let after = from.began;
        let mut first: Option<(Timestamp, Open)> = None;
        for open in others {
            let began = open.began()?;
            let is_later = after.is_some_and(|after| began > after) && open.size()? > 0;
            if is_later && first.as_ref().is_none_or(|(than, _)| began < *than) {
                first = Some((began, open));
            }
        }
        let open = first.map(|(_, open)| open);
        self.open = match open {
            None => Open::at(&self.path)?,
            open => open,
        };
        // Where there is nothing at all, the folder may not be there yet.
        self.lost |= self.open.is_some();
        Ok(())
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
        }))
    }

    /// The open file is not what it was. What was not read yet may be in a copy beside it.
    fn cut(&mut self) -> io::Result<()> {
        self.lost = true;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let mut others = Vec::new();
        for path in files(&self.path)? {
            others.extend(Open::at(&path)?.filter(|other| other.id != open.id));
        }
        match copy(others.iter_mut(), &sign(&open.head), open.place)? {
            Some(copy) => self.open = others.into_iter().nth(copy),
            None => open.go(0)?,
        }
        Ok(())
    }

    /// The file that was begun next after the open one, if it has something in it.
    fn later(&self) -> io::Result<Option<Open>> {
        let Some(open) = &self.open else {
            return Ok(None);
        };
        let newest = Open::at(&self.path)?;
        if newest.as_ref().is_some_and(|newest| newest.id == open.id) {
            return Ok(None);
        }
        let newest = match newest {
            Some(newest) if newest.size()? > 0 => Some((newest.began()?, newest)),
            _ => None,
        };
        let (ours, mut found) = (open.began()?, newest);
        for path in files(&self.path)? {
            let Some(other) = Open::at(&path)? else {
                continue;
            };
            let began = other.began()?;
            let is_between = began > ours && found.as_ref().is_none_or(|(than, _)| began < *than);
            if is_between && other.id != open.id && other.size()? > 0 {
                found = Some((began, other));
            }
        }
        Ok(found.map(|(_, open)| open))
    }

    /// Nothing is to be read: the writer must still have a file here to write to.
    fn is_in_sight(&self) -> io::Result<()> {
        if Open::at(&self.path)?.is_some() {
            return Ok(());
        }
        for path in files(&self.path)? {
            let found = Open::at(&path)?;
            if found.is_some_and(|found| self.open.as_ref().is_some_and(|o| o.id == found.id)) {
                return Ok(());
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The one among `files` that begins as `head` says, with its place set there.
fn copy<'a>(
    files: impl Iterator<Item = &'a mut Open>,
    head: &str,
    place: u64,
) -> io::Result<Option<usize>> {
    if head.is_empty() {
        return Ok(None);
    }
    for (number, open) in files.enumerate() {
        if open.fits(head, place)? {
            open.go(place)?;
            return Ok(Some(number));
        }
    }
    Ok(None)
}
