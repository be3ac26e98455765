//! One chain: its beginning, its blocks, and the rows they are made of.

use super::super::digest::{Base, GENESIS};
use super::super::sign::Checker;
use super::super::store::{StoredBlock, blocks};
use super::rows::{Entry, Rows};
use super::store::Chain;
use super::{Fault, Found, Place};
use crate::db::GenericClient;
use crate::error::Result;

const PAGE: i64 = 100;

/// Goes over a chain up to the first place where something is wrong. Blocks behind `signed` are under no checkpoint yet.
pub(super) async fn check(
    client: &impl GenericClient,
    checker: &mut Checker<'_>,
    chain: &Chain,
    signed: i64,
    found: &mut Found,
) -> Result<Option<Place>> {
    if !begins_well(checker, chain).await? {
        return Ok(Some(Place::new(Fault::BaseForged, 0)));
    }
    let removed_before = chain.removed_before.map_or(i64::MIN, |at| at.0);
    let mut rows = Rows::new(removed_before);
    let (mut seq, mut hash, mut made) = (chain.base_seq, chain.base_hash.clone(), 0);
    while seq < chain.head_seq {
        let page = blocks(client, chain.vendor, seq, PAGE).await?;
        if page.is_empty() {
            let place = Place::new(Fault::BlockMissing, made + 1).at_block(seq + 1);
            return Ok(Some(rows.flush(client, found).await?.unwrap_or(place)));
        }
        for (index, one) in page.iter().enumerate() {
            if one.block.seq > chain.head_seq {
                break;
            }
            if let Some(fault) = wrong(one, seq + 1, &hash, &page[index..]) {
                let place = Place::new(fault, made + 1).at_block(seq + 1);
                return Ok(Some(rows.flush(client, found).await?.unwrap_or(place)));
            }
            if let Some(place) = take(client, one, signed, &mut rows, found).await? {
                return Ok(Some(place));
            }
            (seq, made) = (one.block.seq, one.block.chained_at);
            hash.clone_from(&one.hash);
        }
    }
    if let Some(place) = rows.flush(client, found).await? {
        return Ok(Some(place));
    }
    let is_head = seq == chain.head_seq && hash == chain.head_hash;
    Ok((!is_head).then(|| Place::new(Fault::HeadWrong, made).at_block(chain.head_seq)))
}

async fn begins_well(checker: &mut Checker<'_>, chain: &Chain) -> Result<bool> {
    let (Some(base), Some((version, signature))) = (chain.base(), &chain.signature) else {
        // Nothing was ever removed.
        return Ok(chain.base_seq == 0
            && chain.base_hash == GENESIS
            && chain.removed_before.is_none());
    };
    let signed: Base = base;
    checker.is_signed(&signed.hash(), *version, signature).await
}

/// What is wrong with a block that should be number `seq` behind `previous`; `rest` begins with it.
fn wrong(one: &StoredBlock, seq: i64, previous: &[u8], rest: &[StoredBlock]) -> Option<Fault> {
    let block = &one.block;
    if block.seq != seq {
        return Some(Fault::BlockMissing);
    }
    if one.follows(seq - 1, previous) {
        return None;
    }
    let stands_elsewhere = |other: &StoredBlock| {
        let mut moved = block.clone();
        moved.seq = other.block.seq;
        moved.hash()[..] == one.hash
    };
    if !one.is_whole() && rest.iter().skip(1).any(stands_elsewhere) {
        return Some(Fault::BlocksSwapped);
    }
    Some(Fault::BlockChanged)
}

/// Counts a block, and looks at the rows of those before it where enough have come together.
async fn take(
    client: &impl GenericClient,
    one: &StoredBlock,
    signed: i64,
    rows: &mut Rows,
    found: &mut Found,
) -> Result<Option<Place>> {
    let block = &one.block;
    found.blocks += 1;
    if block.seq > signed {
        found.unsigned += block.ids.len() as u64;
    }
    let entries = block.ids.iter().zip(&block.ats);
    for ((id, at), digest) in entries.zip(block.digests.as_chunks::<32>().0) {
        rows.push(Entry {
            seq: block.seq,
            made: block.chained_at,
            id: *id,
            at: *at,
            digest: *digest,
        });
    }
    if rows.are_enough() {
        return rows.flush(client, found).await;
    }
    Ok(None)
}
