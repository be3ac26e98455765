//! The rows that blocks are made of.

use jiff::Timestamp;

use super::super::digest::{Hash, Row, VANISHED};
use super::super::store;
use super::super::store::Micros;
use super::{Fault, Found, Place};
use crate::db::GenericClient;
use crate::error::Result;

/// So many are looked up at once, or a few more.
const ENOUGH: usize = 1000;

/// An event in a block.
pub(super) struct Entry {
    pub seq: i64,
    /// When the block was made.
    pub made: i64,
    pub id: i64,
    pub at: i64,
    pub digest: Hash,
}

/// Events of blocks that are good, whose rows are to be looked at.
pub(super) struct Rows {
    entries: Vec<Entry>,
    removed_before: i64,
}

impl Rows {
    pub fn new(removed_before: i64) -> Self {
        Self {
            entries: Vec::new(),
            removed_before,
        }
    }

    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub fn are_enough(&self) -> bool {
        self.entries.len() >= ENOUGH
    }

    /// Looks at the rows, and gives the first place where one is not what was chained.
    pub async fn flush(
        &mut self,
        client: &impl GenericClient,
        found: &mut Found,
    ) -> Result<Option<Place>> {
        let entries = std::mem::take(&mut self.entries);
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        // No row that was chained is of another time than can be meant.
        let at = |entry: &Entry| Micros(entry.at).moment().unwrap_or(Timestamp::UNIX_EPOCH);
        let ats: Vec<Timestamp> = entries.iter().map(at).collect();
        let rows = store::rows(client, &ids, &ats).await?;
        for ((entry, row), at) in entries.iter().zip(&rows).zip(ats) {
            let fault = match row {
                Some(one) if one.copies > 1 => Fault::RowUnknown,
                Some(one) if one.is_derived && one.row.digest() == entry.digest => {
                    found.events += 1;
                    continue;
                }
                None if entry.at < self.removed_before => {
                    found.removed += 1;
                    continue;
                }
                _ if entry.digest == VANISHED => Fault::RowVanished,
                None => Fault::RowRemoved,
                Some(_) => Fault::RowChanged,
            };
            let mut place = Place::new(fault, entry.made)
                .at_block(entry.seq)
                .at_event(entry.id, Some(at));
            if let Some(row) = row.as_ref().map(|one| &one.row)
                && fault != Fault::RowUnknown
            {
                place.action = Some(row.action.clone());
                place.holds_event_id = belongs_to(row, &entries);
                if place.holds_event_id.is_some() {
                    place.fault = Fault::RowsSwapped;
                }
            }
            return Ok(Some(place));
        }
        Ok(None)
    }
}

/// The other event near by whose content a row holds.
fn belongs_to(row: &Row, entries: &[Entry]) -> Option<i64> {
    let (mut row, own) = (row.clone(), row.id);
    let is_of = |entry: &&Entry| {
        (row.id, row.at) = (entry.id, entry.at);
        entry.id != own && row.digest() == entry.digest
    };
    entries.iter().find(is_of).map(|entry| entry.id)
}
