//! Checkpoints: their signatures, their links, and the heads they name.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::super::checkpoint::{Mark, store as stored};
use super::super::digest::Head;
use super::super::sign::Checker;
use super::store;
use super::{Fault, Found, Place};
use crate::db::GenericClient;
use crate::error::Result;

const PAGE: i64 = 250;

/// Goes over the checkpoints, and gives the last block of each chain that they name. The first that is wrong ends it:
/// what comes behind it proves nothing.
pub(super) async fn check(
    client: &impl GenericClient,
    checker: &mut Checker<'_>,
    mark: Option<Mark>,
    only: Option<i64>,
    found: &mut Found,
    places: &mut Vec<Place>,
) -> Result<HashMap<i64, i64>> {
    // From the oldest that is there: what a row says of the first one is believed only once its signature is good.
    let first = stored::oldest(client).await?.unwrap_or(1);
    let mut walk = Walk {
        next: first,
        first,
        previous: None,
        last_at: 0,
        named: HashMap::new(),
        wrong: HashSet::new(),
    };
    let mut broken = None;
    'all: loop {
        let page = stored::page(client, walk.next, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for one in &page {
            broken = walk.step(checker, one).await?;
            if broken.is_some() {
                break 'all;
            }
            found.checkpoints += 1;
            let mut heads = one.said.heads.clone();
            heads.retain(|head| only.is_none_or(|only| only == head.vendor));
            walk.heads(client, &heads, one.said.number, places).await?;
        }
    }
    found.last_checkpoint_at = Timestamp::from_microsecond(walk.last_at)
        .ok()
        .filter(|_| found.checkpoints > 0);
    if broken.is_none() && walk.first < first {
        let place = Place::new(Fault::CheckpointMissing, 0);
        places.push(place.at_checkpoint(walk.first));
    }
    places.extend(broken);
    // Retention never removes the one that OpenBao remembers.
    if let Some(mark) = mark
        && !stored::has(client, &mark).await?
    {
        let place = Place::new(Fault::CheckpointsCut, walk.last_at + 1);
        places.push(place.at_checkpoint(mark.number));
    }
    Ok(walk.named)
}

struct Walk {
    next: i64,
    /// The oldest that is still needed, as the last one that was good says.
    first: i64,
    previous: Option<Vec<u8>>,
    last_at: i64,
    /// The last block that was signed, by chain.
    named: HashMap<i64, i64>,
    /// Chains of which something was said already.
    wrong: HashSet<i64>,
}

impl Walk {
    async fn step(
        &mut self,
        checker: &mut Checker<'_>,
        one: &stored::Stored,
    ) -> Result<Option<Place>> {
        let place = |fault, number| Place::new(fault, self.last_at + 1).at_checkpoint(number);
        if one.said.number != self.next {
            return Ok(Some(place(Fault::CheckpointMissing, self.next)));
        }
        let hash = one.said.hash();
        let is_signed = hash[..] == one.hash
            && checker
                .is_signed(&hash, one.key_version, &one.signature)
                .await?;
        if !is_signed {
            return Ok(Some(place(Fault::CheckpointForged, self.next)));
        }
        let is_linked = self
            .previous
            .as_ref()
            .is_none_or(|previous| *previous == one.said.previous);
        if !is_linked {
            return Ok(Some(place(Fault::CheckpointUnlinked, self.next)));
        }
        self.next += 1;
        self.first = one.said.first;
        self.previous = Some(one.hash.clone());
        self.last_at = one.said.at;
        Ok(None)
    }

    async fn heads(
        &mut self,
        client: &impl GenericClient,
        heads: &[Head],
        checkpoint: i64,
        places: &mut Vec<Place>,
    ) -> Result<()> {
        if heads.is_empty() {
            return Ok(());
        }
        for (head, there) in heads.iter().zip(store::named(client, heads).await?) {
            let last = self.named.entry(head.vendor).or_insert(0);
            *last = head.seq.max(*last);
            let fault = match (&there.base, &there.hash) {
                (Some((seq, hash)), _) if head.seq == *seq && head.hash != *hash => {
                    Fault::ChainRewritten
                }
                (Some((seq, _)), _) if head.seq <= *seq => continue,
                (Some(_), Some(hash)) if *hash == head.hash => continue,
                (Some(_), Some(_)) => Fault::ChainRewritten,
                (None, _) | (_, None) => Fault::TailCut,
            };
            if self.wrong.insert(head.vendor) {
                let place = Place::new(fault, self.last_at).at_block(head.seq);
                let place = place.at_checkpoint(checkpoint);
                places.push(place.of(head.vendor, there.namespace.as_deref()));
            }
        }
        Ok(())
    }
}
