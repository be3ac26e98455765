//! Ends tokens on request: one, or all that a filter means.
//!
//! They are marked first, in the database, so that whatever happens then the `revoke_tokens` task finishes it; what fits
//! into a few seconds is revoked at once.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::store::{self, BulkOrder};
use super::{Filter, REACH, State, Stretch};
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::tokens::revoke::{self, Doomed, Order};
use crate::types::{IssuanceId, VendorId};

const REASON: &str = "asked for";
/// How long whoever asks waits for OpenBao.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same, from the mark on.
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(4);
/// How many tokens one call revokes itself at most.
const FIRST: usize = 5000;

/// Who asks, by which request.
pub struct Asker {
    /// As the events name the caller.
    pub actor: String,
}

/// What came of tokens that are to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Live tokens that were meant.
    pub matched: usize,
    /// Those that are dead now.
    pub revoked: usize,
}

/// Ends one token; `false` where OpenBao is still to follow.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database: then nothing has happened.
pub async fn one(app: &App, vendor: VendorId, id: IssuanceId, by: &Asker) -> Result<bool> {
    let now = app.clock.now();
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let found = store::find_for_update(&transaction, vendor, id).await?;
    let found = found.ok_or(Error::NotFound)?;
    let state = found.state(now);
    if matches!(state, State::Revoked | State::Expired) {
        return Ok(true);
    }
    let order = Order {
        by: &by.actor,
        reason: REASON,
        at: now,
    };
    let doomed = revoke::store::mark_one(&transaction, vendor, id, &order).await?;
    if state == State::Live {
        let action = "token.revocation_asked";
        let mut event = Event::done(action, Some(vendor), &by.actor);
        let site = found.secret_id.as_deref();
        let site = site.and_then(|id| crate::types::SecretId::parse(id).ok());
        event.secret_id = site.as_ref();
        event.issuance = Some(id);
        event.details = json!({ "kind": found.kind });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    drop(client);
    let passed = revoke::several(app, doomed.as_slice(), Instant::now() + PATIENCE).await;
    Ok(passed.revoked == doomed.as_slice().len())
}

/// Ends all live tokens that a filter means, of one vendor or of all, but none that is handed out after this began.
///
/// # Errors
/// Trouble with the database: what is marked until then ends, and a repeat marks the rest.
pub async fn many(
    app: &App,
    whose: Option<VendorId>,
    filter: &Filter,
    by: &Asker,
) -> Result<Counts> {
    let (until, now) = (Instant::now() + PATIENCE, app.clock.now());
    let (matched, first) = mark(app, whose, filter, by, now).await?;
    let passed = revoke::several(app, &first, until).await;
    Ok(Counts {
        matched,
        revoked: passed.revoked,
    })
}

/// How many live tokens a filter means, and how many of them are to end already: what [`many`] would match, and how far
/// OpenBao is behind what was asked for.
///
/// # Errors
/// Trouble with the database.
pub async fn meant(app: &App, whose: Option<VendorId>, filter: &Filter) -> Result<(usize, usize)> {
    let now = app.clock.now();
    let client = app.db.of_or_all(whose).await?;
    let live = Filter {
        state: Some(State::Live),
        ..filter.clone()
    };
    let mut rest = live.stretch(None, now);
    let (mut all, mut ending) = (0, 0);
    loop {
        let floor = store::floor(&client, whose, filter, &rest, REACH).await?;
        let step = Stretch {
            from: floor.unwrap_or(rest.from),
            before: rest.before,
        };
        let counted = store::count(&client, whose, filter, &step, now).await?;
        all += counted.0;
        ending += counted.1;
        match floor {
            Some(floor) => rest.before = floor,
            None => return Ok((all, ending)),
        }
    }
}

/// Marks them, a stretch of the ledger in each transaction; the last of these says what was asked for. Gives how many
/// there are, and the newest of them.
async fn mark(
    app: &App,
    whose: Option<VendorId>,
    filter: &Filter,
    by: &Asker,
    now: Timestamp,
) -> Result<(usize, Vec<Doomed>)> {
    let mut client = app.db.of_or_all(whose).await?;
    let order = BulkOrder {
        by: &by.actor,
        reason: REASON,
        at: now,
        after: now.checked_add(LEFT_ALONE).unwrap_or(Timestamp::MAX),
        newest: store::last_recorded(&client).await?,
    };
    let live = Filter {
        state: Some(State::Live),
        ..filter.clone()
    };
    let mut rest = live.stretch(None, now);
    let (mut matched, mut first) = (0, Vec::new());
    loop {
        let transaction = client.transaction().await?;
        let floor = store::floor(&transaction, whose, filter, &rest, REACH).await?;
        let step = Stretch {
            from: floor.unwrap_or(rest.from),
            before: rest.before,
        };
        let marked = store::mark(&transaction, whose, filter, &step, &order).await?;
        matched += marked.len();
        first.extend(marked.into_iter().take(FIRST - first.len()));
        let Some(floor) = floor else {
            let action = "tokens.revocation_asked";
            let mut event = Event::done(action, whose, &by.actor);
            event.secret_id = filter.site.as_ref();
            event.details = json!({ "filter": filter.told(), "count": matched });
            event.record(&transaction, now).await?;
            transaction.commit().await?;
            return Ok((matched, first));
        };
        transaction.commit().await?;
        rest.before = floor;
    }
}
