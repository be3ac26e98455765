//! Operators as people: who logged in, and is no token for scripts.

use super::caller::Operator;
use super::verify::Known;
use crate::error::{Error, Result};
use crate::users::accounts::{Account, Origin};

/// An operator who logged in, with a password of the own choice and a second factor.
#[derive(Clone)]
pub struct Person {
    /// Who.
    pub account: Account,
    /// By which session.
    pub session: i64,
    /// Whether the session is good for setting up a second factor only. `false` wherever a handler asks for a `Person`.
    pub enrolling: bool,
    /// From where.
    pub origin: Origin,
}

/// The same, also with a temporary password, or before there is a second factor.
#[derive(Clone)]
pub struct EnrollingPerson(pub Person);

impl Known {
    pub(super) fn enrolling_person(self) -> Result<EnrollingPerson> {
        if let Self::Person(person) = self {
            Ok(EnrollingPerson(*person))
        } else {
            Err(Error::CallerNotAllowed)
        }
    }

    pub(super) fn person(self) -> Result<Person> {
        self.enrolling_person()?.0.settled()
    }
}

impl Person {
    /// Lets those pass who have done at their first log-in what is to be done.
    ///
    /// # Errors
    /// [`Error::PasswordTemporary`] or [`Error::EnrolmentOnly`].
    pub fn settled(self) -> Result<Self> {
        if self.account.password_temporary {
            Err(Error::PasswordTemporary)
        } else if self.enrolling {
            Err(Error::EnrolmentOnly)
        } else {
            Ok(self)
        }
    }

    /// The operator.
    pub(super) fn operator(self) -> Result<Operator> {
        let name = self.settled()?.account.name.as_str().to_owned();
        Ok(Operator { name })
    }
}
