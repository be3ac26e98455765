//! Follows a file that another program writes lines to, through rotations.
//!
//! Rotation is by renaming: the writer goes on in the renamed file until it opens the path again. So the old file is
//! read to its end, and left only when a later one has something in it. A file that got shorter was copied and cut,
//! which can lose lines: that is said.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::store::Position;

/// Most of a file that one batch reads. A longer line is passed over.
const CHUNK: usize = 1024 * 1024;

/// Lines read, and the place behind them.
pub struct Batch {
    /// Whole lines.
    pub lines: Vec<Vec<u8>>,
    /// Lines that were too long to be read.
    pub over_long: usize,
    /// Whether lines may be lost: the file was cut short, or the one last read is gone.
    pub lost: bool,
    /// The place behind the last line.
    pub reached: Position,
}

/// A file that is followed.
pub struct Tail {
    path: PathBuf,
    /// Where to begin; taken when a file is opened.
    from: Option<Position>,
    open: Option<Open>,
    /// Within a line that is too long.
    passing_over: bool,
    lost: bool,
}

struct Open {
    file: File,
    id: String,
    place: u64,
}

impl Tail {
    /// Follows `path` from a place that was reached before, or from its beginning.
    pub fn new(path: PathBuf, from: Option<&Position>) -> Self {
        Self {
            path,
            from: from.cloned(),
            open: None,
            passing_over: false,
            lost: false,
        }
    }

    /// The next lines; `None` where there are none now.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Batch>> {
        if self.open.is_none() && !self.begin()? {
            return Ok(None);
        }
        if let Some(batch) = self.read()? {
            return Ok(Some(batch));
        }
        // At the end. What the writer wrote before it went on to a later file is read first.
        let Some(later) = self.later()? else {
            return Ok(None);
        };
        if let Some(batch) = self.read()? {
            return Ok(Some(batch));
        }
        self.open = Some(later);
        self.passing_over = false;
        self.read()
    }

    /// Opens the file to begin with; `false` where there is none yet.
    fn begin(&mut self) -> io::Result<bool> {
        if let Some(from) = self.from.take() {
            for path in self.siblings()? {
                if let Some(mut open) = Open::at(&path)?
                    && open.id == from.file
                {
                    open.place = u64::try_from(from.place).unwrap_or(0);
                    self.open = Some(open);
                    return Ok(true);
                }
            }
            self.lost = true;
        }
        self.open = Open::at(&self.path)?;
        Ok(self.open.is_some())
    }

    fn read(&mut self) -> io::Result<Option<Batch>> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        if open.file.metadata()?.len() < open.place {
            (open.place, self.lost, self.passing_over) = (0, true, false);
        }
        let mut chunk = vec![0; CHUNK];
        open.file.seek(SeekFrom::Start(open.place))?;
        let mut length = 0;
        while length < CHUNK {
            match open.file.read(&mut chunk[length..])? {
                0 => break,
                more => length += more,
            }
        }
        chunk.truncate(length);
        let Some(end) = chunk.iter().rposition(|b| *b == b'\n') else {
            return Ok(self.pass_over(length));
        };
        let mut lines: Vec<Vec<u8>> = chunk[..end]
            .split(|b| *b == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        if std::mem::take(&mut self.passing_over) {
            lines.remove(0);
        }
        lines.retain(|line| !line.is_empty());
        Ok(Some(self.batch(lines, end + 1, 0)))
    }

    /// A chunk without an end of line: part of a line that is still being written, or of one that is too long.
    fn pass_over(&mut self, length: usize) -> Option<Batch> {
        if length < CHUNK && !self.lost {
            return None;
        }
        if length < CHUNK {
            return Some(self.batch(Vec::new(), 0, 0));
        }
        let first = !std::mem::replace(&mut self.passing_over, true);
        Some(self.batch(Vec::new(), length, usize::from(first)))
    }

    fn batch(&mut self, lines: Vec<Vec<u8>>, length: usize, over_long: usize) -> Batch {
        let (file, place) = self.open.as_mut().map_or_else(Default::default, |open| {
            open.place += u64::try_from(length).unwrap_or(0);
            (open.id.clone(), open.place)
        });
        Batch {
            lines,
            over_long,
            lost: std::mem::take(&mut self.lost),
            reached: Position {
                file,
                place: i64::try_from(place).unwrap_or(i64::MAX),
            },
        }
    }

    /// The file that was written next after the open one, if it has something in it.
    fn later(&self) -> io::Result<Option<Open>> {
        let Some(open) = &self.open else {
            return Ok(None);
        };
        let ours = open.file.metadata()?.modified()?;
        let mut found: Option<(SystemTime, Open)> = None;
        for path in self.siblings()? {
            let Some(other) = Open::at(&path)? else {
                continue;
            };
            let about = other.file.metadata()?;
            let when = about.modified()?;
            let is_later = other.id != open.id && about.len() > 0 && when >= ours;
            if is_later && found.as_ref().is_none_or(|(first, _)| when < *first) {
                found = Some((when, other));
            }
        }
        Ok(found.map(|(_, open)| open))
    }

    /// The path, and the files beside it that have something added to its name.
    fn siblings(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().as_encoded_bytes();
        let packed = |name: &[u8]| {
            [&b".gz"[..], b".xz", b".zst"]
                .iter()
                .any(|e| name.ends_with(e))
        };
        let mut found = Vec::new();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let other = entry.file_name();
            let other = other.as_encoded_bytes();
            if other.starts_with(name) && !packed(other) && entry.file_type()?.is_file() {
                found.push(entry.path());
            }
        }
        Ok(found)
    }
}

impl Open {
    /// `None` where there is no such file.
    fn at(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let about = file.metadata()?;
        Ok(Some(Self {
            id: format!("{}:{}", about.dev(), about.ino()),
            file,
            place: 0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn add(path: &Path, text: &str) -> io::Result<()> {
        let mut file = File::options().append(true).create(true).open(path)?;
        file.write_all(text.as_bytes())
    }

    /// All lines there are now, and whether any may be lost.
    fn drain(tail: &mut Tail) -> io::Result<(Vec<String>, bool, Option<Position>)> {
        let (mut lines, mut lost, mut reached) = (Vec::new(), false, None);
        while let Some(batch) = tail.next()? {
            lines.extend(
                batch
                    .lines
                    .iter()
                    .map(|line| String::from_utf8_lossy(line).into_owned()),
            );
            lost |= batch.lost;
            reached = Some(batch.reached);
        }
        Ok((lines, lost, reached))
    }

    #[test]
    fn lines_are_read_once_through_rotations_and_restarts() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("audit.log");
        let mut tail = Tail::new(path.clone(), None);
        assert!(tail.next()?.is_none());
        add(&path, "a\nb\nhal")?;
        let (lines, _, _) = drain(&mut tail)?;
        assert_eq!(lines, ["a", "b"]);
        add(&path, "f\n")?;
        // Renamed; the writer goes on in it, though the path is there again, and empty.
        fs::rename(&path, dir.path().join("audit.log.1"))?;
        add(&path, "")?;
        add(&dir.path().join("audit.log.1"), "late\n")?;
        let (lines, lost, reached) = drain(&mut tail)?;
        assert_eq!(
            (lines, lost),
            (vec!["half".to_owned(), "late".to_owned()], false)
        );
        // While nobody read: more in the renamed file, another rotation, and the path again.
        std::thread::sleep(std::time::Duration::from_millis(20));
        add(&dir.path().join("audit.log.1"), "later\n")?;
        std::thread::sleep(std::time::Duration::from_millis(20));
        add(&path, "c\n")?;
        fs::rename(
            dir.path().join("audit.log.1"),
            dir.path().join("audit.log.2"),
        )?;
        fs::rename(&path, dir.path().join("audit.log.1"))?;
        std::thread::sleep(std::time::Duration::from_millis(20));
        add(&path, "d\n")?;
        let mut again = Tail::new(path.clone(), reached.as_ref());
        let (lines, lost, _) = drain(&mut again)?;
        assert_eq!((lines.concat(), lost), ("latercd".to_owned(), false));
        Ok(())
    }

    #[test]
    fn cut_and_lost_files_are_said_and_long_lines_passed_over() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("audit.log");
        add(&path, "a\nb\n")?;
        let mut tail = Tail::new(path.clone(), None);
        let (_, _, reached) = drain(&mut tail)?;
        File::options().write(true).open(&path)?.set_len(0)?;
        add(&path, "c\n")?;
        let (lines, lost, _) = drain(&mut tail)?;
        assert_eq!((lines.concat(), lost), ("c".to_owned(), true));
        let long = format!("{}\nafter\n", "x".repeat(CHUNK * 2 + 5));
        add(&path, &long)?;
        let (lines, lost, _) = drain(&mut tail)?;
        assert_eq!((lines.concat(), lost), ("after".to_owned(), false));
        fs::remove_file(&path)?;
        add(&path, "new\n")?;
        let gone = Position {
            file: "0:0".to_owned(),
            ..reached.unwrap_or_default()
        };
        let (lines, lost, _) = drain(&mut Tail::new(path, Some(&gone)))?;
        assert_eq!((lines.concat(), lost), ("new".to_owned(), true));
        Ok(())
    }
}
