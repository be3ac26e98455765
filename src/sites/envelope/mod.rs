//! Envelopes: what a client seals for its vendor's support team, kept in the vendor's store and nowhere else.
//!
//! Nobody here can open one. It is stored ([`put`]) and read ([`read()`]) with tokens of minutes that the service issues
//! itself, on record as every other.

pub mod put;
mod read;
pub mod settle;
pub mod store;

pub use read::{Opened, live, read};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::types::{ExpiresAt, SiteUrl};

/// The end of an envelope that has none, in the store.
const NEVER: &str = "never";
/// Who has the tokens that envelopes are stored and read with.
const ACTOR: &str = "gatehouse";

/// A sealed envelope. No `Debug`: none of it belongs into a log.
#[derive(Clone)]
pub struct Envelope {
    /// The sealed identifier.
    pub identifier: String,
    /// Where the site is.
    pub site_url: SiteUrl,
    /// What the identifier was sealed with: the client's X25519 key.
    pub client_public_key: String,
    /// As above: the nonce.
    pub nonce: String,
    /// The client's labels: JSON, as it came.
    pub metadata: String,
    /// When it is removed by itself; not in those of before.
    pub expires_at: Option<ExpiresAt>,
}

impl Envelope {
    /// As it lies in the store: texts only, as OpenBao's audit log shows numbers and booleans in the clear.
    fn fields(&self) -> Map<String, Value> {
        let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        Map::from_iter([
            text("identifier", &self.identifier),
            text("siteUrl", self.site_url.as_str()),
            text("clientPublicKey", &self.client_public_key),
            text("nonce", &self.nonce),
            text("metaData", &self.metadata),
            text("expiresAt", &self.end()),
        ])
    }

    fn end(&self) -> String {
        let ExpiresAt(end) = self.expires_at.unwrap_or_default();
        end.map_or_else(|| NEVER.to_owned(), |at| at.as_second().to_string())
    }

    /// With its end, where it holds one.
    fn with_end(self) -> Option<(Self, ExpiresAt)> {
        let end = self.expires_at?;
        Some((self, end))
    }

    /// `None` where it is none that was stored here.
    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            identifier: text("identifier")?,
            site_url: SiteUrl::try_from(text("siteUrl")?).ok()?,
            client_public_key: text("clientPublicKey")?,
            nonce: text("nonce")?,
            metadata: text("metaData")?,
            expires_at: text("expiresAt").and_then(|end| read_end(&end)),
        })
    }
}

fn read_end(text: &str) -> Option<ExpiresAt> {
    if text == NEVER {
        return Some(ExpiresAt(None));
    }
    let at = Timestamp::from_second(text.parse().ok()?).ok()?;
    Some(ExpiresAt(Some(at)))
}
