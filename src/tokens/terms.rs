//! How long a token lives and how many calls it is good for: what the kind promises, within it what the vendor says,
//! and within that what the caller wishes. A wish out of range is refused, never cut.
//!
//! # Quirks
//! OpenBao (2.7.2) holds renewals to the `token_explicit_max_ttl` of the role, and forgets a shorter `explicit_max_ttl` that
//! the token was created with. So a token whose longest life is shorter than its role's either cannot be renewed at all,
//! where its first life is its longest, or is revoked by the service when its longest life is over
//! ([`super::revoke::pass`]). It ignores a `bound_cidrs` of a single token, with a warning in its answer: only a role has
//! them ([`super::bound`]).

use super::Kind;
use crate::error::{Error, FieldError, Result};
use crate::vendors::Vendor;
use crate::vendors::settings::{KindSettings, TokenSettings};

/// Shorter lives end before a token is used. Seconds.
pub const SHORTEST: u32 = 60;
/// More uses than these count nothing.
pub const MOST_USES: u32 = 10_000;

/// What a caller wishes; `None`: as the vendor says, or the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// First life, seconds.
    pub ttl: Option<u32>,
    /// Longest life, seconds.
    pub max_ttl: Option<u32>,
    /// Calls.
    pub uses: Option<u32>,
}

/// What a token is minted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// First life, seconds.
    pub first: u32,
    /// Longest life, seconds.
    pub longest: u32,
    /// How many calls it is good for; `None`: any number.
    pub uses: Option<u32>,
    /// What OpenBao holds renewals to, by the role: seconds.
    pub held_to: u32,
}

impl Terms {
    /// What is promised of a kind by itself.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        let rules = kind.rules();
        let seconds = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
        Self {
            first: seconds(rules.first_seconds()),
            longest: seconds(rules.max_seconds),
            uses: rules.num_uses,
            held_to: seconds(rules.role.token_explicit_max_ttl),
        }
    }

    /// Whether its holder may renew it, as far as the role lets renew at all.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.first < self.longest || self.longest >= self.held_to
    }

    /// Whether renewals could take it beyond its longest life.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.is_renewable() && self.longest < self.held_to
    }

    /// What a vendor's tokens of a kind get where nothing is wished. Those that the service uses itself are its own.
    #[must_use]
    pub fn standing(kind: Kind, vendor: &Vendor) -> Self {
        Self::said(kind, &vendor.token_settings)
    }

    /// The same by what is said of the vendor's tokens.
    #[must_use]
    pub fn said(kind: Kind, settings: &TokenSettings) -> Self {
        let own = Self::of(kind);
        if kind.is_own() {
            return own;
        }
        let says = settings.of(kind);
        let longest = says.max_ttl.unwrap_or(own.longest).min(own.longest);
        Self {
            first: says.ttl.unwrap_or(own.first).min(longest),
            longest,
            uses: says.uses.or(own.uses),
            ..own
        }
    }

    /// These, with what a caller wishes.
    ///
    /// # Errors
    /// Each field that is out of range, with its bounds.
    pub fn with(self, wishes: &Wishes) -> Result<Self> {
        let mut errors = Vec::new();
        let longest = wishes.max_ttl.unwrap_or(self.longest);
        within(
            &mut errors,
            "maxTtl",
            wishes.max_ttl,
            SHORTEST,
            self.longest,
        );
        let most = longest.clamp(SHORTEST, self.longest);
        within(&mut errors, "ttl", wishes.ttl, SHORTEST, most);
        within(
            &mut errors,
            "uses",
            wishes.uses,
            1,
            self.uses.unwrap_or(MOST_USES),
        );
        if !errors.is_empty() {
            return Err(Error::InvalidField(errors));
        }
        Ok(Self {
            first: wishes.ttl.unwrap_or(self.first.min(longest)),
            longest,
            uses: wishes.uses.or(self.uses),
            ..self
        })
    }
}

fn within(errors: &mut Vec<FieldError>, field: &str, wish: Option<u32>, least: u32, most: u32) {
    if wish.is_some_and(|wish| !(least..=most).contains(&wish)) {
        errors.push(FieldError::new(field, format!("must be {least} to {most}")));
    }
}

/// Each field, below `pointer`, that says what is out of the kind's range.
#[must_use]
pub fn check_settings(kind: Kind, says: &KindSettings, pointer: &str) -> Vec<FieldError> {
    let own = Terms::of(kind);
    let mut errors = Vec::new();
    within(&mut errors, "maxTtl", says.max_ttl, SHORTEST, own.longest);
    let most = says.max_ttl.unwrap_or(own.longest);
    let most = most.clamp(SHORTEST, own.longest);
    within(&mut errors, "ttl", says.ttl, SHORTEST, most);
    within(&mut errors, "uses", says.uses, 1, MOST_USES);
    for error in &mut errors {
        error.pointer = format!("{pointer}{}", error.pointer);
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDING: Terms = Terms {
        first: 600,
        longest: 3600,
        uses: Some(5),
        held_to: 7200,
    };

    fn with(ttl: Option<u32>, max_ttl: Option<u32>, uses: Option<u32>) -> Option<Terms> {
        STANDING.with(&Wishes { ttl, max_ttl, uses }).ok()
    }

    #[test]
    fn wishes_within_bounds_are_granted_to_the_letter() {
        assert_eq!(with(None, None, None), Some(STANDING));
        let terms = |first, longest, uses| {
            Some(Terms {
                first,
                longest,
                uses: Some(uses),
                ..STANDING
            })
        };
        assert_eq!(with(Some(60), None, Some(1)), terms(60, 3600, 1));
        assert_eq!(with(Some(3600), None, None), terms(3600, 3600, 5));
        // A shorter longest life shortens the first one that nobody asked for.
        assert_eq!(with(None, Some(120), None), terms(120, 120, 5));
        assert_eq!(with(Some(100), Some(120), None), terms(100, 120, 5));
    }

    #[test]
    fn longest_life_is_held_to_by_one_or_the_other() {
        let seen = |terms: &Terms| (terms.is_renewable(), terms.is_cut_short());
        assert_eq!(seen(&STANDING), (true, true));
        let at = |first, longest| Terms {
            first,
            longest,
            ..STANDING
        };
        assert_eq!(seen(&at(3600, 3600)), (false, false));
        assert_eq!(seen(&at(3600, 7200)), (true, false));
        assert_eq!(seen(&at(7200, 7200)), (true, false));
    }

    #[test]
    fn wishes_out_of_bounds_are_refused() {
        for (ttl, max_ttl, uses) in [
            (Some(59), None, None),
            (Some(3601), None, None),
            (Some(u32::MAX), None, None),
            (Some(121), Some(120), None),
            (None, Some(59), None),
            (None, Some(3601), None),
            (None, None, Some(0)),
            (None, None, Some(6)),
        ] {
            assert_eq!(
                with(ttl, max_ttl, uses),
                None,
                "{ttl:?} {max_ttl:?} {uses:?}"
            );
        }
    }
}
