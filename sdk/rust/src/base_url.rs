//! The address of a server.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::error::{Error, Result};

/// A checked address without a slash at its end.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    text: String,
    host: String,
}

impl BaseUrl {
    /// Takes `https://host[:port][/path]`, and `http://` for this machine or where it is allowed.
    pub(crate) fn parse(text: &str, allow_plain_http: bool) -> Result<Self> {
        let wrong = |why: &str| Err(Error::InvalidArgument(format!("the address {why}")));
        let Ok(uri) = text.parse::<Uri>() else {
            return wrong("is no URL");
        };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("needs a scheme and a host");
        };
        if authority.as_str().contains('@') {
            return wrong("must not hold a user name or a password");
        }
        if uri.query().is_some() || text.contains('#') {
            return wrong("must not have a query or a fragment");
        }
        if uri
            .path()
            .split('/')
            .any(|part| part == "." || part == "..")
        {
            return wrong("must not have . or .. in its path");
        }
        match scheme {
            "https" => {}
            "http" if allow_plain_http || is_this_machine(authority.host()) => {}
            "http" => {
                return wrong(
                    "must begin with https://; http:// is for this machine, or where the settings allow it",
                );
            }
            _ => return wrong("must begin with https://"),
        }
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            host: authority.as_str().to_owned(),
        })
    }

    /// Host and port, for messages.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The address of `path`, which begins without a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.text)
    }

    /// The address one path segment up; `None` where there is none.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (parent, _) = self.text.rsplit_once('/')?;
        let after_scheme = parent.split_once("://")?.1;
        after_scheme.contains('/').then(|| Self {
            text: parent.to_owned(),
            host: self.host.clone(),
        })
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080/",
            "http://localhost",
        ] {
            assert!(BaseUrl::parse(text, false).is_ok(), "{text}");
        }
        assert!(BaseUrl::parse("http://vault.example", false).is_err());
        assert!(BaseUrl::parse("http://localhost.example", false).is_err());
        assert!(BaseUrl::parse("http://vault.example", true).is_ok());
    }

    #[test]
    fn odd_addresses_are_refused() {
        for text in [
            "",
            "vault.example",
            "ftp://vault.example",
            "https://user:word@vault.example",
            "https://vault.example/?x=1",
            "https://vault.example/#x",
            "https://vault.example/a/../b",
        ] {
            assert!(BaseUrl::parse(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn parent_is_where_the_mount_lies() {
        let parent = |text| {
            let base = BaseUrl::parse(text, false).unwrap();
            base.parent().map(|parent| parent.join("auth"))
        };
        assert_eq!(
            parent("https://v.example/v1/team/demo-credentials").as_deref(),
            Some("https://v.example/v1/team/auth")
        );
        assert_eq!(
            parent("https://v.example/v1/demo-credentials/").as_deref(),
            Some("https://v.example/v1/auth")
        );
        assert_eq!(parent("https://v.example/v1"), None);
        assert_eq!(parent("https://v.example"), None);
    }
}
