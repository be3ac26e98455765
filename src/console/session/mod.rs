//! The session of whoever is signed in: that of an operator, or of a vendor's user, as the API knows it, its token in a
//! cookie.
//!
//! The two have cookies of their own, so that one can never be taken for the other. A cookie is `Secure`, `HttpOnly` and
//! `SameSite=Strict`, and its name's prefix keeps other hosts from setting it. No route of the API takes it, and no page
//! takes a bearer, or an access token for scripts. The session ends 30 minutes after its last use and 12 hours after the
//! sign-in, in the database. Strangers get a cookie of their own, which the token of the sign-in form is bound to.

pub mod http;
pub mod keeper;
pub mod own;

use super::csrf;
use super::layout::Who;
use crate::app::App;
use crate::auth::{KeyRing, Person, User};
use crate::error::{Error, Result};
use crate::types::{GroupName, Namespace, Secret};
use crate::users::accounts::Account;
use crate::users::accounts::own::Own;
use crate::users::operators;

/// The cookie of operators.
pub const OPERATOR: &str = "__Host-gatehouse-operator";
/// The cookie of vendors' users.
pub const USER: &str = "__Host-gatehouse-user";
/// The cookie of strangers.
pub const VISIT: &str = "__Host-gatehouse-visit";
const LONGEST_RETURN: usize = 512;

/// Whoever is signed in.
pub enum Identity {
    /// An operator.
    Operator(Person),
    /// A user of a vendor.
    User(User),
}

/// Whoever is signed in, and the token of their forms.
pub struct Session {
    /// Who.
    pub identity: Identity,
    /// The token of forms.
    pub csrf: String,
}

impl Session {
    fn new(ring: &KeyRing, identity: Identity, token: &Secret) -> Self {
        Self {
            identity,
            csrf: csrf::token(ring, token),
        }
    }

    /// Whose account it is.
    #[must_use]
    pub const fn account(&self) -> &Account {
        match &self.identity {
            Identity::Operator(person) => &person.account,
            Identity::User(user) => &user.account,
        }
    }

    /// As the user of a vendor.
    ///
    /// # Errors
    /// [`Error::CallerNotAllowed`] for operators.
    pub fn user(&self) -> Result<&User> {
        match &self.identity {
            Identity::Operator(_) => Err(Error::CallerNotAllowed),
            Identity::User(user) => Ok(user),
        }
    }

    /// Names the session itself.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        match &self.identity {
            Identity::Operator(person) => Some(person.session),
            Identity::User(user) => user.session(),
        }
    }

    /// Whether it is good for setting up a second factor only.
    #[must_use]
    pub const fn is_enrolling(&self) -> bool {
        match &self.identity {
            Identity::Operator(person) => person.enrolling,
            Identity::User(user) => user.enrolling,
        }
    }

    /// The second factor is there now.
    pub const fn enrolled(&mut self) {
        match &mut self.identity {
            Identity::Operator(person) => person.enrolling = false,
            Identity::User(user) => user.enrolling = false,
        }
    }

    /// The vendor whose user it is; none of an operator.
    #[must_use]
    pub fn vendor(&self) -> Option<&Namespace> {
        match &self.identity {
            Identity::Operator(_) => None,
            Identity::User(user) => Some(&user.vendor.namespace),
        }
    }

    /// Whether it may do what administrators of its vendor may.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        match &self.identity {
            Identity::Operator(_) => true,
            Identity::User(user) => user.account.is_in(GroupName::ADMINISTRATORS),
        }
    }

    /// For what people do with their own accounts.
    #[must_use]
    pub fn own(&self, app: &App) -> Own {
        match &self.identity {
            Identity::Operator(person) => operators::http::own(person.clone()),
            Identity::User(user) => Own::of(app, user),
        }
    }

    /// Where whoever must do something first is to do it.
    #[must_use]
    pub fn first_step(&self) -> Option<&'static str> {
        if self.account().password_temporary {
            Some("/console/account/password")
        } else if self.is_enrolling() {
            Some("/console/account/totp")
        } else {
            None
        }
    }

    /// The page to begin with.
    #[must_use]
    pub fn home(&self) -> String {
        match self.vendor() {
            None => "/console".to_owned(),
            Some(namespace) if self.is_administrator() => format!("/console/vendors/{namespace}"),
            Some(namespace) => format!("/console/vendors/{namespace}/search"),
        }
    }

    /// As frames of pages show it.
    #[must_use]
    pub fn who(&self) -> Who {
        Who {
            name: self.account().name.as_str().to_owned(),
            csrf: self.csrf.clone(),
            settled: self.first_step().is_none(),
            vendor: self.vendor().map(ToString::to_string),
            is_administrator: self.is_administrator(),
            home: self.home(),
        }
    }

    /// The namespace that a list is asked for: of users only their own vendor's.
    ///
    /// # Errors
    /// [`Error::NotFound`] where a user asks for another's.
    pub fn scope(&self, asked: &str) -> Result<String> {
        match self.vendor() {
            Some(own) if asked.is_empty() || asked == own.as_str() => Ok(own.to_string()),
            Some(_) => Err(Error::NotFound),
            None => Ok(asked.to_owned()),
        }
    }

    /// As events name it.
    #[must_use]
    pub fn actor(&self) -> String {
        self.account().actor()
    }
}

/// A new value for the cookie of a stranger.
fn new_visit() -> Secret {
    Secret::new(hex::encode(rand::random::<[u8; 16]>()))
}

/// Whether a sign-in may lead on to this address: one of the console's own.
#[must_use]
pub fn is_return(path: &str) -> bool {
    let rest = path.strip_prefix("/console");
    // Browsers take `%2e` for a dot. No path of a page needs a percent sign.
    let before_query = path.split('?').next().unwrap_or_default();
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('?'))
        && path.len() <= LONGEST_RETURN
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !before_query.contains('%')
        && !path.contains("//")
        && !path.contains("/..")
        && !path.starts_with("/console/sign-")
}

/// The value of a cookie, if there is exactly one of that name.
fn cookie<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> Option<Secret> {
    let mut found = headers
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) if (1..=256).contains(&value.len()) => {
            Some(Secret::new(value.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_console_are_returned_to() {
        for good in [
            "/console",
            "/console?done=x",
            "/console/vendors?q=a%2F%2Fb",
            "/console/vendors/acme-plugins/sites",
        ] {
            assert!(is_return(good), "{good}");
        }
        let long = format!("/console/{}", "a".repeat(512));
        for bad in [
            "",
            "/",
            "//evil.example",
            "/consoles",
            "/console//evil.example",
            "/console/..//evil.example",
            "/console/../api",
            "/console/%2e%2e/metrics",
            "/console/%2E./metrics",
            "/console\\evil",
            "/console/a b",
            "/console/\r\nset-cookie: x",
            "https://evil.example/console",
            "javascript:alert(1)",
            "/console/sign-in",
            "/console/sign-out",
            &long,
        ] {
            assert!(!is_return(bad), "{bad}");
        }
    }

    #[test]
    fn a_cookie_that_stands_twice_is_none() {
        let read =
            |header: &str| cookie(std::iter::once(header), "a").map(|v| v.expose().to_owned());
        assert_eq!(read("b=2; a=1; c"), Some("1".to_owned()));
        assert_eq!(read("a=1; a=2"), None);
        assert_eq!(read("a=; b=1"), None);
        assert_eq!(read("aa=1"), None);
        assert_eq!(cookie(["a=1", "a=1"].into_iter(), "a").map(|_| ()), None);
    }
}
