//! The one type that holds a secret.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A secret string: wiped when dropped, and without `Debug`, `Display` or `Serialize`, so that it cannot reach a log
/// or an answer by accident. [`Secret::expose`] stands only where the bytes leave the process.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the secret text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Call it where the secret is sent, hashed or compared, nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
