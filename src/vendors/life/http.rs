//! Handlers by which operators suspend, resume and cancel vendors.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;

use crate::app::App;
use crate::auth::Operator;
use crate::error::Result;
use crate::http::{Answer, Confirmed, NamespacePath, in_background};
use crate::types::Namespace;
use crate::vendors::cancel::Progress;
use crate::vendors::{Status, VendorView, create, http};

/// `POST /api/admin/vendors/{namespace}/suspend`: shuts a vendor out everywhere but in removals.
pub async fn suspend(
    app: web::Data<App>,
    operator: Operator,
    path: NamespacePath,
) -> Result<Answer<VendorView>> {
    let view = set(&app, &operator, path.0, Status::Suspended).await?;
    Ok(Answer::ok(view))
}

/// `POST /api/admin/vendors/{namespace}/resume`: ends that.
pub async fn resume(
    app: web::Data<App>,
    operator: Operator,
    path: NamespacePath,
) -> Result<Answer<VendorView>> {
    let view = set(&app, &operator, path.0, Status::Active).await?;
    Ok(Answer::ok(view))
}

/// `DELETE /api/admin/vendors/{namespace}?confirm={namespace}`: cancels a vendor for good. 202 while what is left of it is
/// being removed, 200 when all is gone.
pub async fn cancel(
    app: web::Data<App>,
    operator: Operator,
    path: NamespacePath,
    confirmed: Confirmed,
) -> Result<Answer<VendorView>> {
    confirmed.names(&path.0)?;
    let view = set(&app, &operator, path.0, Status::Cancelled).await?;
    let is_done = view.cancellation.as_ref().is_some_and(Progress::is_done);
    Ok(if is_done {
        Answer::ok(view)
    } else {
        Answer::accepted(view)
    })
}

async fn set(
    app: &web::Data<App>,
    operator: &Operator,
    namespace: Namespace,
    to: Status,
) -> Result<VendorView> {
    let actor = operator.actor();
    let set = in_background(app, move |app| async move {
        let id = create::named(&app, &namespace).await?.id;
        super::by_operator(&app, id, to, &actor).await?;
        create::reload(&app, id).await
    });
    let vendor = set.await?;
    http::view_of(app, &vendor).await
}
