//! Repair: what a vendor should have in OpenBao is compared with what it has.
//!
//! What is missing or was changed by hand is made whole. What is somebody else's is left alone and stands among the
//! findings until it is gone: another engine in a vendor's place, a policy that our token roles would give and that is no
//! vendor's, a token role that is not as `bootstrap` makes it.

pub mod http;
mod platform;
pub mod store;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

pub use platform::pass as platform_pass;
pub use store::findings;

use utoipa::ToSchema;

use super::{Level, Status, Vendor, create};
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::VendorId;
use wanted::Wanted;

/// Each vendor is compared this often.
const EVERY: SignedDuration = SignedDuration::from_hours(6);
/// How many vendors one pass compares: with a pass a minute, 10,000 of them in less than three and a half hours.
const BATCH: i64 = 50;
/// A standby may not have what was written a moment ago.
const SECOND_LOOK: Duration = Duration::from_millis(250);
/// As events name the task.
const ACTOR: &str = "task:reconcile_vendors";

/// How something in OpenBao is, compared with what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DriftState)]
pub enum State {
    /// As it should be.
    Right,
    /// It is not there.
    Missing,
    /// It is there with another text.
    Changed,
    /// Something else stands in its place.
    Foreign,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Drift {
    /// `engine`, `policy` or `role`.
    pub what: &'static str,
    /// As OpenBao names it.
    pub name: String,
    /// How it was found.
    pub state: State,
    /// Whether it is as it should be now.
    pub mended: bool,
}

/// Something that was found and left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// Its place in the list.
    #[serde(skip)]
    pub id: i64,
    /// `engine`, `policy` or `role`.
    pub what: String,
    /// As OpenBao names it.
    pub name: String,
    /// In whose place it stands, if in a vendor's.
    #[schema(required)]
    pub namespace: Option<String>,
    /// What is wrong with it.
    pub says: String,
    /// When it was found first.
    pub since: Timestamp,
}

/// Compares, and changes nothing.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn examine(app: &App, vendor: &Vendor) -> Result<Vec<Drift>> {
    let found = look(app, vendor).await?;
    Ok(found
        .iter()
        .map(|(wanted, state)| wanted.drift(*state, false))
        .collect())
}

async fn look(app: &App, vendor: &Vendor) -> Result<Vec<(Wanted, State)>> {
    let mut found = Vec::new();
    for wanted in Wanted::of(app, vendor).await? {
        let mut state = wanted.state(app).await?;
        if state != State::Right {
            tokio::time::sleep(SECOND_LOOK).await;
            state = wanted.state(app).await?;
        }
        if state != State::Right {
            found.push((wanted, state));
        }
    }
    Ok(found)
}

/// Compares, makes whole what is missing or changed, and gives what was found.
///
/// # Errors
/// Trouble with OpenBao or the database, after which a repeat goes on where this one stopped.
pub async fn repair(app: &Arc<App>, vendor: &Vendor, actor: &str) -> Result<Vec<Drift>> {
    vendor.refuse_cancelled()?;
    let mut all = Vec::new();
    for (wanted, state) in look(app, vendor).await? {
        let mended = state != State::Foreign;
        if mended {
            wanted.mend(app, vendor).await?;
            metrics::counter!("gatehouse_repairs_total", "what" => wanted.what()).increment(1);
        }
        all.push(wanted.drift(state, mended));
    }
    record(app, vendor, &all, actor).await?;
    Ok(all)
}

/// Keeps what was found: one event where something was mended or somebody asked, and what is left among the findings.
async fn record(app: &App, vendor: &Vendor, all: &[Drift], actor: &str) -> Result<()> {
    let now = app.clock.now();
    let (mended, left): (Vec<_>, Vec<_>) = all.iter().partition(|drift| drift.mended);
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    let is_whole = left.is_empty();
    if is_whole && vendor.provisioned < Level::ALL {
        super::store::mark_provisioned(&transaction, vendor.id, Level::ALL, now).await?;
    }
    let names: Vec<&str> = left.iter().map(|drift| drift.name.as_str()).collect();
    for drift in &left {
        let says = "something else is mounted there: move it away, then repair the vendor";
        let is_new = store::find(
            &transaction,
            (drift.what, &drift.name),
            Some(vendor.id),
            says,
            now,
        )
        .await?;
        if is_new {
            tell(
                &transaction,
                Some(vendor.id),
                (drift.what, &drift.name),
                says,
                now,
            )
            .await?;
        }
    }
    store::forget_of_vendor(&transaction, vendor.id, &names).await?;
    store::mark_checked(&transaction, vendor.id, now).await?;
    if !mended.is_empty() || actor != ACTOR {
        let mut event = Event::done("vendor.repaired", Some(vendor.id), actor);
        event.details = json!({ "found": all });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    app.directory.reload(&client, vendor.id).await?;
    for drift in &mended {
        tracing::warn!(vendor.id = vendor.id.0, drift.what, drift.name, drift.state = ?drift.state,
            "What the vendor has in OpenBao was not as it should be, and was made whole");
    }
    Ok(())
}

/// An event about a finding that is new.
async fn tell(
    client: &impl crate::db::GenericClient,
    vendor: Option<VendorId>,
    (what, name): (&str, &str),
    says: &str,
    now: Timestamp,
) -> Result<()> {
    tracing::error!(finding.what = what, finding.name = name, "{says}");
    let mut event = Event::done("openbao.found", vendor, "gatehouse");
    event.details = json!({ "what": what, "name": name, "says": says });
    Ok(event.record(client, now).await?)
}

/// What a pass did.
#[derive(Debug, Default, Serialize)]
pub struct Passed {
    /// Vendors compared.
    pub checked: usize,
    /// Of those, vendors of whom something was made whole.
    pub mended: usize,
    /// Vendors that could not be compared.
    pub failed: usize,
}

/// Compares the vendors whose turn it is.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>) -> Result<Passed> {
    let client = app.db.all().await?;
    let due = store::due(&client, app.clock.now() - EVERY, BATCH).await?;
    drop(client);
    let mut passed = Passed::default();
    for id in due {
        let vendor = create::reload(app, id).await?;
        if vendor.status == Status::Cancelled {
            continue;
        }
        match repair(app, &vendor, ACTOR).await {
            Ok(found) => {
                passed.checked += 1;
                passed.mended += usize::from(found.iter().any(|drift| drift.mended));
            }
            Err(error @ Error::Vault(_)) => {
                passed.failed += 1;
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(vendor.id = id.0, error.cause = %cause, "The vendor could not be compared with OpenBao yet");
                // The next would meet the same.
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(passed)
}
