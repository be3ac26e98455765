//! Makes whole what is missing of vendors in OpenBao: of those whose sign-up met trouble, and of those that signed up
//! before the service could do more.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::vendors::provision;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let (made, failed) = provision::pass(&app).await?;
    Ok(json!({ "provisioned": made, "failed": failed }))
}
