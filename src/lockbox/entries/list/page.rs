//! Where a part of a list begins.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::Entry;
use super::{Field, Query};
use crate::error::{Error, Result};
use crate::types::VendorId;

/// What an entry shows of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Shown {
    /// A number.
    Number(i64),
    /// A time.
    At(Timestamp),
    /// A text.
    Text(String),
}

impl Shown {
    fn of(entry: &Entry, field: Field) -> Self {
        match field {
            Field::Id => Self::Number(entry.id.0),
            Field::ClientId => Self::Text(entry.client_id.clone()),
            Field::CreatedBy => Self::Text(entry.created_by.clone()),
            Field::CreatedAt => Self::At(entry.created_at),
            Field::Key => Self::Text(entry.key.clone()),
        }
    }

    fn is_of(&self, field: Field) -> bool {
        match self {
            Self::Number(_) => field == Field::Id,
            Self::At(at) => field == Field::CreatedAt && *at > Timestamp::UNIX_EPOCH,
            Self::Text(text) => {
                !matches!(field, Field::Id | Field::CreatedAt) && !text.contains('\0')
            }
        }
    }
}

/// An entry's place in the order of one query.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position {
    /// Of the query.
    of: String,
    /// What the entry shows, in the order of the sort keys.
    at: Vec<Shown>,
}

impl Position {
    /// Of an entry in a query.
    #[must_use]
    pub fn new(query: &Query, vendor: VendorId, entry: &Entry) -> Self {
        let order = query.order();
        Self {
            of: query.mark(vendor),
            at: order
                .iter()
                .map(|sort| Shown::of(entry, sort.field))
                .collect(),
        }
    }

    /// What it shows, if it is one of this query.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] where it is another one's.
    pub fn checked(self, query: &Query, vendor: VendorId) -> Result<Self> {
        let order = query.order();
        let fits = self.of == query.mark(vendor)
            && self.at.len() == order.len()
            && self
                .at
                .iter()
                .zip(&order)
                .all(|(at, sort)| at.is_of(sort.field));
        if fits {
            Ok(self)
        } else {
            Err(Error::InvalidParameter("cursor is not one of this list's"))
        }
    }

    /// What the entry shows, in the order of the sort keys.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.at
    }
}
