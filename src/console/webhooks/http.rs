//! Handlers of webhooks, the platform's own and those of vendors.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::auth::WebhookAdmin;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Badge, Frame, moment, moment_or, next_query};
use crate::console::session::Session;
use crate::console::session::http::{Act, Member, MemberAct, SignedIn};
use crate::console::vendors::http::host;
use crate::error::{Error, Result};
use crate::http::{DeliveryPath, NamespacePath, Page, PageRequest, WebhookPath};
use crate::types::WebhookId;
use crate::vendors::create;
use crate::webhooks::deliveries::{self, Delivery};
use crate::webhooks::{Endpoint, Owner, store};

struct Row {
    id: String,
    host: String,
    status: Badge,
    created: String,
}

#[derive(Template)]
#[template(path = "console/webhooks/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
}

fn row(endpoint: &Endpoint) -> Row {
    let state = match endpoint.disabled_at {
        None => "enabled",
        Some(_) => "disabled",
    };
    Row {
        id: endpoint.id.to_string(),
        host: host(endpoint.url.as_str()),
        status: Badge::of(state),
        created: moment(&endpoint.created_at),
    }
}

/// `GET /console/webhooks`: the platform's own.
pub async fn list(app: web::Data<App>, by: SignedIn, request: HttpRequest) -> Result<HttpResponse> {
    let client = app.db.get().await?;
    let endpoints = store::page(&client, Owner::Platform, None, 100).await?;
    drop(client);
    let frame = Frame::new(&by.0.who(), Area::Webhooks, "Webhooks of the platform");
    shown(&ListPage {
        frame: frame.after(request.query_string()),
        rows: endpoints.iter().map(row).collect(),
    })
}

struct DeliveryRow {
    id: String,
    kind: String,
    state: Badge,
    attempts: i32,
    said: String,
    created: String,
    next: String,
}

#[derive(Template)]
#[template(path = "console/webhooks/show.html")]
struct WebhookPage {
    frame: Frame,
    webhook: Row,
    /// Where its pages are.
    base: String,
    vendor: Option<String>,
    is_enabled: bool,
    rows: Vec<DeliveryRow>,
    next: Option<String>,
    is_first: bool,
}

fn delivery_row(delivery: Delivery) -> DeliveryRow {
    let state = match (delivery.delivered_at, delivery.dead_at) {
        (Some(_), _) => "delivered",
        (None, Some(_)) => "dead",
        (None, None) => "waiting",
    };
    let said = match (delivery.last_status, delivery.last_problem) {
        (Some(status), Some(problem)) => format!("{status}, {problem}"),
        (Some(status), None) => status.to_string(),
        (None, Some(problem)) => problem,
        (None, None) => "nothing yet".to_owned(),
    };
    DeliveryRow {
        id: delivery.id.to_string(),
        kind: delivery.type_name,
        state: Badge::of(state),
        attempts: delivery.attempts,
        said,
        created: moment(&delivery.created_at),
        next: moment_or(delivery.next_attempt_at.as_ref(), "–"),
    }
}

async fn webhook(
    app: &App,
    by: &Session,
    (owner, vendor): (Owner, Option<String>),
    id: WebhookId,
    query: &str,
) -> Result<HttpResponse> {
    let wanted = PageRequest::beside(query, |name, _| match name {
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: limit, cursor")),
    })?;
    let is_first = wanted.cursor.is_none();
    let before = wanted.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.get().await?;
    let endpoint = store::find(&client, owner, id).await?;
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    let rows = deliveries::store::page(&client, owner, id, before, wanted.limit).await?;
    drop(client);
    let page = Page::from_rows(rows, wanted.limit, |row| row.id, delivery_row);
    shown(&WebhookPage {
        frame: Frame::new(&by.who(), Area::Webhooks, "Webhook").after(query),
        webhook: row(&endpoint),
        base: base(vendor.as_deref(), id),
        vendor,
        is_enabled: endpoint.disabled_at.is_none(),
        rows: page.items,
        next: page.next_cursor.map(|cursor| next_query(&[], &cursor)),
        is_first,
    })
}

fn base(vendor: Option<&str>, id: WebhookId) -> String {
    match vendor {
        Some(namespace) => format!("/console/vendors/{namespace}/webhooks/{id}"),
        None => format!("/console/webhooks/{id}"),
    }
}

/// `GET /console/webhooks/{webhook}`: one of the platform, and what was sent to it.
pub async fn of_platform(
    app: web::Data<App>,
    by: SignedIn,
    path: WebhookPath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let owner = (Owner::Platform, None);
    webhook(&app, &by.0, owner, path.0, request.query_string()).await
}

/// `GET /console/vendors/{namespace}/webhooks/{webhook}`: one of a vendor.
pub async fn of_vendor(
    app: web::Data<App>,
    by: Member,
    namespace: NamespacePath,
    path: WebhookPath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &namespace.0).await?;
    let owner = (vendor.id.into(), Some(namespace.0.to_string()));
    webhook(&app, &by.0, owner, path.0, request.query_string()).await
}

/// `POST /console/webhooks/{webhook}/deliveries/{delivery}/replay`.
pub async fn replay_of_platform(
    app: web::Data<App>,
    sent: Act,
    path: DeliveryPath,
) -> Result<HttpResponse> {
    replay(app, &sent.by, (Owner::Platform, None), path).await
}

/// `POST /console/vendors/{namespace}/webhooks/{webhook}/deliveries/{delivery}/replay`.
pub async fn replay_of_vendor(
    app: web::Data<App>,
    sent: MemberAct,
    namespace: NamespacePath,
    path: DeliveryPath,
) -> Result<HttpResponse> {
    let vendor = create::named(&app, &namespace.0).await?;
    vendor.refuse_cancelled()?;
    let owner = (vendor.id.into(), Some(namespace.0.to_string()));
    replay(app, &sent.by, owner, path).await
}

async fn replay(
    app: web::Data<App>,
    by: &Session,
    (owner, vendor): (Owner, Option<String>),
    path: DeliveryPath,
) -> Result<HttpResponse> {
    let admin = WebhookAdmin {
        owner,
        actor: by.actor(),
    };
    deliveries::replay(&app.into_inner(), &admin, path.0, path.1).await?;
    let base = base(vendor.as_deref(), path.0);
    Ok(see_other(&format!("{base}?done=replayed")))
}
