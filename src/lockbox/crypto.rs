//! How a lockbox is locked.
//!
//! ```text
//! password --Argon2id(salt, parameters)--+
//!                                        +--HMAC--> key encryption key --wraps--> data key --seals--> values
//! secret in OpenBao ---------------------+
//! ```
//! The data key is random. Whoever has the database and the password lacks the secret in OpenBao, and the other way
//! round. The tag of the wrap is the only check of a password. A wrap is bound to its vendor, generation and
//! parameters; a sealed value to its vendor, entry, version, generation, and to all that stands beside it.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::auth::seal::{Context, open, seal};
use crate::error::{Error, Result};
use crate::types::{Namespace, Secret};

/// What is done to a password: Argon2id's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kdf {
    /// KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Kdf {
    /// Less is refused, wherever it comes from: OWASP's least.
    pub const FLOOR: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// More is refused too: a changed row must not take the service's memory.
    pub const CEILING: Self = Self {
        memory_kib: 1024 * 1024,
        passes: 64,
        lanes: 16,
    };
    /// Where nothing else is said.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// Whether these are parameters that this service takes.
    #[must_use]
    pub fn is_sound(self) -> bool {
        let within = |least, value, most| least <= value && value <= most;
        let (floor, ceiling) = (Self::FLOOR, Self::CEILING);
        within(floor.memory_kib, self.memory_kib, ceiling.memory_kib)
            && within(floor.passes, self.passes, ceiling.passes)
            && within(floor.lanes, self.lanes, ceiling.lanes)
    }
}

/// A data key. Wiped when dropped.
pub struct DataKey {
    /// Counts the data keys of a lockbox, from 1.
    pub generation: i32,
    bytes: Box<Zeroizing<[u8; 32]>>,
}

impl DataKey {
    /// A fresh one.
    #[must_use]
    pub fn new(generation: i32) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; 32]));
        rand::fill(bytes.as_mut_slice());
        Self { generation, bytes }
    }

    /// From its bytes; `None` where there are not 32.
    #[must_use]
    pub fn from_bytes(generation: i32, bytes: &[u8]) -> Option<Self> {
        let mut own = Box::new(Zeroizing::new([0; 32]));
        if bytes.len() != own.len() {
            return None;
        }
        own.copy_from_slice(bytes);
        Some(Self {
            generation,
            bytes: own,
        })
    }

    pub(super) fn copy(&self) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; 32]));
        bytes.copy_from_slice(self.bytes.as_slice());
        Self {
            generation: self.generation,
            bytes,
        }
    }

    /// The key itself: to be sealed for somebody who may have it.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }
}

/// The secret of all lockboxes as it lies in OpenBao, in one of its versions.
pub struct OpenBaoPart {
    /// Of the secret.
    pub version: i32,
    bytes: Zeroizing<Vec<u8>>,
}

impl OpenBaoPart {
    /// From its stored form: 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(version: i32, text: &Secret) -> Option<Self> {
        let bytes = Zeroizing::new(hex::decode(text.expose()).ok()?);
        (bytes.len() == 32).then_some(Self { version, bytes })
    }
}

/// A wrapped data key, and what it takes to unwrap it besides the two secrets.
#[derive(Clone)]
pub struct Wrap {
    /// What was done to the password.
    pub kdf: Kdf,
    /// Random, 16 bytes.
    pub salt: Vec<u8>,
    /// Of the secret in OpenBao.
    pub secret_version: i32,
    /// Of the data key.
    pub generation: i32,
    /// The data key, sealed.
    pub sealed: Vec<u8>,
}

/// Wraps a data key. Takes a tenth of a second and the memory it says: not to be called on a request's thread.
///
/// # Errors
/// Where the library fails.
pub fn wrap(
    namespace: &Namespace,
    password: &Secret,
    part: &OpenBaoPart,
    kdf: Kdf,
    key: &DataKey,
) -> Result<Wrap> {
    let salt: [u8; 16] = rand::random();
    let wrap = Wrap {
        kdf,
        salt: salt.to_vec(),
        secret_version: part.version,
        generation: key.generation,
        sealed: Vec::new(),
    };
    let over = encryption_key(namespace, password, part, &wrap)?;
    let sealed = seal(&over, &wrap_context(namespace, &wrap), key.expose());
    Ok(Wrap {
        sealed: sealed.ok_or_else(failed)?,
        ..wrap
    })
}

/// Unwraps a data key; `None` where password or secret are not the right ones, or the wrap was changed.
///
/// # Errors
/// [`Error::Integrity`] for parameters that nobody of us wrote.
pub fn unwrap(
    namespace: &Namespace,
    password: &Secret,
    part: &OpenBaoPart,
    wrap: &Wrap,
) -> Result<Option<DataKey>> {
    if !wrap.kdf.is_sound() || wrap.secret_version != part.version {
        return Err(Error::Integrity("a lockbox's wrapped key"));
    }
    let over = encryption_key(namespace, password, part, wrap)?;
    let opened = open(&over, &wrap_context(namespace, wrap), &wrap.sealed);
    Ok(opened.and_then(|bytes| DataKey::from_bytes(wrap.generation, &bytes)))
}

fn encryption_key(
    namespace: &Namespace,
    password: &Secret,
    part: &OpenBaoPart,
    wrap: &Wrap,
) -> Result<Zeroizing<[u8; 32]>> {
    let Kdf {
        memory_kib,
        passes,
        lanes,
    } = wrap.kdf;
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| failed())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut stretched = Zeroizing::new([0; 32]);
    argon2
        .hash_password_into(password.expose().as_bytes(), &wrap.salt, stretched.as_mut())
        .map_err(|_| failed())?;
    let said = Context::new("gatehouse lockbox encryption key")
        .with(namespace.as_str().as_bytes())
        .with(&wrap.salt);
    let mut mac = Hmac::<Sha256>::new_from_slice(&part.bytes).map_err(|_| failed())?;
    mac.update(said.as_bytes());
    mac.update(stretched.as_ref());
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

fn wrap_context(namespace: &Namespace, wrap: &Wrap) -> Context {
    Context::new("gatehouse lockbox key")
        .with(namespace.as_str().as_bytes())
        .with(&wrap.salt)
        .and(wrap.kdf.memory_kib.into())
        .and(wrap.kdf.passes.into())
        .and(wrap.kdf.lanes.into())
        .and(wrap.secret_version.into())
        .and(wrap.generation.into())
}

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

fn failed() -> Error {
    Error::Internal("the library for cryptography failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(text: &str) -> Namespace {
        Namespace::parse(text).expect("a namespace")
    }

    fn part(digit: &str, version: i32) -> OpenBaoPart {
        let text = Secret::new(digit.repeat(64));
        OpenBaoPart::from_hex(version, &text).expect("a part")
    }

    #[test]
    fn a_wrap_takes_both_secrets_unchanged() {
        let (ours, password) = (namespace("vendor-a"), Secret::new("1234".to_owned()));
        let key = DataKey::new(1);
        let wrapped = wrap(&ours, &password, &part("a", 1), Kdf::FLOOR, &key);
        let wrapped = wrapped.expect("a wrap");
        let open = |ns: &Namespace, password: &Secret, part: &OpenBaoPart, wrapped: &Wrap| {
            unwrap(ns, password, part, wrapped).map(|key| key.map(|key| *key.expose()))
        };
        let right = open(&ours, &password, &part("a", 1), &wrapped);
        assert_eq!(right.expect("sound"), Some(*key.expose()));
        let other = Secret::new("1235".to_owned());
        let none = [
            open(&ours, &other, &part("a", 1), &wrapped),
            open(&ours, &password, &part("b", 1), &wrapped),
            open(&namespace("vendor-b"), &password, &part("a", 1), &wrapped),
        ];
        assert!(none.into_iter().all(|got| matches!(got, Ok(None))));
        let changed = [
            Wrap {
                generation: 2,
                ..wrapped.clone()
            },
            Wrap {
                kdf: Kdf {
                    passes: 3,
                    ..Kdf::FLOOR
                },
                ..wrapped.clone()
            },
        ];
        for changed in &changed {
            assert!(matches!(
                open(&ours, &password, &part("a", 1), changed),
                Ok(None)
            ));
        }
    }

    #[test]
    fn weak_or_absurd_parameters_are_refused() {
        let unsound = [
            Kdf {
                passes: 1,
                ..Kdf::FLOOR
            },
            Kdf {
                memory_kib: 8,
                ..Kdf::FLOOR
            },
            Kdf {
                memory_kib: u32::MAX,
                ..Kdf::FLOOR
            },
            Kdf {
                lanes: 0,
                ..Kdf::FLOOR
            },
        ];
        for kdf in unsound {
            let wrapped = Wrap {
                kdf,
                salt: vec![0; 16],
                secret_version: 1,
                generation: 1,
                sealed: vec![0; 61],
            };
            let password = Secret::new("1234".to_owned());
            let got = unwrap(&namespace("vendor-a"), &password, &part("a", 1), &wrapped);
            assert!(matches!(got, Err(Error::Integrity(_))), "{kdf:?}");
        }
        assert!(Kdf::DEFAULT.is_sound());
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
