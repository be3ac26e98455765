//! Handlers on what is sent to a webhook.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Delivery, store};
use crate::app::App;
use crate::auth::WebhookAdmin;
use crate::error::{Error, Result};
use crate::http::{Answer, DeliveryPath, Page, PageRequest, WebhookPath};
use crate::types::DeliveryId;

/// A message as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub struct DeliveryView {
    id: DeliveryId,
    #[serde(rename = "type")]
    type_name: String,
    /// `waiting`, `delivered` or `dead`.
    state: &'static str,
    attempts: i32,
    #[schema(required)]
    last_status: Option<i32>,
    #[schema(required)]
    last_problem: Option<String>,
    created_at: Timestamp,
    #[schema(required)]
    last_attempt_at: Option<Timestamp>,
    #[schema(required)]
    next_attempt_at: Option<Timestamp>,
    #[schema(required)]
    delivered_at: Option<Timestamp>,
    #[schema(required)]
    dead_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let state = match (delivery.delivered_at, delivery.dead_at) {
            (Some(_), _) => "delivered",
            (None, Some(_)) => "dead",
            (None, None) => "waiting",
        };
        Self {
            id: delivery.id,
            type_name: delivery.type_name,
            state,
            attempts: delivery.attempts,
            last_status: delivery.last_status,
            last_problem: delivery.last_problem,
            created_at: delivery.created_at,
            last_attempt_at: delivery.last_attempt_at,
            next_attempt_at: delivery.next_attempt_at,
            delivered_at: delivery.delivered_at,
            dead_at: delivery.dead_at,
        }
    }
}

/// `POST /api/webhooks/{webhook}/test`: a message of type `test` goes into the queue. 202.
pub async fn test(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: WebhookPath,
) -> Result<Answer<DeliveryView>> {
    let delivery = super::test(&app.into_inner(), &by, path.0).await?;
    Ok(Answer::accepted(DeliveryView::from(delivery)))
}

/// `GET /api/webhooks/{webhook}/deliveries`: a page, the newest first.
pub async fn list(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: WebhookPath,
    page: PageRequest,
) -> Result<Answer<Page<DeliveryView>>> {
    let before = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let (client, owner) = (app.db.of_or_all(by.owner.vendor()).await?, by.owner);
    let endpoint = crate::webhooks::store::find(&client, owner, path.0).await?;
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    let rows = store::page(&client, owner, endpoint.id, before, page.limit).await?;
    let page = Page::from_rows(rows, page.limit, |row| row.id, DeliveryView::from);
    Ok(Answer::ok(page))
}

/// `POST /api/webhooks/{webhook}/deliveries/{delivery}/replay`: sends it again, from the first try. 202.
pub async fn replay(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: DeliveryPath,
) -> Result<Answer<DeliveryView>> {
    let delivery = super::replay(&app.into_inner(), &by, path.0, path.1).await?;
    Ok(Answer::accepted(DeliveryView::from(delivery)))
}
