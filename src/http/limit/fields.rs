//! The `RateLimit` fields of an answer (draft-ietf-httpapi-ratelimit-headers): which limits the request was counted
//! against, and what is left of each.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// A limit after a request was counted against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Names it.
    pub policy: &'static str,
    /// Requests at once.
    pub burst: u32,
    /// Seconds after which that many may be made again.
    pub window: u64,
    /// Requests that may be made now.
    pub remaining: u32,
    /// Seconds until something changes: until all may be made again, or, where none is left, until the next.
    pub reset: u64,
}

/// The limits that a request was counted against.
#[derive(Debug, Default)]
pub struct Counted(Mutex<Vec<Left>>);

impl Counted {
    pub(super) fn note(&self, left: Left) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|former| former.policy != left.policy);
        all.push(left);
    }

    /// Writes the fields, if the request was counted at all.
    pub fn write(&self, headers: &mut HeaderMap) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return;
        }
        let (mut policies, mut left) = (String::new(), String::new());
        for one in all.iter() {
            let comma = if policies.is_empty() { "" } else { ", " };
            write!(
                policies,
                "{comma}\"{}\";q={};w={}",
                one.policy, one.burst, one.window
            )
            .ok();
            write!(
                left,
                "{comma}\"{}\";r={};t={}",
                one.policy, one.remaining, one.reset
            )
            .ok();
        }
        for (name, value) in [("ratelimit-policy", policies), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_structured_lists_and_the_last_word_of_a_limit_counts() {
        let counted = Counted::default();
        let mut headers = HeaderMap::new();
        counted.write(&mut headers);
        assert!(headers.is_empty());
        let left = |policy, remaining| Left {
            policy,
            burst: 200,
            window: 4,
            remaining,
            reset: 1,
        };
        for one in [left("address", 8), left("vendor", 9), left("address", 7)] {
            counted.note(one);
        }
        counted.write(&mut headers);
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(
            text("ratelimit-policy"),
            Some("\"vendor\";q=200;w=4, \"address\";q=200;w=4")
        );
        assert_eq!(
            text("ratelimit"),
            Some("\"vendor\";r=9;t=1, \"address\";r=7;t=1")
        );
    }
}
