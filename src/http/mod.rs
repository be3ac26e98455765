//! Shared extractors and middleware.

mod address;
mod answer;
mod decided;
mod described;
mod digest;
mod form;
mod json;
pub mod limit;
mod middleware;
mod paging;
mod path;
pub mod tls;

pub use address::client_address;
pub use answer::{Answer, Changed, Data, Deleted, Removed};
pub use decided::Decided;
pub use described::{
    Answered, Answers, Body, Described, Named, Parameter, Taken, answered_by, taken_by,
};
pub use digest::{body_digest, want_body_digest};
pub use form::{Form, decoded};
pub use json::{
    ENTRY_LIMIT, FileBody, Json, LIMIT as BODY_LIMIT, RawBody, parse as parse_json, read_value,
};
pub use middleware::{answered, harden, head_limit, time_limit};
pub use paging::{Confirmed, Cursor, NoQuery, Page, PageRequest, without_query};
pub use path::{
    DeliveryPath, EntryPath, IssuancePath, IssuerPath, JwtKeyPath, KeyPairPath, KeyPath,
    KeyVersionPath, NamespacePath, NamespaceSitePath, SessionPath, SiteId, TaskPath,
    TrustPolicyPath, UserPath, UserSessionPath, WebhookPath, WorkerPath,
};

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use crate::app::App;
use crate::error::Result;

/// The request's id: in the answer's `X-Request-Id`, in errors, in the log, and in the `meta` of each token.
#[must_use]
pub fn request_id(request: &HttpRequest) -> String {
    use actix_web::HttpMessage;
    request
        .extensions()
        .get::<tracing_actix_web::RequestId>()
        .map_or_else(String::new, ToString::to_string)
}

/// Runs what calls OpenBao to its end, whoever hangs up.
///
/// # Errors
/// Those of the work.
pub async fn in_background<T: Send + 'static, F>(
    app: &web::Data<App>,
    work: impl FnOnce(Arc<App>) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
{
    app.detached(work(app.clone().into_inner())).await
}
