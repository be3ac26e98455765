//! Handlers by which operators suspend, resume and cancel vendors.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{Faults, Field, page, see_other, shown};
use crate::console::layout::{Area, Frame};
use crate::console::session::Session;
use crate::console::session::http::{Act, SignedIn};
use crate::error::Result;
use crate::http::{NamespacePath, in_background};
use crate::types::Namespace;
use crate::vendors::{Status, create, life};

async fn set(
    app: &web::Data<App>,
    by: &Session,
    namespace: &Namespace,
    (to, done): (Status, &str),
) -> Result<HttpResponse> {
    let (actor, named) = (by.actor(), namespace.clone());
    in_background(app, move |app| async move {
        let id = create::named(&app, &named).await?.id;
        life::by_operator(&app, id, to, &actor).await
    })
    .await?;
    Ok(see_other(&format!(
        "/console/vendors/{namespace}?done={done}"
    )))
}

/// `POST /console/vendors/{namespace}/suspend`.
pub async fn suspend(app: web::Data<App>, sent: Act, path: NamespacePath) -> Result<HttpResponse> {
    set(&app, &sent.by, &path.0, (Status::Suspended, "suspended")).await
}

/// `POST /console/vendors/{namespace}/resume`.
pub async fn resume(app: web::Data<App>, sent: Act, path: NamespacePath) -> Result<HttpResponse> {
    set(&app, &sent.by, &path.0, (Status::Active, "resumed")).await
}

#[derive(Template)]
#[template(path = "console/vendors/cancel.html")]
struct CancelPage {
    frame: Frame,
    namespace: String,
    confirm: Field,
}

async fn question(
    app: &App,
    by: &Session,
    namespace: &Namespace,
    faults: &Faults,
) -> Result<CancelPage> {
    let vendor = create::named(app, namespace).await?;
    vendor.refuse_cancelled()?;
    let title = format!("Cancel {}", vendor.name.as_str());
    Ok(CancelPage {
        frame: Frame::new(&by.who(), Area::Vendors, title),
        namespace: namespace.to_string(),
        confirm: Field::text("confirm", "Namespace")
            .required()
            .hint("Type the namespace to confirm.")
            .filled(None, faults),
    })
}

/// `GET /console/vendors/{namespace}/cancel`: asks whether it is meant.
pub async fn ask(app: web::Data<App>, by: SignedIn, path: NamespacePath) -> Result<HttpResponse> {
    shown(&question(&app, &by.0, &path.0, &Faults::none()).await?)
}

/// `POST /console/vendors/{namespace}/cancel`: for good.
pub async fn cancel(app: web::Data<App>, sent: Act, path: NamespacePath) -> Result<HttpResponse> {
    let Act { by, form } = sent;
    if form.get("confirm").map(str::trim) != Some(path.0.as_str()) {
        let faults = Faults::one("confirm", "is not the namespace");
        let again = question(&app, &by, &path.0, &faults).await?;
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    }
    set(&app, &by, &path.0, (Status::Cancelled, "cancelled")).await
}
