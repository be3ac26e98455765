//! Handlers on messages of clients.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::fields::Body;
use super::super::own_account;
use super::{Message, Sealed, store};
use crate::app::App;
use crate::auth::{ConnectorVendor, PluginOrVendor};
use crate::error::{Error, Result};
use crate::http::limit::Report;
use crate::http::{Answer, Json, Removed, client_address};
use crate::types::VendorId;

/// Of one answer.
const MOST: i64 = 500;
/// Bytes of envelopes in it.
const LARGEST: i64 = 2 << 20;

/// A message as its Connector reads it.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginMessage)]
pub struct MessageView {
    id: i64,
    #[schema(value_type = i64)]
    account_id: VendorId,
    envelope: String,
    nonce: String,
    sender_public_key: String,
    key_fingerprint: String,
    action: String,
    #[serde(rename = "ref")]
    #[schema(required)]
    reference: Option<String>,
    #[schema(required)]
    access_key_fingerprint: Option<String>,
    /// Unix seconds.
    created_at: i64,
}

impl MessageView {
    fn new(account_id: VendorId, message: Message) -> Self {
        let sealed = message.sealed;
        Self {
            id: message.id,
            account_id,
            envelope: sealed.envelope,
            nonce: sealed.nonce,
            sender_public_key: sealed.sender_public_key,
            key_fingerprint: sealed.key_fingerprint,
            action: sealed.action,
            reference: sealed.reference,
            access_key_fingerprint: sealed.access_key_fingerprint,
            created_at: message.created_at.as_second(),
        }
    }
}

/// A message was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginPosted)]
pub struct PostedView {
    id: i64,
    /// Unix seconds.
    created_at: i64,
}

/// Messages, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginMessages)]
pub struct MessagesView(Vec<MessageView>);

/// `POST /api/v1/accounts/{id}/messages`: a sealed message for the vendor. 201.
pub async fn post(
    app: web::Data<App>,
    caller: PluginOrVendor,
    request: HttpRequest,
    account: web::Path<String>,
    body: Json<Body>,
) -> Result<Answer<PostedView>> {
    let vendor = caller.vendor().id;
    if *account != vendor.to_string() {
        return Err(Error::NotFound);
    }
    let from = client_address(&app, &request);
    app.limits.check_report(vendor, Report::Message, from)?;
    let sealed = Sealed::of(&body.0)?;
    let (id, at) = super::post(&app, vendor, caller.actor(), &sealed).await?;
    Ok(Answer::created(PostedView {
        id,
        created_at: at.as_second(),
    }))
}

/// `GET /api/v1/accounts/{id}/messages?since=`: the oldest first, in pages that end with a second. Other parameters are passed over.
pub async fn list(
    app: web::Data<App>,
    caller: ConnectorVendor,
    request: HttpRequest,
    account: web::Path<String>,
) -> Result<Answer<MessagesView>> {
    let vendor = caller.0.vendor.id;
    own_account(&caller.0, &account)?;
    let since = since(request.query_string())?;
    let client = app.db.of(vendor).await?;
    let messages = store::since(&client, vendor, since, (MOST, LARGEST)).await?;
    let views = messages.into_iter().map(|m| MessageView::new(vendor, m));
    Ok(Answer::ok(MessagesView(views.collect())))
}

/// `DELETE /api/v1/accounts/{id}/messages/{message}`: 200, also where there is none (any more).
pub async fn delete(
    app: web::Data<App>,
    caller: ConnectorVendor,
    path: web::Path<(String, String)>,
) -> Result<Answer<Removed>> {
    let (account, id) = path.into_inner();
    own_account(&caller.0, &account)?;
    let id = id.parse().map_err(|_| Error::NotFound)?;
    let answer = if super::delete(&app, &caller.0, id).await? {
        Removed::DONE
    } else {
        Removed::nothing("unknown_message_id")
    };
    Ok(Answer::ok(answer))
}

/// The time in Unix seconds that a query asks from; without one, from the beginning.
fn since(query: &str) -> Result<Timestamp> {
    let bad = || Error::InvalidParameter("since must be a time in Unix seconds");
    let mut given =
        url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "since");
    let seconds = match (given.next(), given.next()) {
        (None, _) => 0,
        (Some((_, text)), None) if text.is_empty() => 0,
        (Some((_, text)), None) if text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().map_err(|_| bad())?
        }
        _ => return Err(bad()),
    };
    Timestamp::from_second(seconds).map_err(|_| bad())
}
