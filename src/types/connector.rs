//! What is known of a vendor's Connector: where it answers, and the key it signs with.

use std::fmt;

use url::{Host, Url};

use super::text::TextError;

/// Below a Connector's endpoint.
const KEY_ROUTE: &str = "trustedlogin/v1/signature_key";
const LONGEST: usize = 2048;

/// Where a Connector's REST API begins: http or https, at most 2,048 characters, without user name, password and
/// fragment. It is written as it is parsed, so that nobody reads another host out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiEndpoint(Url);

impl TryFrom<&str> for ApiEndpoint {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        let rule = TextError(
            "must be an https URL of at most 2,048 characters without user name, password and fragment",
        );
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        // The parser would add slashes that are missing, and take away those that are too many.
        let authority = text
            .split_once("://")
            .and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        let url = Url::parse(text).map_err(|_| rule)?;
        let right = authority.is_some_and(|said| !said.is_empty() && !said.contains('@'))
            && text.chars().count() <= LONGEST
            && url.as_str().len() <= LONGEST
            && !text.contains(odd)
            && matches!(url.scheme(), "http" | "https")
            && url.fragment().is_none()
            && url.port() != Some(0)
            && url.host().is_some_and(|host| is_host(&host));
        if right { Ok(Self(url)) } else { Err(rule) }
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

    /// Its host, IPv6 in brackets, and its port.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        self.0.host_str().zip(self.0.port_or_known_default())
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

    /// What keeps it from being asked where its host is not in a network that the operator allows: it is not https, at
    /// an odd port, or by its name inside of something.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn check_outside(&self) -> Result<(), TextError> {
        if self.0.scheme() != "https" {
            return Err(TextError("must be https"));
        }
        if !matches!(self.0.port(), None | Some(8443)) {
            return Err(TextError("must have the port 443 or 8443"));
        }
        match self.0.host() {
            Some(Host::Domain(name)) if is_inner(name) => {
                Err(TextError("must name a host of the public internet"))
            }
            _ => Ok(()),
        }
    }
}

/// As long as the rules of names allow.
fn is_host(host: &Host<&str>) -> bool {
    let Host::Domain(name) = host else {
        return true;
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// Names that mean something else in each network: of one word, or below what is kept for that.
fn is_inner(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some((_, last)) = name.rsplit_once('.') else {
        return true;
    };
    ["local", "localhost", "internal", "intranet", "lan"].contains(&last)
        || name.ends_with(".home.arpa")
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
    fn odd_urls_are_no_endpoints() {
        let long = format!("https://vendor.example/{}", "x".repeat(2049 - 23));
        let wide = format!("https://{}.example/", "x".repeat(64));
        let many = format!("https://{}example/", "xxxxxxx.".repeat(31));
        for bad in [
            "",
            "vendor.example/wp-json/",
            "//vendor.example/wp-json/",
            "https:vendor.example",
            "https:/vendor.example",
            "https:///vendor.example/",
            "https://",
            "https://?x",
            "ftp://vendor.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://user:word@vendor.example/",
            "https://user@vendor.example/",
            "https://@vendor.example/",
            "https://good.example@127.0.0.1/",
            "https://127.0.0.1#@good.example/",
            "https://good.example\\@127.0.0.1",
            "https://good.example/#part",
            " https://vendor.example/",
            "https://vendor.example/\n",
            "https://vendor\t.example/",
            "https://vendor.example/a b",
            "https://[fe80::1%25eth0]/",
            "https://vendor.example:0/",
            "https://vendor.example:65536/",
            "https://a..example/",
            "https://1.1.1.256/",
            &long,
            &wide,
            &many,
        ] {
            assert!(ApiEndpoint::try_from(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn outside_only_https_at_usual_ports_of_public_names_is_asked() {
        let check = |text: &str| ApiEndpoint::try_from(text).unwrap().check_outside().is_ok();
        for good in [
            "https://vendor.example/",
            "https://vendor.example:8443/",
            "https://1.1.1.1/",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "http://vendor.example/",
            "https://vendor.example:22/",
            "https://vendor.example:80/",
            "https://vendor.example:8200/",
            "https://openbao/",
            "https://localhost/",
            "https://localhost./",
            "https://metadata.google.internal/",
            "https://vault.default.svc.cluster.local./",
            "https://router.home.arpa/",
            "https://METADATA.GOOGLE.INTERNAL/",
        ] {
            assert!(!check(bad), "{bad}");
        }
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
