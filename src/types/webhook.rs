//! Names of webhooks and of what is sent to them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

/// Names a webhook: random, and so its names tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^wh[0-9a-f]{16}$")]
pub struct WebhookId(pub i64);

impl fmt::Display for WebhookId {
    /// `wh` and 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wh{:016x}", self.0)
    }
}

impl Serialize for WebhookId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl WebhookId {
    /// Reads a name; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("wh").filter(|rest| rest.len() == 16)?;
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !digits.bytes().all(lower) {
            return None;
        }
        i64::from_str_radix(digits, 16).ok().map(Self)
    }
}

/// Names one message to one webhook: its `webhook-id`, a UUID of version 7.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct DeliveryId(pub Uuid);

impl DeliveryId {
    /// A new id, later in order than those made before.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Reads an id as answers show it; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.parse().ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl Default for DeliveryId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_or_refused() {
        let id = WebhookId(255);
        assert_eq!(id.to_string(), "wh00000000000000ff");
        assert_eq!(WebhookId::parse("wh00000000000000ff"), Some(id));
        for bad in [
            "",
            "wh",
            "255",
            "wh00000000000000FF",
            "whffffffffffffffff",
            "wh00000000000000ff0",
            "wh+0000000000000ff",
        ] {
            assert_eq!(WebhookId::parse(bad), None, "{bad}");
        }
        let id = DeliveryId::new();
        assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
        let (braced, upper) = (format!("{{{id}}}"), id.to_string().to_uppercase());
        for bad in ["", "x", &braced, &upper, &id.0.simple().to_string()] {
            assert_eq!(DeliveryId::parse(bad), None, "{bad}");
        }
    }
}
