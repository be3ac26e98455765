//! Makes access tokens.

use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::claims::{AccessToken, Source, TYPE};
use crate::app::App;
use crate::auth::{Client, ClientKind};
use crate::error::Result;
use crate::events::Event;
use crate::types::{Secret, SessionId};
use crate::users::workers;

/// How long a token may last at most, and must at least, in seconds.
pub const LIVES: (u32, u32) = (60, 3600);

/// A token that was made. It is shown once.
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// How long it lasts, in seconds.
    pub life: u32,
}

impl AccessToken {
    /// As the events name its client.
    #[must_use]
    pub fn actor(&self) -> String {
        match self.source {
            Source::KeyPair(_) => "vendor".to_owned(),
            Source::WorkerKey(worker, _) => workers::actor(worker),
            Source::UserToken(..) => {
                let name = self.client_id.split('@').next().unwrap_or_default();
                format!("user:{name}")
            }
        }
    }
}

/// A token for a client, as good as what it showed. It is on record before it is handed out.
///
/// # Errors
/// Where the vendor is not active, there is no key to sign with, or the database does not answer.
pub async fn issue(app: &App, client: &Client, life: u32) -> Result<Issued> {
    client.vendor.refuse_inactive()?;
    let keys = app.token_keys.get().await?;
    let (config, now) = (&app.config.access_tokens, app.clock.now());
    let (client_kind, source) = match &client.kind {
        ClientKind::Vendor(key) => ("vendor", Source::KeyPair(*key)),
        ClientKind::Worker(worker, key) => ("worker", Source::WorkerKey(worker.id, *key)),
        ClientKind::User(user, id) => {
            let edition = user.account.password_edition;
            ("user", Source::UserToken(SessionId(*id), edition))
        }
    };
    let lasts = SignedDuration::from_secs(i64::from(life));
    let token = AccessToken {
        jti: Uuid::new_v4(),
        vendor: client.vendor.id,
        client_id: client.id(),
        source,
        epoch: client.vendor.token_epoch,
        issued_at: now,
        expires_at: now.checked_add(lasts).unwrap_or(now),
    };
    let payload = token.payload(&config.issuer);
    let payload = payload.map_err(|e| crate::error::Error::Internal(e.to_string()))?;
    let (text, signed_by) = keys.sign(TYPE, &payload, now)?;
    let actor = client.actor();
    let mut event = Event::done("access_token.issued", Some(token.vendor), &actor);
    event.details = json!({
        "jti": token.jti, "clientId": token.client_id, "expiresAt": token.expires_at, "kid": signed_by,
    });
    let database = app.db.of(token.vendor).await?;
    event.record(&database, now).await?;
    metrics::counter!("gatehouse_access_tokens_issued_total", "client" => client_kind).increment(1);
    Ok(Issued {
        token: Secret::new(text),
        life,
    })
}
