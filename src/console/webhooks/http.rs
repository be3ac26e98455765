//! Handlers of webhooks, the platform's own and those of vendors.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{see_other, shown};
use crate::console::layout::{Area, Badge, Frame, moment, moment_or, next_query};
use crate::console::session::http::SignedIn;
use crate::console::session::keeper::http::{Keeper, KeeperAct};
use crate::console::vendors::http::host;
use crate::error::{Error, Result};
use crate::http::{DeliveryPath, Page, PageRequest, WebhookPath};
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
    let client = app.db.all().await?;
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
    /// What it hears of.
    types: String,
    /// Until when the secret before the newest signs too.
    former: Option<String>,
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

/// `GET /console/webhooks/{webhook}` and `GET /console/vendors/{namespace}/webhooks/{webhook}`: one, and what was sent to it.
pub async fn show(
    app: web::Data<App>,
    by: Keeper,
    path: WebhookPath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let Keeper { by, hooks } = by;
    let wanted = PageRequest::beside(request.query_string(), |name, _| match name {
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: limit, cursor")),
    })?;
    let is_first = wanted.cursor.is_none();
    let before = wanted.cursor.map(|cursor| cursor.key()).transpose()?;
    let (client, owner) = (hooks.client(&app).await?, hooks.owner);
    let endpoint = store::find(&client, owner, path.0).await?;
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    let rows = deliveries::store::page(&client, owner, path.0, before, wanted.limit).await?;
    drop(client);
    let page = Page::from_rows(rows, wanted.limit, |row| row.id, delivery_row);
    let types = endpoint.types.as_slice().join(", ");
    shown(&WebhookPage {
        frame: Frame::new(&by.who(), Area::Webhooks, "Webhook").after(request.query_string()),
        webhook: row(&endpoint),
        types: if types == "*" {
            "everything".to_owned()
        } else {
            types
        },
        former: endpoint.generation.former_ends_at.as_ref().map(moment),
        base: hooks.page(path.0),
        vendor: hooks.vendor.map(|vendor| vendor.namespace.to_string()),
        is_enabled: endpoint.disabled_at.is_none(),
        rows: page.items,
        next: page.next_cursor.map(|cursor| next_query(&[], &cursor)),
        is_first,
    })
}

/// `POST …/webhooks/{webhook}/deliveries/{delivery}/replay`.
pub async fn replay(
    app: web::Data<App>,
    sent: KeeperAct,
    path: DeliveryPath,
) -> Result<HttpResponse> {
    deliveries::replay(&app.into_inner(), &sent.admin(), path.0, path.1).await?;
    Ok(see_other(&format!(
        "{}?done=replayed",
        sent.hooks.page(path.0)
    )))
}
