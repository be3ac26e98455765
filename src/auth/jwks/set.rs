//! A set of keys.

use serde_json::Value;

use crate::auth::jwt::{Algorithm, PublicKey, object};

/// Keys of one set that are looked at.
const MOST_KEYS: usize = 64;

/// The keys of a set that this service can use.
#[derive(Default)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// Reads a JWK set. Keys of other kinds, for other uses, too weak, or malformed are left out: sets hold keys for many
    /// readers. `None` where it is no set, or one of more than 64 keys.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut set = object(bytes)?;
        let Some(Value::Array(keys)) = set.remove("keys") else {
            return None;
        };
        if keys.len() > MOST_KEYS {
            return None;
        }
        let usable = keys
            .iter()
            .filter_map(|key| PublicKey::of_jwk(key.as_object()?).ok());
        Some(Self(usable.collect()))
    }

    /// The keys of this name and algorithm. A token that names none can only be signed with the only key of its algorithm.
    #[must_use]
    pub fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Vec<PublicKey> {
        let right = |key: &&PublicKey| key.algorithm() == algorithm;
        let found: Vec<PublicKey> = match kid {
            Some(kid) => {
                let named = self.0.iter().filter(|key| key.kid() == Some(kid));
                named.filter(right).cloned().collect()
            }
            None => self.0.iter().filter(right).cloned().collect(),
        };
        if kid.is_none() && found.len() > 1 {
            return Vec::new();
        }
        found
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn key(kid: Option<&str>) -> Value {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": X});
        if let Some(kid) = kid {
            key["kid"] = json!(kid);
        }
        key
    }

    fn read(set: &Value) -> Option<KeySet> {
        KeySet::parse(set.to_string().as_bytes())
    }

    #[test]
    fn keys_are_found_by_name_and_algorithm() {
        let set = read(
            &json!({"keys": [key(Some("a")), key(Some("b")), {"kty": "oct", "k": "c2VjcmV0"}, 7]}),
        );
        let set = set.unwrap();
        assert_eq!(set.len(), 2);
        assert_eq!(set.find(Algorithm::EdDsa, Some("a")).len(), 1);
        assert_eq!(set.find(Algorithm::EdDsa, Some("A")).len(), 0);
        assert_eq!(set.find(Algorithm::Rs256, Some("a")).len(), 0);
        assert_eq!(set.find(Algorithm::EdDsa, None).len(), 0, "which of two?");
        let one = read(&json!({"keys": [key(None)]})).unwrap();
        assert_eq!(one.find(Algorithm::EdDsa, None).len(), 1);
        assert_eq!(one.find(Algorithm::EdDsa, Some("a")).len(), 0);
    }

    #[test]
    fn what_is_no_set_or_too_large_is_none() {
        assert!(read(&json!({"keys": []})).is_some_and(|set| set.is_empty()));
        let many: Vec<Value> = (0..65).map(|n| key(Some(&n.to_string()))).collect();
        for bad in [
            json!({}),
            json!([]),
            json!({"keys": {}}),
            json!({"keys": many}),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
        }
        assert!(KeySet::parse(b"<html>").is_none());
        assert!(KeySet::parse(br#"{"keys":[],"keys":[]}"#).is_none());
    }
}
