//! One file of an audit log: what tells it from another, and when it began.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::rank::Rank;

/// So many of the first bytes tell a file from any other: its first line has a time and an id of its own.
pub(super) const HEAD: usize = 4096;

/// A file that is read.
pub(super) struct Open {
    file: File,
    /// Device and inode.
    pub id: String,
    /// Behind the last line that was read.
    pub place: u64,
    /// Bytes behind the place that hold no end of a line.
    pub seen: u64,
    /// The first bytes before the place.
    pub head: Vec<u8>,
}

impl Open {
    /// `None` where there is no such file.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let about = file.metadata()?;
        Ok(Some(Self {
            id: id(&about),
            file,
            place: 0,
            seen: 0,
            head: Vec::new(),
        }))
    }

    /// Its length.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// At most so many bytes from a place.
    pub fn bytes(&self, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let mut length = 0;
        while length < most {
            let at = from + u64::try_from(length).unwrap_or(0);
            match self.file.read_at(&mut bytes[length..], at)? {
                0 => break,
                more => length += more,
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Whether it begins as `head` says, and is long enough for the place: else it is another file, or was cut.
    pub fn fits(&self, head: &str, place: u64) -> io::Result<bool> {
        if self.size()? < place {
            return Ok(false);
        }
        let Some((length, _)) = head.split_once(':') else {
            // Noted by a version that did not look.
            return Ok(true);
        };
        let length = length.parse().unwrap_or(HEAD).min(HEAD);
        Ok(sign(&self.bytes(0, length)?) == head)
    }

    /// Goes to a place.
    pub fn go(&mut self, place: u64) -> io::Result<()> {
        let length = usize::try_from(place).unwrap_or(HEAD).min(HEAD);
        self.head = self.bytes(0, length)?;
        (self.place, self.seen) = (place, 0);
        Ok(())
    }

    /// Whether what was read is still there. Where it is, nothing was cut before.
    pub fn is_whole(&self) -> io::Result<bool> {
        Ok(self.size()? >= self.place && self.bytes(0, self.head.len())? == self.head)
    }

    /// Moves on over `length` bytes that begin with `bytes`.
    pub fn pass(&mut self, bytes: &[u8], length: u64) {
        let wanted = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.place += length;
        self.seen = 0;
    }

    /// When its first line was written; where that tells no time, when its last was.
    pub fn began(&self) -> io::Result<Timestamp> {
        let first = self.bytes(0, 128)?;
        if let Some(time) = first_time(&first) {
            return Ok(time);
        }
        let modified = self.file.metadata()?.modified()?;
        Ok(Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// What a file begins with, as it is stored.
pub(super) fn sign(head: &[u8]) -> String {
    if head.is_empty() {
        return String::new();
    }
    format!("{}:{}", head.len(), hex::encode(Sha256::digest(head)))
}

fn first_time(first: &[u8]) -> Option<Timestamp> {
    let text = String::from_utf8_lossy(first);
    let (_, rest) = text.strip_prefix('{')?.split_once("\"time\":\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// What a file is known by, whatever it is called and whatever is added to it: its first line, which has a time and an
/// id of its own. `None` where that is not there yet.
pub(super) fn key(head: &[u8]) -> Option<String> {
    let start = head.iter().position(|b| *b != b'\n')?;
    let line = &head[start..];
    let line = match line.iter().position(|b| *b == b'\n') {
        Some(end) => &line[..end],
        None if head.len() == HEAD => line,
        None => return None,
    };
    let mut key = hex::encode(Sha256::digest(line));
    key.truncate(32);
    Some(key)
}

/// A file in the folder of a log: the log itself, or one that has something added to its name.
pub(super) struct Sibling {
    /// What it is called.
    pub name: OsString,
    /// `None` where no rotation gives such a name.
    pub rank: Option<Rank>,
    /// Device and inode.
    pub id: String,
    /// `None` where it may not be read.
    pub open: Option<Open>,
}

impl Sibling {
    fn at(path: &Path, name: OsString, more: &[u8]) -> io::Result<Option<Self>> {
        let rank = Rank::of(more);
        let open = match Open::at(path) {
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                // The log itself must be readable. Whatever else lies there need not be.
                if rank == Some(Rank::Itself) {
                    return Err(error);
                }
                None
            }
            open => open?,
        };
        let id = match &open {
            Some(open) => open.id.clone(),
            None => match fs::metadata(path) {
                Ok(about) => id(&about),
                Err(_) => return Ok(None),
            },
        };
        Ok(Some(Self {
            name,
            rank,
            id,
            open,
        }))
    }

    /// What it is known by.
    pub fn key(&self) -> io::Result<Option<String>> {
        match &self.open {
            Some(open) => Ok(key(&open.bytes(0, HEAD)?)),
            None => Ok(None),
        }
    }
}

fn id(about: &fs::Metadata) -> String {
    format!("{}:{}", about.dev(), about.ino())
}

/// The log, and the files beside it that have something added to its name.
pub(super) fn siblings(path: &Path) -> io::Result<Vec<Sibling>> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let is_packed = |more: &[u8]| {
        let ends = [&b".gz"[..], b".bz2", b".xz", b".zst", b".lz4"];
        ends.iter().any(|end| more.ends_with(end))
    };
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let other = entry.file_name();
        let Some(more) = other.as_encoded_bytes().strip_prefix(name) else {
            continue;
        };
        let is_ours = more.first().is_none_or(|b| b".-_".contains(b)) && !is_packed(more);
        if is_ours && entry.path().is_file() {
            found.extend(Sibling::at(&entry.path(), other.clone(), more)?);
        }
    }
    Ok(found)
}
