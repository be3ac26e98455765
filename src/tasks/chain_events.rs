//! Chains events, signs where the chains end, and has OpenBao remember the newest of these statements.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::events::chain;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let passed = chain::pass(&app).await?;
    Ok(json!({
        "chained": passed.chained,
        "headsSigned": passed.signed,
        "remembered": passed.remembered,
    }))
}
