//! Gives an envelope to a Connector that signed a nonce.

use std::sync::Arc;

use serde_json::json;

use super::super::canonical::{Answer, Value};
use super::super::connector::{self, NonceDigest};
use super::super::fields::Body;
use super::super::signing;
use super::store::{self, Opening as Opened};
use crate::app::App;
use crate::auth::VendorCaller;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::sites::envelope::{self, Envelope};
use crate::telemetry;
use crate::types::{Name, SecretId};

/// What a Connector says when it asks for an envelope.
pub struct Opening {
    /// The person of the support team, as the vendor's site knows it; a name that cannot be shown is left out.
    pub user: Option<(i64, Option<Name>)>,
    /// Random bytes in base64.
    pub nonce: String,
    /// Their signature in base64.
    pub signed_nonce: String,
}

impl Opening {
    /// Reads the body. A nonce that is missing was signed by nobody.
    ///
    /// # Errors
    /// [`Error::InvalidField`] with every fault.
    pub fn read(body: &Body) -> Result<Self> {
        let mut fields = body.fields();
        let nonce = fields.optional_text("nonce", 4096).unwrap_or_default();
        let signed_nonce = fields.optional_text("signedNonce", 4096);
        let user = fields.value("user").cloned().unwrap_or_default();
        fields.finish()?;
        let name = user["name"].as_str().map(str::to_owned);
        let name = name.and_then(|name| Name::try_from(name).ok());
        Ok(Self {
            user: user["id"].as_i64().map(|id| (id, name)),
            nonce,
            signed_nonce: signed_nonce.unwrap_or_default(),
        })
    }
}

/// The answer's body. That it was opened, by whom, is on record before it is answered, and so is that its nonce was used.
///
/// # Errors
/// [`Error::NonceRefused`], [`Error::ConnectorKeyUnavailable`], [`Error::NotFound`], [`Error::SiteExpired`],
/// [`Error::SupportPaused`], or trouble with OpenBao or the database.
pub async fn open(
    app: &Arc<App>,
    caller: &VendorCaller,
    id: &SecretId,
    asked: &Opening,
) -> Result<String> {
    let vendor = &caller.vendor;
    let nonce = connector::verify_nonce(app, vendor, &asked.nonce, &asked.signed_nonce).await?;
    let opened = match envelope::read(app, vendor, id).await {
        Err(error @ (Error::NotFound | Error::SiteExpired)) => {
            // Used all the same.
            let client = app.db.of(vendor.id).await?;
            let now = app.clock.now();
            let is_first = connector::store::spend(&client, vendor.id, &nonce, now).await?;
            return Err(if is_first { error } else { Error::NonceRefused });
        }
        read => read?,
    };
    let body = signing::signed(app, answer(&opened.envelope)?).await?;
    note(app, caller, id, asked, &opened, &nonce).await?;
    Ok(body)
}

fn answer(envelope: &Envelope) -> Result<Answer> {
    let labels = Value::read(&envelope.metadata)
        .map_err(|_| Error::Integrity("an envelope's metaData is no JSON"))?;
    let text = |text: &str| Value::from(text.to_owned());
    Ok(Answer::new([
        ("identifier", text(&envelope.identifier)),
        ("siteUrl", text(envelope.site_url.as_str())),
        ("publicKey", text(&envelope.client_public_key)),
        ("nonce", text(&envelope.nonce)),
        ("metaData", labels),
    ]))
}

async fn note(
    app: &App,
    caller: &VendorCaller,
    id: &SecretId,
    asked: &Opening,
    opened: &envelope::Opened,
    nonce: &NonceDigest,
) -> Result<()> {
    let (vendor, now) = (caller.vendor.id, app.clock.now());
    let mut event = Event::done("envelope.opened", Some(vendor), "vendor");
    event.details = json!({ "openbaoRequestId": opened.request_id });
    if let Some((user, name)) = &asked.user {
        event.details["user"] = json!({ "id": user, "name": name });
    }
    let client = app.db.of(vendor).await?;
    let place = (vendor, id, opened.generation);
    let told = (&event, &telemetry::current());
    match store::open(&client, place, nonce, told, now).await? {
        Opened::Noted => Ok(()),
        Opened::Repeated => Err(Error::NonceRefused),
        Opened::Gone => Err(Error::NotFound),
        Opened::Expired => Err(Error::SiteExpired),
        Opened::Paused => Err(Error::SupportPaused),
    }
}
