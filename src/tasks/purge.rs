//! Drops what is no longer needed: receipts of webhooks, records of sites removed long ago, messages that are over,
//! what clients reported or sent a month ago, nonces and tokens of workloads that were spent, old tries to log in, counts by the hour, and old
//! checkpoints of the trail.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::Report;
use crate::access_logs::alarms::{self, reads};
use crate::app::App;
use crate::events::chain;
use crate::federation;
use crate::trustedlogin::{connector, messages};
use crate::users::accounts::tries;
use crate::webhooks::deliveries;
use crate::{sites, vendors};

const KEEP: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) async fn pass(app: Arc<App>) -> Report {
    let before = app.clock.now().checked_sub(KEEP)?;
    let client = app.db.all().await?;
    let receipts = vendors::receipts::purge(&client, before).await?;
    let sites = sites::store::purge(&client, before).await?;
    let messages = deliveries::store::purge(&client, before).await?;
    let nonces = connector::store::purge_nonces(&client, before).await?;
    let attempts = sites::attempts::store::purge(&client, before).await?;
    let client_messages = messages::store::purge(&client, before).await?;
    let tries = tries::store::purge(&client, app.clock.now()).await?;
    let hours = app.clock.now().checked_sub(reads::KEEP)?;
    let counts = alarms::store::purge(&client, hours).await?;
    let spent = federation::purge(&client, app.clock.now()).await?;
    drop(client);
    let checkpoints = chain::prune(&app).await?;
    Ok(json!({
        "receipts": receipts,
        "sites": sites,
        "messages": messages,
        "nonces": nonces,
        "loginAttempts": attempts,
        "clientMessages": client_messages,
        "logInTries": tries,
        "hourlyCounts": counts,
        "subjectTokens": spent,
        "checkpoints": checkpoints,
    }))
}
