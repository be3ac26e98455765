//! Makes months for the logs ahead of time, and removes what is past its time.

use std::sync::Arc;

use super::Report;
use crate::access_logs::retention;
use crate::app::App;

pub(super) async fn pass(app: Arc<App>) -> Report {
    retention::pass(&app).await
}
