//! URLs of those who issue identity tokens.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::web_url;

const LONGEST: usize = 512;

/// A URL that is no issuer's, or none of a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssuerError(&'static str);

/// The URL of an issuer of identity tokens, as its tokens say it in `iss`. It is compared byte by byte, so it is taken
/// only as the URL Standard itself would write it (a slash alone at the end may be there or not).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(format = "uri", max_length = 512)]
pub struct IssuerUrl(String);

/// Where a JWK set is: https, without user name, password and fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(format = "uri", max_length = 512)]
pub struct KeySetUrl(String);

impl IssuerUrl {
    const RULE: IssuerError = IssuerError(
        "must be an https URL of at most 512 characters, in lower case where case does not matter, without port 443, user name, query and fragment",
    );

    /// Reads the URL of an issuer.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let url = https(text).ok_or(Self::RULE)?;
        let written = url.as_str();
        let canonical = written == text || written.strip_suffix('/') == Some(text);
        if canonical && url.query().is_none() && !text.contains('?') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Self::RULE)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the issuer describes itself (`OpenID` Connect Discovery 1.0, section 4).
    #[must_use]
    pub fn discovery(&self) -> Option<Url> {
        let issuer = self.0.strip_suffix('/').unwrap_or(&self.0);
        Url::parse(&format!("{issuer}/.well-known/openid-configuration")).ok()
    }
}

impl KeySetUrl {
    const RULE: IssuerError = IssuerError(
        "must be an https URL of at most 512 characters without user name, password and fragment",
    );

    /// Reads a URL.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        https(text).map(|_| Self(text.to_owned())).ok_or(Self::RULE)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// To be asked.
    #[must_use]
    pub fn url(&self) -> Option<Url> {
        Url::parse(&self.0).ok()
    }
}

fn https(text: &str) -> Option<Url> {
    let url = web_url::strict(text).filter(|url| url.scheme() == "https")?;
    (text.len() <= LONGEST).then_some(url)
}

macro_rules! text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = IssuerError;
            fn try_from(text: String) -> Result<Self, IssuerError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(url: $name) -> Self {
                url.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(IssuerUrl);
text!(KeySetUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_written_in_one_way() {
        for good in [
            "https://token.actions.githubusercontent.com",
            "https://kubernetes.default.svc.cluster.local",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF",
            "https://login.example/",
            "https://login.example/tenant/",
            "https://login.example:8443/realms/ci",
            "https://xn--bcher-kva.example",
        ] {
            let issuer = IssuerUrl::parse(good).unwrap();
            assert_eq!(issuer.as_str(), good);
        }
        for bad in [
            "",
            "http://login.example",
            "login.example",
            "https://LOGIN.example",
            "HTTPS://login.example",
            "https://login.example:443",
            "https://login.example?",
            "https://login.example/?tenant=1",
            "https://login.example/#x",
            "https://user@login.example",
            "https://b\u{fc}cher.example",
            "https://login.example/a/../b",
            "https://login.example/a b",
            "https://login.example\n",
            " https://login.example",
            "https://login.example\\@evil.example",
        ] {
            assert!(IssuerUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(IssuerUrl::parse(&format!("https://login.example/{}", "x".repeat(500))).is_err());
    }

    #[test]
    fn an_issuer_describes_itself_below_its_own_path() {
        for (issuer, place) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/id/X",
                "https://a.example/id/X/.well-known/openid-configuration",
            ),
        ] {
            let url = IssuerUrl::parse(issuer).unwrap().discovery().unwrap();
            assert_eq!(url.as_str(), place);
        }
        assert!(KeySetUrl::parse("http://a.example/jwks").is_err());
        assert!(KeySetUrl::parse("https://a.example/jwks?tenant=1").is_ok());
    }
}
