//! What is known of a vendor's Connector: where it answers, and the key it signs with.

use std::fmt;

use url::Url;

use super::text::TextError;
use super::web_url;

/// Below a Connector's endpoint.
const KEY_ROUTE: &str = "trustedlogin/v1/signature_key";

/// Where a Connector's REST API begins: http or https, at most 2,048 characters, without user name, password and
/// fragment. It is written as it is parsed, so that nobody reads another host out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiEndpoint(Url);

impl TryFrom<&str> for ApiEndpoint {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        web_url::strict(text).map(Self).ok_or(TextError(
            "must be an https URL of at most 2,048 characters without user name, password and fragment",
        ))
    }
}

impl ApiEndpoint {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL without its query, which may hold a secret.
    #[must_use]
    pub fn without_query(&self) -> String {
        let mut url = self.0.clone();
        url.set_query(None);
        url.into()
    }

    /// The same, parsed.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Where the key is: below the path, or, where its site has no pretty permalinks, below `rest_route` in the query.
    #[must_use]
    pub fn key_url(&self) -> Url {
        let below = |route: &str| format!("{}/{KEY_ROUTE}", route.trim_end_matches('/'));
        let is_route = |pair: &str| pair.starts_with("rest_route=");
        let mut url = self.0.clone();
        match self.0.query() {
            Some(query) if query.split('&').any(is_route) => {
                let moved = query.split('&').map(|pair| match pair {
                    pair if is_route(pair) => below(pair),
                    pair => pair.to_owned(),
                });
                let moved: Vec<String> = moved.collect();
                url.set_query(Some(&moved.join("&")));
            }
            _ => url.set_path(&below(self.0.path())),
        }
        url
    }
}

/// A Connector's public Ed25519 key. None of small order: to such a one nearly anything is a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureKey([u8; 32]);

/// The y of all points of small order, without the sign.
const SMALL_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

impl SignatureKey {
    /// Reads 64 hexadecimal digits; `None` for any other text, and for keys that no key pair has. One that lies on no
    /// point of the curve is not told: it verifies nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).ok()?;
        let mut y = key;
        y[31] &= 0x7f;
        let too_large = y[31] == 0x7f && y[1..31].iter().all(|byte| *byte == 0xff) && y[0] >= 0xed;
        let small = SMALL_ORDER.contains(&hex::encode(y).as_str());
        (!too_large && !small).then_some(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SignatureKey {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_what_wordpress_says() {
        let key = |text: &str| ApiEndpoint::try_from(text).unwrap().key_url().to_string();
        for (endpoint, expected) in [
            (
                "https://vendor.example/wp-json/",
                "https://vendor.example/wp-json/trustedlogin/v1/signature_key",
            ),
            (
                "https://vendor.example/blog/wp-json",
                "https://vendor.example/blog/wp-json/trustedlogin/v1/signature_key",
            ),
            (
                "https://vendor.example/index.php?rest_route=/",
                "https://vendor.example/index.php?rest_route=/trustedlogin/v1/signature_key",
            ),
            (
                "https://vendor.example/?lang=de&rest_route=/&x=y",
                "https://vendor.example/?lang=de&rest_route=/trustedlogin/v1/signature_key&x=y",
            ),
            (
                "https://vendor.example/wp-json/?lang=de",
                "https://vendor.example/wp-json/trustedlogin/v1/signature_key?lang=de",
            ),
            (
                "https://vendor.example:8443",
                "https://vendor.example:8443/trustedlogin/v1/signature_key",
            ),
            (
                "https://b\u{fc}cher.example/wp-json/",
                "https://xn--bcher-kva.example/wp-json/trustedlogin/v1/signature_key",
            ),
        ] {
            assert_eq!(key(endpoint), expected, "{endpoint}");
        }
        let shown = ApiEndpoint::try_from("https://vendor.example/wp-json/?key=canary");
        assert_eq!(
            shown.unwrap().without_query(),
            "https://vendor.example/wp-json/"
        );
    }

    #[test]
    fn keys_of_small_order_and_other_forms_are_none() {
        let good = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let read = SignatureKey::parse(good).unwrap();
        assert_eq!(read.to_string(), good);
        assert_eq!(SignatureKey::parse(&good.to_uppercase()), Some(read));
        for bad in [
            "",
            &good[..62],
            &good[..63],
            &format!("{good}00"),
            &format!("{good} "),
            &good.replace('d', "g"),
        ] {
            assert_eq!(SignatureKey::parse(bad), None, "{bad}");
        }
        let signed = |text: &str| {
            let mut bytes = hex::decode(text).unwrap();
            bytes[31] |= 0x80;
            hex::encode(bytes)
        };
        // The same points, written as numbers that are too large.
        let large = ["ed", "ee", "ff"].map(|first| format!("{first}{}7f", "ff".repeat(30)));
        for small in SMALL_ORDER
            .into_iter()
            .chain(large.each_ref().map(String::as_str))
        {
            assert_eq!(SignatureKey::parse(small), None, "{small}");
            assert_eq!(SignatureKey::parse(&signed(small)), None, "{small}");
        }
    }
}
