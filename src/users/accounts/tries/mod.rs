//! Tries to log in, counted before the password is looked at, for names that exist and for those that do not.
//!
//! Five in a row are free; each wrong one after that shuts its source out for longer. A source is the network of a
//! client this name logged in from within the last 30 days, or else all others together: strangers do not lock an
//! owner out, and gain nothing by changing their address.

pub mod store;

use jiff::{SignedDuration, Timestamp};

use crate::auth::KeyedDigest;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::types::VendorId;

/// From so many wrong tries in a row on, no password counts from unknown sources.
pub const LOCKED_OUT: i32 = 100;

/// How long a network stays known after a log-in from it.
pub const KNOWN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Who tries, from where.
#[derive(Clone)]
pub struct Place {
    /// Whose user the name means; 0 for none.
    pub vendor: VendorId,
    /// Of the name.
    pub name: KeyedDigest,
    /// Of the client.
    pub network: String,
}

/// A try that was counted.
#[derive(Clone)]
pub struct Counted {
    /// The source it was counted for: the network, or empty.
    pub source: String,
    /// In a row, this one among them.
    pub failures: i32,
}

/// Lets those pass whose source is not shut out. Counts nothing.
///
/// # Errors
/// [`Error::RateLimited`] or [`Error::LockedOut`].
pub async fn look(client: &impl GenericClient, place: &Place, now: Timestamp) -> Result<()> {
    match store::state(client, place, now).await? {
        Some(state) if state.source.is_empty() && state.failures >= LOCKED_OUT => {
            Err(Error::LockedOut)
        }
        Some(state) if state.blocked_until.is_some_and(|until| until > now) => {
            metrics::counter!("gatehouse_login_blocked_total").increment(1);
            let wait = state
                .blocked_until
                .map_or(1, |until| until.duration_since(now).as_secs() + 1);
            Err(Error::RateLimited {
                retry_after: u64::try_from(wait).unwrap_or(1).max(1),
            })
        }
        _ => Ok(()),
    }
}

/// Counts a try as a failure, until it is known to be none.
///
/// # Errors
/// As for [`look`].
pub async fn begin(client: &impl GenericClient, place: &Place, now: Timestamp) -> Result<Counted> {
    if let Some(counted) = store::count(client, place, now).await? {
        return Ok(counted);
    }
    look(client, place, now).await?;
    // The block ended in between.
    Err(Error::RateLimited { retry_after: 1 })
}

/// What a name is counted under: variants that look alike are one.
#[must_use]
pub fn folded(name: &str) -> String {
    let plain = |c: char| match u32::from(c) {
        // The full-width forms of ASCII.
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    let known = |c: &char| c.is_ascii_alphanumeric() || "@._-".contains(*c);
    let lower = name.chars().map(plain).flat_map(char::to_lowercase);
    lower.filter(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_name_are_one() {
        for variant in [
            "admin",
            "ADMIN",
            " admin ",
            "ad\u{200b}min",
            "\u{ff41}dmin",
            "admin\0",
        ] {
            assert_eq!(folded(variant), "admin", "{variant:?}");
        }
        assert_eq!(folded("Ann@Acme-Media"), "ann@acme-media");
    }
}
