//! Brings the policies of workers in OpenBao up to date that could not be written at once.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::users::workers::policy;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let (written, failed) = policy::pass(&app).await?;
    Ok(json!({ "followed": written, "failed": failed }))
}
