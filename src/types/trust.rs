//! Names of issuers and trust policies.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Names an issuer on the operator's list: random, and so its names tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^is[0-9a-f]{16}$")]
pub struct IssuerId(pub i64);

/// Names a trust policy of a vendor: random, and so its names tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^tp[0-9a-f]{16}$")]
pub struct TrustPolicyId(pub i64);

macro_rules! id {
    ($name:ident, $prefix:literal) => {
        impl fmt::Display for $name {
            #[doc = concat!("`", $prefix, "` and 16 hexadecimal digits.")]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:016x}"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl $name {
            /// Reads a name; `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($prefix).filter(|rest| rest.len() == 16)?;
                let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if !digits.bytes().all(lower) {
                    return None;
                }
                i64::from_str_radix(digits, 16).ok().map(Self)
            }
        }
    };
}

id!(IssuerId, "is");
id!(TrustPolicyId, "tp");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_or_refused() {
        let id = TrustPolicyId(255);
        assert_eq!(id.to_string(), "tp00000000000000ff");
        assert_eq!(TrustPolicyId::parse("tp00000000000000ff"), Some(id));
        assert_eq!(IssuerId::parse("is00000000000000ff"), Some(IssuerId(255)));
        for bad in [
            "",
            "tp",
            "is00000000000000ff",
            "tp00000000000000FF",
            "tpffffffffffffffff",
            "tp+0000000000000ff",
        ] {
            assert_eq!(TrustPolicyId::parse(bad), None, "{bad}");
        }
    }
}
