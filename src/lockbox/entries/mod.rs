//! Entries of a lockbox: a value that is sealed, and what stands beside it in the clear.
//!
//! Each statement on entries names the epoch of the keys at hand and counts only where that is still the lockbox's.
//! Writes hold the lockbox's row meanwhile: none is committed after a lock, and those of one lockbox come one after the
//! other, so that none of them keeps a lock waiting for long.

pub mod change;
pub mod create;
pub mod draft;
pub mod list;
pub mod read;
pub mod store;
mod trail;

pub use draft::{Draft, Given};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::User;
use crate::error::{Error, Result};
use crate::types::Secret;

/// Names an entry within its lockbox, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = LockboxEntryId)]
pub struct EntryId(pub i64);

impl EntryId {
    /// Reads an id: a decimal number from 1 in its one form, without sign or zeros before it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_canonical =
            text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0') && !text.is_empty();
        text.parse().ok().filter(|_| is_canonical).map(Self)
    }
}

/// What a value is. The service treats all alike, and renders none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LockboxEntryKind)]
pub enum Kind {
    /// Text.
    Text,
    /// Not to be shown at once.
    Secret,
    /// Text for a renderer, which must sanitise it.
    Markdown,
    /// As [`Kind::Text`], in one line.
    String,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Secret, Self::Markdown, Self::String];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Secret => "secret",
            Self::Markdown => "markdown",
            Self::String => "string",
        }
    }

    /// Reads it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An entry without its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Names it.
    pub id: EntryId,
    /// What it is about; `""` and `"0"` mean any client.
    pub client_id: String,
    /// Whose members alone read, change and delete it; `""` for everybody.
    pub required_group: String,
    /// Unique for a client.
    pub key: String,
    /// What the value is.
    pub kind: Kind,
    /// Counts changes, from 1.
    pub version: i32,
    /// Whole seconds, as all times here.
    pub created_at: Timestamp,
    /// The bare name of the user.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// An entry with its value.
pub struct Opened {
    /// What stands beside the value.
    pub entry: Entry,
    /// The value.
    pub value: Secret,
}

/// Lets members of a group pass, and everybody where there is none.
fn admit(by: &User, required_group: &str) -> Result<()> {
    if required_group.is_empty() || by.account.is_in(required_group) {
        Ok(())
    } else {
        Err(Error::GroupRequired)
    }
}

fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_form() {
        assert_eq!(EntryId::parse("1"), Some(EntryId(1)));
        assert_eq!(
            EntryId::parse("9223372036854775807"),
            Some(EntryId(i64::MAX))
        );
        for bad in [
            "",
            "0",
            "00",
            "01",
            "+1",
            "-1",
            "1.0",
            "0x10",
            "1 ",
            " 1",
            "9223372036854775808",
            "１",
        ] {
            assert_eq!(EntryId::parse(bad), None, "{bad}");
        }
    }
}
