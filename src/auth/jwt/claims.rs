//! What a token says, once its signature is proved.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::Fault;

/// How far clocks may be apart.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// Audiences of one token that are looked at.
const MOST_AUDIENCES: usize = 64;

/// What a token must say of itself.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`, byte by byte.
    pub issuer: &'a str,
    /// `aud`, or one of it, byte by byte.
    pub audience: &'a str,
}

/// The claims of a token whose signature is proved.
#[derive(Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// Checks times, issuer, audience and subject.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), Fault> {
        self.check_times(now)?;
        if self.text("iss") != Some(expected.issuer) {
            return Err(Fault::Issuer);
        }
        if !self.is_for(expected.audience) {
            return Err(Fault::Audience);
        }
        self.subject().map(|_| ())
    }

    /// `exp` must be there and lie ahead, `nbf` and `iat` behind, 60 seconds off at most.
    ///
    /// # Errors
    /// [`Fault::Times`], [`Fault::Expired`] or [`Fault::NotYet`].
    pub fn check_times(&self, now: Timestamp) -> Result<(), Fault> {
        let end = self.expires_at()?;
        if later(end, LEEWAY) <= now {
            return Err(Fault::Expired);
        }
        for name in ["nbf", "iat"] {
            if let Some(at) = self.time(name)?
                && at > later(now, LEEWAY)
            {
                return Err(Fault::NotYet);
            }
        }
        Ok(())
    }

    /// Whether `aud` is this, or a list with this in it, byte by byte.
    #[must_use]
    pub fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(all)) => {
                all.len() <= MOST_AUDIENCES
                    && all.iter().all(Value::is_string)
                    && all.iter().any(|one| one.as_str() == Some(audience))
            }
            _ => false,
        }
    }

    /// `sub`: a text that is not empty.
    ///
    /// # Errors
    /// [`Fault::Subject`].
    pub fn subject(&self) -> Result<&str, Fault> {
        self.text("sub")
            .filter(|subject| !subject.is_empty())
            .ok_or(Fault::Subject)
    }

    /// `exp`.
    ///
    /// # Errors
    /// [`Fault::Times`] where it is missing or no time.
    pub fn expires_at(&self) -> Result<Timestamp, Fault> {
        self.time("exp")?.ok_or(Fault::Times)
    }

    /// A claim that is a time (RFC 7519, `NumericDate`: seconds since 1970, with a fraction perhaps).
    ///
    /// # Errors
    /// [`Fault::Times`] where it is there and no time.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let at = match (value.as_i64(), value.as_f64()) {
            (Some(seconds), _) => Timestamp::from_second(seconds).ok(),
            (None, Some(seconds)) => SignedDuration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|since| Timestamp::from_duration(since).ok()),
            _ => None,
        };
        at.map(Some).ok_or(Fault::Times)
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
