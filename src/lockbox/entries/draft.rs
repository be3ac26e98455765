//! What an entry is to be: the rules for its fields, all of which are checked at once.

use super::Kind;
use crate::error::{Error, FieldError, Result};
use crate::types::{GroupName, Secret};

const LONGEST_NAME: usize = 255;
const LARGEST_VALUE: usize = 64 * 1024;

/// Fields as a caller gave them.
#[derive(Default)]
pub struct Given {
    /// `""` where it is left out.
    pub client_id: Option<String>,
    /// `""` where it is left out.
    pub required_group: Option<String>,
    /// Needed.
    pub key: Option<String>,
    /// Needed.
    pub kind: Option<String>,
    /// Needed.
    pub value: Option<Secret>,
}

/// An entry to be written.
pub struct Draft {
    /// What it is about.
    pub client_id: String,
    /// Whose members alone may have it; `""` for everybody.
    pub required_group: String,
    /// Its name.
    pub key: String,
    /// What the value is.
    pub kind: Kind,
    /// The value.
    pub value: Secret,
}

impl Draft {
    /// Checks fields. What was found before, field by field, is told together with what is found here.
    ///
    /// # Errors
    /// [`Error::InvalidField`] with every fault.
    pub fn check(given: Given, mut faults: Vec<FieldError>) -> Result<Self> {
        let known: Vec<String> = faults.iter().map(|fault| fault.pointer.clone()).collect();
        let mut checked = |field: &str, fault: Option<&'static str>| {
            if let Some(rule) = fault
                && !known.contains(&format!("/{field}"))
            {
                faults.push(FieldError::new(field, rule));
            }
        };
        let client_id = given.client_id.unwrap_or_default();
        let required_group = given.required_group.unwrap_or_default();
        checked("clientId", client_fault(&client_id));
        checked("requiredGroup", group_fault(&required_group));
        checked("key", key_fault(given.key.as_deref()));
        checked("value", value_fault(given.value.as_ref()));
        let kind = given.kind.as_deref();
        checked("type", kind_fault(kind));
        match (given.key, kind.and_then(Kind::parse), given.value) {
            (Some(key), Some(kind), Some(value)) if faults.is_empty() => Ok(Self {
                client_id,
                required_group,
                key,
                kind,
                value,
            }),
            _ => Err(Error::InvalidField(faults)),
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

fn client_fault(text: &str) -> Option<&'static str> {
    (!is_plain(text)).then_some("must be at most 255 characters without control characters")
}

fn group_fault(text: &str) -> Option<&'static str> {
    let fits = text.is_empty() || GroupName::try_from(text.to_owned()).is_ok();
    (!fits).then_some(
        "must be empty, or the name of a group: 1 to 64 characters without control characters and without blanks around them",
    )
}

fn key_fault(text: Option<&str>) -> Option<&'static str> {
    match text {
        None => Some("is required"),
        Some(text) if text.is_empty() || !is_plain(text) => {
            Some("must be 1 to 255 characters without control characters")
        }
        Some(_) => None,
    }
}

fn value_fault(value: Option<&Secret>) -> Option<&'static str> {
    match value.map(Secret::expose) {
        None => Some("is required"),
        Some(text) if text.is_empty() || text.len() > LARGEST_VALUE => {
            Some("must be 1 byte to 64 KiB in UTF-8")
        }
        Some(text) if text.contains('\0') => Some("must not hold the character U+0000"),
        Some(_) => None,
    }
}

fn kind_fault(text: Option<&str>) -> Option<&'static str> {
    match text {
        None => Some("is required"),
        Some(text) if Kind::parse(text).is_none() => {
            Some("must be one of text, secret, markdown, string")
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(given: Given) -> Vec<String> {
        match Draft::check(given, Vec::new()) {
            Err(Error::InvalidField(faults)) => faults.into_iter().map(|f| f.pointer).collect(),
            _ => Vec::new(),
        }
    }

    fn given(key: &str, kind: &str, value: &str) -> Given {
        Given {
            key: Some(key.to_owned()),
            kind: Some(kind.to_owned()),
            value: Some(Secret::new(value.to_owned())),
            ..Given::default()
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        assert_eq!(faults(Given::default()), ["/key", "/value", "/type"]);
        assert!(faults(given("k", "text", "v")).is_empty());
        assert!(faults(given(&"ü".repeat(255), "string", &"v".repeat(65_536))).is_empty());
        assert_eq!(faults(given("", "Text", "")), ["/key", "/value", "/type"]);
        assert_eq!(
            faults(given(&"k".repeat(256), "text", &"v".repeat(65_537))),
            ["/key", "/value"]
        );
        assert_eq!(faults(given("a\nb", "text", "a\0b")), ["/key", "/value"]);
        let mut more = given("k", "text", "v");
        more.client_id = Some("c".repeat(256));
        more.required_group = Some(" x".to_owned());
        assert_eq!(faults(more), ["/clientId", "/requiredGroup"]);
    }
}
