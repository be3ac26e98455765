//! What was told of a vendor, and when: of each field the latest word counts, in whatever order words come.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// When something was said: by the sender's clock, then by the id of the message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Said(pub Timestamp, pub String);

/// What can be told of, each apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Shown name.
    Name,
    /// Owner's name.
    OwnerName,
    /// Owner's address.
    OwnerEmail,
    /// Plan.
    Plan,
    /// Whether it is paid for.
    Subscription,
    /// Whether there is a card to charge.
    HasCard,
    /// Active or suspended.
    Status,
}

/// Of each field the latest word.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Told(BTreeMap<Field, Said>);

impl Told {
    /// Takes a word, unless a later one came before it: then it is `false`, and the field stays as it is.
    pub fn take(&mut self, field: Field, said: &Said) -> bool {
        let is_newest = self.0.get(&field).is_none_or(|former| former < said);
        if is_newest {
            self.0.insert(field, said.clone());
        }
        is_newest
    }

    /// Takes an operator's word on the status: the last one so far, even where the billing system's clock is ahead.
    pub fn take_operators(&mut self, now: Timestamp) {
        let former = self.0.get(&Field::Status).map(|Said(at, _)| *at);
        let at = former.unwrap_or(now).max(now);
        // No id of a message is greater.
        self.0
            .insert(Field::Status, Said(at, char::MAX.to_string()));
    }

    /// The value, if its word is taken.
    pub fn filter<'a, T: ?Sized>(
        &mut self,
        field: Field,
        said: &Said,
        value: Option<&'a T>,
    ) -> Option<&'a T> {
        value.filter(|_| self.take(field, said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(second: i64, id: &str) -> Said {
        Said(
            Timestamp::from_second(second).unwrap_or_default(),
            id.to_owned(),
        )
    }

    #[test]
    fn latest_word_counts_for_each_field_apart() {
        let mut told = Told::default();
        assert!(told.take(Field::Plan, &said(5, "b")));
        assert!(!told.take(Field::Plan, &said(5, "b")), "the same again");
        assert!(!told.take(Field::Plan, &said(5, "a")), "a lesser id");
        assert!(!told.take(Field::Plan, &said(4, "z")), "earlier");
        assert!(told.take(Field::Plan, &said(5, "c")), "a greater id");
        assert!(told.take(Field::Status, &said(1, "a")), "another field");
    }

    #[test]
    fn stored_form_is_a_time_and_an_id() {
        let stored = r#"{"owner_email":["2026-11-01T00:00:00.000000Z","msg_1"]}"#;
        let mut told: Told = serde_json::from_str(stored).unwrap_or_default();
        let at = |text: &str| Said(text.parse().unwrap_or_default(), "msg_0".to_owned());
        assert!(!told.take(Field::OwnerEmail, &at("2026-11-01T00:00:00Z")));
        assert!(told.take(Field::OwnerEmail, &at("2026-11-01T00:00:01Z")));
        let kept = serde_json::to_string(&told).unwrap_or_default();
        assert_eq!(kept, r#"{"owner_email":["2026-11-01T00:00:01Z","msg_0"]}"#);
    }
}
