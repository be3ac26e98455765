//! What a request says of a field that may be empty.

use serde::{Deserialize, Deserializer};

/// A field of a `PATCH`: left out (`#[serde(default)]`), `null`, or a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is emptied.
    Clear,
    /// It is this from now on.
    Set(T),
}

impl<T> Change<T> {
    /// The field after the change.
    #[must_use]
    pub fn over(self, former: Option<T>) -> Option<T> {
        match self {
            Self::Keep => former,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// What it is to be, where that is something.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Whether it stays as it is.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(source)?;
        Ok(value.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        field: Change<u8>,
    }

    #[test]
    fn null_is_told_from_what_is_left_out() {
        for (text, change, after) in [
            ("{}", Change::Keep, Some(7)),
            (r#"{"field": null}"#, Change::Clear, None),
            (r#"{"field": 9}"#, Change::Set(9), Some(9)),
        ] {
            let body: Body = serde_json::from_str(text).unwrap();
            assert_eq!(body.field, change, "{text}");
            assert_eq!(body.field.over(Some(7)), after, "{text}");
        }
    }
}
