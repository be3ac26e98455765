//! How far a node's audit log has been read, and whether it can be.

pub mod store;

use jiff::Timestamp;

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Device and inode; empty where nothing was read yet.
    pub file: String,
    /// How the file begins: how many bytes, and their digest. Empty where none were read.
    pub head: String,
    /// Bytes from its beginning.
    pub place: i64,
    /// When its first line was written.
    pub began: Option<Timestamp>,
    /// The time of the newest line that was stored.
    pub newest: Option<Timestamp>,
    /// What files are known by that are not to be read any more; `None` where that was not noted yet.
    pub passed: Option<Vec<String>>,
}

/// How many lines were read, since a node's log is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// All.
    pub lines: i64,
    /// Not understood, too long, or not to be stored.
    pub malformed: i64,
    /// Older than what was stored before.
    pub late: i64,
}
