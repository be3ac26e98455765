//! Goes over the whole trail, and finds the first place where it is not what was chained. What is held meanwhile does not
//! grow with the trail.

mod blocks;
mod checkpoints;
mod place;
mod rows;
mod store;

pub use place::{Fault, Found, Place, Removed};

use super::checkpoint;
use super::sign::Checker;
use crate::db::{GenericClient, Pool};
use crate::error::Result;
use crate::types::VendorId;
use crate::vault::AppToken;

/// Goes over the chain of one vendor, or all of them, and over the checkpoints. The database is seen at one moment, so
/// that the service may go on meanwhile.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn verify(pool: &Pool, issuer: &AppToken, only: Option<VendorId>) -> Result<Found> {
    let only = only.map(|id| id.0);
    // First what OpenBao remembers: the database is never behind that.
    let mark = checkpoint::mark(issuer).await?.map(|(mark, _)| mark);
    let mut client = pool.all().await?;
    // A few keys are read from OpenBao within this transaction. It holds no locks.
    let transaction = client.transaction().await?;
    store::settle(&transaction).await?;
    let mut checker = Checker::new(issuer);
    let mut found = Found {
        remembered: mark.as_ref().map(|mark| mark.number),
        ..Found::default()
    };
    let mut places = Vec::new();
    let named = checkpoints::check(
        &transaction,
        &mut checker,
        mark,
        only,
        &mut found,
        &mut places,
    )
    .await?;
    for chain in store::chains(&transaction, only).await? {
        let signed = named.get(&chain.vendor).copied().unwrap_or(0);
        let wrong = blocks::check(&transaction, &mut checker, &chain, signed, &mut found).await?;
        if let Some(at) = chain.removed_before {
            found.removed_before.push(Removed {
                vendor_id: chain.vendor,
                namespace: chain.namespace.clone(),
                removed_before: at.moment(),
            });
        }
        places.extend(wrong.map(|place| place.of(chain.vendor, chain.namespace.as_deref())));
        found.chains += 1;
    }
    strangers(&transaction, only, &mut places).await?;
    found.waiting = store::waiting(&transaction, only).await?;
    Ok(found.settle(places))
}

/// Blocks and rows that nothing leads to.
async fn strangers(
    client: &impl GenericClient,
    only: Option<i64>,
    places: &mut Vec<Place>,
) -> Result<()> {
    if let Some((vendor, namespace, seq, at)) = store::unknown_block(client, only).await? {
        let place = Place::new(Fault::BlockUnknown, at.0).at_block(seq);
        places.push(place.of(vendor, namespace.as_deref()));
    }
    if let Some(row) = store::unknown_row(client, only).await? {
        let made = row.at.map_or(i64::MAX, jiff::Timestamp::as_microsecond);
        let mut place = Place::new(Fault::RowUnknown, made).at_event(row.id, row.at);
        place.action = Some(row.action);
        places.push(place.of(row.vendor, row.namespace.as_deref()));
    }
    Ok(())
}
