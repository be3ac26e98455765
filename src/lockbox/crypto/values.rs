//! Values under the data key, and the former data key under the one that follows it.

use zeroize::Zeroizing;

use super::{DataKey, failed};
use crate::auth::seal::{Context, open, seal};
use crate::error::{Error, Result};
use crate::types::Namespace;

/// Seals the former data key under the one that follows it.
///
/// # Errors
/// Where the library fails.
pub fn seal_former(namespace: &Namespace, key: &DataKey, former: &DataKey) -> Result<Vec<u8>> {
    seal(
        key.expose(),
        &former_context(namespace, key),
        former.expose(),
    )
    .ok_or_else(failed)
}

/// Opens the former data key.
///
/// # Errors
/// [`Error::Integrity`] where it was changed.
pub fn open_former(namespace: &Namespace, key: &DataKey, sealed: &[u8]) -> Result<DataKey> {
    let opened = open(key.expose(), &former_context(namespace, key), sealed);
    opened
        .and_then(|bytes| DataKey::from_bytes(key.generation - 1, &bytes))
        .ok_or(Error::Integrity("a lockbox's former key"))
}

fn former_context(namespace: &Namespace, key: &DataKey) -> Context {
    Context::new("gatehouse lockbox former key")
        .with(namespace.as_str().as_bytes())
        .and(key.generation.into())
}

/// What a value belongs to.
#[derive(Clone, Copy)]
pub struct EntryContext<'a> {
    /// Of the entry.
    pub id: i64,
    /// Of the entry.
    pub version: i32,
    /// Who may read it.
    pub required_group: &'a str,
    /// Which client it is for.
    pub client_id: &'a str,
    /// What it is called.
    pub key: &'a str,
    /// Of the value.
    pub kind: &'a str,
}

impl EntryContext<'_> {
    fn context(&self, namespace: &Namespace, generation: i32) -> Context {
        Context::new("gatehouse lockbox entry")
            .with(namespace.as_str().as_bytes())
            .and(self.id)
            .and(self.version.into())
            .and(generation.into())
            .with(self.required_group.as_bytes())
            .with(self.client_id.as_bytes())
            .with(self.key.as_bytes())
            .with(self.kind.as_bytes())
    }
}

/// Seals a value.
///
/// # Errors
/// Where the library fails.
pub fn seal_value(
    namespace: &Namespace,
    key: &DataKey,
    entry: &EntryContext<'_>,
    value: &[u8],
) -> Result<Vec<u8>> {
    let context = entry.context(namespace, key.generation);
    seal(key.expose(), &context, value).ok_or_else(failed)
}

/// Opens a value.
///
/// # Errors
/// [`Error::Integrity`] where it, or what it belongs to, was changed.
pub fn open_value(
    namespace: &Namespace,
    key: &DataKey,
    entry: &EntryContext<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let context = entry.context(namespace, key.generation);
    open(key.expose(), &context, sealed).ok_or(Error::Integrity("an entry of a lockbox"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(text: &str) -> Namespace {
        Namespace::parse(text).expect("a namespace")
    }

    #[test]
    fn a_value_stays_with_its_entry() {
        let (ours, key) = (namespace("vendor-a"), DataKey::new(1));
        let entry = EntryContext {
            id: 1,
            version: 1,
            required_group: "",
            client_id: "",
            key: "one",
            kind: "secret",
        };
        let sealed = seal_value(&ours, &key, &entry, b"345").expect("sealed");
        let opened = open_value(&ours, &key, &entry, &sealed).map(|v| v.to_vec());
        assert_eq!(opened.ok().as_deref(), Some(&b"345"[..]));
        let others = [
            EntryContext { id: 2, ..entry },
            EntryContext {
                version: 2,
                ..entry
            },
            EntryContext {
                required_group: "x",
                ..entry
            },
            EntryContext {
                key: "two",
                ..entry
            },
            EntryContext {
                client_id: "one",
                ..entry
            },
            EntryContext {
                kind: "text",
                ..entry
            },
        ];
        for other in others {
            assert!(open_value(&ours, &key, &other, &sealed).is_err());
        }
        assert!(open_value(&namespace("vendor-b"), &key, &entry, &sealed).is_err());
        let next = DataKey::new(2);
        let former = seal_former(&ours, &next, &key).expect("sealed");
        let former = open_former(&ours, &next, &former).expect("opened");
        assert_eq!((former.generation, former.expose()), (1, key.expose()));
    }
}
