//! Renews tokens that the service keeps alive, and notes those that come near their end.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::tokens::renew;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let passed = renew::pass(&app).await?;
    Ok(json!({
        "renewed": passed.renewed,
        "lost": passed.lost,
        "failed": passed.failed,
        "endingSoon": passed.ending,
    }))
}
