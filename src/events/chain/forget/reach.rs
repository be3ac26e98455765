//! Up to where the beginning of a chain may go. What blocks say of their events' times is believed only where each of them
//! leads to the next, from where the chain begins to a head that was signed: whoever changes the database could else have
//! what they changed removed for them.

use jiff::Timestamp;

use super::super::checkpoint::{report_rewritten, signed_since};
use super::super::digest::{Block, Head};
use super::super::sign::Key;
use super::super::store::{StoredBlock, blocks};
use super::store::Start;
use crate::app::App;
use crate::error::{Error, Result};

const PAGE: i64 = 100;
/// Blocks that go in one transaction.
const MOST: usize = 1000;

/// The last block that may go.
pub(super) struct Reached {
    pub seq: i64,
    pub hash: Vec<u8>,
    /// Whether those behind it may be as old.
    pub more: bool,
}

/// How far blocks behind `start` lie wholly before `bound`; `None` where not one does, or none that is signed.
///
/// # Errors
/// Where a block is not what was signed, or the database does not answer, or OpenBao, where an older version of the key
/// is needed.
pub(super) async fn reach(
    app: &App,
    key: &Key,
    vendor: i64,
    start: &Start,
    bound: Timestamp,
) -> Result<Option<Reached>> {
    let bound = bound.as_microsecond();
    let is_before = |block: &Block| block.ats.iter().max().is_some_and(|latest| *latest < bound);
    let mut walk = Walk::new(app, vendor, start.seq, start.hash.clone());
    let (mut last, mut gone) = (None, 0);
    while gone < MOST
        && let Some(one) = walk.next().await?
    {
        if !is_before(&one.block) {
            break;
        }
        gone += 1;
        last = Some(one);
    }
    let Some(last) = last else { return Ok(None) };
    let Some(head) = signed_since(app, key, &last.block).await? else {
        return Ok(None);
    };
    let mut walk = Walk::new(app, vendor, last.block.seq, last.hash.clone());
    while walk.seq < head.seq && walk.next().await?.is_some() {}
    if (walk.seq, &walk.hash) != (head.seq, &head.hash) {
        return Err(walk.rewritten());
    }
    Ok(Some(Reached {
        seq: last.block.seq,
        hash: last.hash,
        more: gone == MOST,
    }))
}

/// Along a chain.
struct Walk<'a> {
    app: &'a App,
    vendor: i64,
    seq: i64,
    hash: Vec<u8>,
    page: std::vec::IntoIter<StoredBlock>,
}

impl<'a> Walk<'a> {
    fn new(app: &'a App, vendor: i64, seq: i64, hash: Vec<u8>) -> Self {
        Self {
            app,
            vendor,
            seq,
            hash,
            page: Vec::new().into_iter(),
        }
    }

    /// The next block, which follows the one before; `None` at the end.
    async fn next(&mut self) -> Result<Option<StoredBlock>> {
        if self.page.len() == 0 {
            let client = self.app.db.all().await?;
            let page = blocks(&client, self.vendor, self.seq, PAGE).await?;
            self.page = page.into_iter();
        }
        let Some(one) = self.page.next() else {
            return Ok(None);
        };
        if !one.follows(self.seq, &self.hash) {
            return Err(self.rewritten());
        }
        self.seq = one.block.seq;
        self.hash.clone_from(&one.hash);
        Ok(Some(one))
    }

    fn rewritten(&self) -> Error {
        let head = Head {
            vendor: self.vendor,
            seq: self.seq + 1,
            hash: Vec::new(),
        };
        report_rewritten(self.app, &head);
        Error::Internal(
            "nothing is removed from a chain of the trail that is not what was signed".to_owned(),
        )
    }
}
