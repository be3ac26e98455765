//! Reads a page: the lanes, merged, with what is known of their tokens.

use jiff::Timestamp;

use super::known::Known;
use super::store::{self, Lane};
use super::{Item, OpenBao, Place, Reading, Row, Scope, Source, Viewer, status};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::vendors::Vendor;

/// Tokens for the whole store are looked at one by one up to so many for a site.
const ONE_BY_ONE: i64 = 1_000;

/// A page.
pub struct Found {
    /// In order.
    pub items: Vec<Item>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Place>,
    /// Whether OpenBao's half is there.
    pub openbao: OpenBao,
}

/// Since when a vendor's log is shown.
///
/// # Errors
/// [`Error::Internal`] where the clock is at its end.
pub fn floor(app: &App, vendor: &Vendor) -> Result<Timestamp> {
    let days = vendor
        .log_retention_days
        .unwrap_or(app.config.logs.retention_days);
    days_before(app.clock.now(), days)
}

/// So many days before.
///
/// # Errors
/// [`Error::Internal`] where there is no such time.
pub fn days_before(now: Timestamp, days: i32) -> Result<Timestamp> {
    now.checked_sub(jiff::SignedDuration::from_hours(24 * i64::from(days)))
        .map_err(|e| Error::Internal(format!("the clock: {e}")))
}

/// The page after a place, of at most `limit` items.
///
/// # Errors
/// Trouble with the database.
pub async fn read(
    app: &App,
    reading: &Reading,
    after: Option<Place>,
    limit: usize,
) -> Result<Found> {
    let mut connection = app.db.of_or_all(reading.scope.vendor()).await?;
    let client = connection.transaction().await?;
    store::walk_along_indexes(&client).await?;
    let after = after.as_ref();
    let most = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let (mut rows, mut frontier): (Vec<Row>, Option<Place>) = (Vec::new(), None);
    for lane in lanes(&client, reading).await? {
        let found = store::rows(&client, &lane, reading, after, most).await?;
        let edge = if found.len() > limit {
            found.last().map(|row| row.place)
        } else {
            store::edge(&client, &lane, reading, after).await?
        };
        frontier = [frontier, edge]
            .into_iter()
            .flatten()
            .min_by(|one, other| reading.order.compare(one, other));
        rows.extend(found);
    }
    rows.sort_by(|one, other| reading.order.compare(&one.place, &other.place));
    // Past that place a lane may have rows that were not read.
    rows.retain(|row| frontier.is_none_or(|end| reading.order.compare(&row.place, &end).is_le()));
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|row| row.place)
    } else {
        frontier
    };
    let known = Known::of(&client, reading, &rows).await?;
    let openbao = status::read(&client, reading.viewer == Viewer::Operator).await?;
    client.commit().await?;
    let items = rows
        .into_iter()
        .map(|row| Item::new(row, &known, reading))
        .collect();
    Ok(Found {
        items,
        next,
        openbao,
    })
}

async fn lanes(client: &impl GenericClient, reading: &Reading) -> Result<Vec<Lane>> {
    let filter = &reading.filter;
    let mut all = Vec::new();
    if filter.source != Some(Source::OpenBao) {
        all.push(Lane::Events);
        if let Scope::Site(vendor, site) = &reading.scope {
            let mut tokens = store::store_wide(client, *vendor, site, ONE_BY_ONE + 1).await?;
            let many = tokens.len() > usize::try_from(ONE_BY_ONE).unwrap_or(0);
            tokens.retain(|id| filter.issuance.is_none_or(|wanted| wanted == *id));
            match (many, tokens.is_empty()) {
                (true, _) => all.push(Lane::ManyStoreWide),
                (false, false) => all.push(Lane::StoreWide(tokens)),
                (false, true) => {}
            }
        }
    }
    let of_lines = filter
        .action
        .as_ref()
        .is_none_or(super::filter::Action::may_be_a_line);
    if filter.source != Some(Source::Gatehouse) && of_lines {
        all.push(Lane::Lines);
    }
    Ok(all)
}
