//! Names of keys that vendors register.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Names a key that a vendor registered: random, and so its names tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^jk[0-9a-f]{16}$")]
pub struct JwtKeyId(pub i64);

impl fmt::Display for JwtKeyId {
    /// `jk` and 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jk{:016x}", self.0)
    }
}

impl Serialize for JwtKeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JwtKeyId {
    /// Reads a name; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("jk").filter(|rest| rest.len() == 16)?;
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !digits.bytes().all(lower) {
            return None;
        }
        i64::from_str_radix(digits, 16).ok().map(Self)
    }
}
