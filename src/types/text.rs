//! Short texts of people: names, e-mail addresses, site addresses.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Namespace, web_url};

/// A text that breaks the rule it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub(super) &'static str);

/// Marks of direction, joiners and spaces without width: what can hide text, or turn a line around.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;
            fn try_from(text: String) -> Result<Self, TextError> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(TextError($rule)) }
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}

checked_text!(
    /// The name of a vendor, a person or a plan: 1 to 200 characters, none of them a control character.
    Name,
    |text| !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control),
    "must be 1 to 200 characters without control characters"
);

impl From<&Namespace> for Name {
    /// What a vendor is called of whom no other name is known.
    fn from(namespace: &Namespace) -> Self {
        Self(namespace.as_str().to_owned())
    }
}

checked_text!(
    /// An e-mail address: one `@`, a dot in the domain, at most 254 printable ASCII characters, no spaces or quotes.
    Email,
    is_email,
    "must be an e-mail address of at most 254 ASCII characters"
);

checked_text!(
    /// The address of a customer's site: http or https, at most 2,048 characters, without user name, password and fragment.
    SiteUrl,
    |text| web_url::strict(text).is_some(),
    "must be an http or https URL of at most 2,048 characters without user name, password and fragment"
);

checked_text!(
    /// Where webhooks are received: http or https, at most 2,048 characters, without user name, password and fragment.
    HookUrl,
    |text| web_url::strict(text).is_some(),
    "must be an https URL of at most 2,048 characters without user name, password and fragment"
);

impl HookUrl {
    /// As stored; judged anew whenever something is sent there.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"@\"<>(),;:\\".contains(&b))
    };
    text.len() <= 254
        && plain(local)
        && plain(domain)
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_checked() {
        assert!(is_email("owner@gravityview.co"));
        for bad in [
            "a@b",
            "a@b.c\r\nBcc:x",
            "\"a b\"@c.d",
            "@b.c",
            "a@@b.c",
            "",
            "a@b.",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        let is_site_url = |text: &str| SiteUrl::try_from(text.to_owned()).is_ok();
        assert!(is_site_url("https://customer.example/wp"));
        for bad in [
            "ftp://x.example",
            "https://u:p@x.example",
            "javascript:alert(1)",
            "https://",
            "//x.example",
            "https://x.example/\n",
            // Whose host some readers miss, or see elsewhere.
            "https:x.example",
            "https:///x.example",
            "https://good.example\\@127.0.0.1",
        ] {
            assert!(!is_site_url(bad), "{bad}");
        }
        assert!(Name::try_from("x".repeat(201)).is_err());
        assert!(Name::try_from("a\0b".to_owned()).is_err());
    }
}
