//! What is looked at before anything is signed: that what was signed before is still there, and leads to what is signed
//! now. Whoever changes the database would else have the service sign what they left.

use std::collections::BTreeMap;

use super::super::digest::{Block, GENESIS, Head};
use super::super::forget;
use super::super::sign::{Checker, Key, Said};
use super::super::store::Micros;
use super::remember::report_cut;
use super::store::{self, Lineage, Stored};
use super::{Mark, mark};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Result, cause_chain};

const PAGE: i64 = 250;
/// Checkpoints that are looked at for one that is good.
const NAMING: i64 = 10;

/// The newest checkpoint, which was signed; number 0 where there is none.
pub(super) struct Newest {
    pub number: i64,
    pub hash: Vec<u8>,
    pub first: i64,
}

impl Newest {
    /// Whether it still is.
    pub async fn is_newest(&self, client: &impl GenericClient) -> Result<bool> {
        let there = store::newest(client).await?;
        Ok(there.map_or(self.number == 0, |(number, hash)| {
            (number, &hash) == (self.number, &self.hash)
        }))
    }
}

/// The newest checkpoint, where it is good and the one that OpenBao remembers is there; `None` where nothing may be
/// signed.
pub(super) async fn newest(app: &App, key: &Key) -> Result<Option<Newest>> {
    if !is_mark_there(app).await? {
        return Ok(None);
    }
    let client = app.db.all().await?;
    let newest = store::newest_whole(&client).await?;
    drop(client);
    let Some(newest) = newest else {
        return Ok(Some(Newest {
            number: 0,
            hash: GENESIS.to_vec(),
            first: 1,
        }));
    };
    if !is_good(app, key, &newest).await? {
        report_forged(app, newest.said.number);
        return Ok(None);
    }
    Ok(Some(Newest {
        number: newest.said.number,
        hash: newest.hash,
        first: newest.said.first,
    }))
}

/// Whether the checkpoint that OpenBao remembers is there. OpenBao is asked only where what it said last is not: an
/// administrator may have removed the note, or another replica the checkpoint by its age.
async fn is_mark_there(app: &App) -> Result<bool> {
    let has = async |mark: &Mark| -> Result<bool> {
        let client = app.db.all().await?;
        Ok(store::has(&client, mark).await?)
    };
    match app.notary.said() {
        Said::Unmarked => return Ok(true),
        Said::Marked(mark) if has(&mark).await? => return Ok(true),
        Said::Marked(_) | Said::Nothing => {}
    }
    let now = match mark(&app.vault.issuer).await {
        Ok(now) => now.map(|(mark, _)| mark),
        Err(error) => {
            tracing::warn!(error.cause = %cause_chain(&error), "OpenBao does not say which checkpoint of the trail it remembers: nothing is signed until it does");
            return Ok(false);
        }
    };
    app.notary.note_mark(now.clone());
    let Some(mark) = now else { return Ok(true) };
    let is_there = has(&mark).await?;
    if !is_there {
        report_cut(app, &mark);
    }
    Ok(is_there)
}

async fn is_good(app: &App, key: &Key, one: &Stored) -> Result<bool> {
    let hash = one.said.hash();
    let is_whole = hash[..] == one.hash && one.said.first <= one.said.number;
    Ok(is_whole
        && key
            .or_an_older_signed(&app.vault.issuer, &hash, one.key_version, &one.signature)
            .await?)
}

/// Those heads to which the head that was signed last of their chain leads. The others are reported.
pub(super) async fn descendants(app: &App, key: &Key, moved: Vec<Head>) -> Result<Vec<Head>> {
    let signed = signed_last(app, key, &moved).await?;
    let pairs = moved
        .iter()
        .filter_map(|head| Some((signed.get(&head.vendor)?, head.seq)));
    let (before, seqs): (Vec<&Head>, Vec<i64>) = pairs.unzip();
    let client = app.db.all().await?;
    let lineages = store::lineages(&client, &before, &seqs).await?;
    drop(client);
    let mut lineages: BTreeMap<i64, Lineage> = before
        .iter()
        .map(|head| head.vendor)
        .zip(lineages)
        .collect();
    let mut good = Vec::new();
    for head in moved {
        let is_good = match (signed.get(&head.vendor), lineages.remove(&head.vendor)) {
            (Some(signed), Some(lineage)) => leads(app, key, signed, &lineage, &head).await?,
            _ => true,
        };
        if is_good {
            good.push(head);
        } else {
            report_rewritten(app, &head);
        }
    }
    Ok(good)
}

async fn leads(
    app: &App,
    key: &Key,
    signed: &Head,
    lineage: &Lineage,
    head: &Head,
) -> Result<bool> {
    if head == signed {
        return Ok(true);
    }
    if lineage.base_seq > signed.seq || (lineage.base_seq == signed.seq && lineage.signed.is_none())
    {
        // Retention removed it, as it signed.
        return Ok(
            head.seq >= lineage.base_seq && forget::is_base_good(app, key, head.vendor).await?
        );
    }
    let rest = head.seq - signed.seq;
    // The first behind the signed one has its link to that counted too.
    Ok(rest > 0
        && lineage.linked == rest
        && lineage.signed.as_ref() == Some(&signed.hash)
        && lineage.head.as_ref() == Some(&head.hash))
}

/// The heads that were signed last: those that this replica remembers, and for others what a checkpoint says.
async fn signed_last(app: &App, key: &Key, moved: &[Head]) -> Result<BTreeMap<i64, Head>> {
    let known = moved.iter().filter_map(|head| app.notary.head(head.vendor));
    let mut signed: BTreeMap<i64, Head> = known.map(|head| (head.vendor, head)).collect();
    let mut others: Vec<i64> = moved.iter().map(|head| head.vendor).collect();
    others.retain(|vendor| !signed.contains_key(vendor));
    if others.is_empty() {
        return Ok(signed);
    }
    let client = app.db.all().await?;
    let said = store::naming(&client, &others).await?;
    drop(client);
    // In the order of their numbers, so that the last one counts.
    for one in said {
        if !is_good(app, key, &one).await? {
            // `verify` says so as well. It cannot say where the chain ended.
            report_forged(app, one.said.number);
            continue;
        }
        for head in one.said.heads {
            if others.contains(&head.vendor) {
                signed.insert(head.vendor, head);
            }
        }
    }
    Ok(signed)
}

/// A head that was signed of a chain: the block with this number, which was made at that time, or one behind it. `None`
/// where none was yet.
pub(in super::super) async fn signed_since(
    app: &App,
    key: &Key,
    block: &Block,
) -> Result<Option<Head>> {
    let Some(since) = Micros(block.chained_at).moment() else {
        return Ok(None);
    };
    let client = app.db.all().await?;
    let said = store::naming_since(&client, block.vendor, block.seq, since, NAMING).await?;
    drop(client);
    for one in said {
        if !is_good(app, key, &one).await? {
            report_forged(app, one.said.number);
            continue;
        }
        let mut heads = one.said.heads.into_iter();
        let head = heads.find(|head| head.vendor == block.vendor && head.seq >= block.seq);
        if head.is_some() {
            return Ok(head);
        }
    }
    Ok(None)
}

/// What the checkpoints before a number said last of each chain; `None` where one of them, or of those that link them to
/// `needed`, is not what was signed.
pub(super) async fn said_before(
    app: &App,
    needed: i64,
    newest: &Newest,
) -> Result<Option<Vec<Head>>> {
    let mut checker = Checker::new(&app.vault.issuer);
    let (mut next, mut previous) = (newest.first, None);
    let mut heads = BTreeMap::new();
    while next <= needed {
        let client = app.db.all().await?;
        let page = store::page(&client, next, PAGE).await?;
        drop(client);
        if page.is_empty() {
            report_forged(app, next);
            return Ok(None);
        }
        for one in page {
            if next > needed {
                break;
            }
            let hash = one.said.hash();
            let is_linked = previous
                .as_ref()
                .is_none_or(|previous| *previous == one.said.previous);
            let is_good = one.said.number == next && hash[..] == one.hash && is_linked;
            if !is_good
                || !checker
                    .is_signed(&hash, one.key_version, &one.signature)
                    .await?
            {
                report_forged(app, next);
                return Ok(None);
            }
            if next < needed {
                heads.extend(one.said.heads.into_iter().map(|head| (head.vendor, head)));
            }
            next += 1;
            previous = Some(one.hash);
        }
    }
    Ok(Some(heads.into_values().collect()))
}

fn report_forged(app: &App, number: i64) {
    if !app.notary.is_news("event_checkpoint_forged", number) {
        return;
    }
    metrics::counter!("gatehouse_alarms_total", "alarm" => "event_checkpoint_forged").increment(1);
    tracing::error!(
        checkpoint.number = number,
        "A checkpoint of the trail is not what was signed, and nothing is signed behind it. Run `gatehouse events verify`"
    );
}

/// Says that blocks do not lead to what was signed, or do not come from it.
pub(in super::super) fn report_rewritten(app: &App, head: &Head) {
    if !app.notary.is_news("event_chain_rewritten", head.vendor) {
        return;
    }
    metrics::counter!("gatehouse_alarms_total", "alarm" => "event_chain_rewritten").increment(1);
    tracing::error!(
        vendor.id = head.vendor,
        block.seq = head.seq,
        "A chain of the trail is not what was signed of it: no more of it is signed or removed. Run `gatehouse events verify`"
    );
}
