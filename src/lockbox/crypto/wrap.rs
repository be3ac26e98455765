//! The data key under the password and the secret in OpenBao.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{DataKey, failed};
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
        memory_kib: 256 * 1024,
        passes: 16,
        lanes: 8,
    };
    /// Where nothing else is said.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// Whether these take much more than others: somebody else's choice must not take this service's time.
    #[must_use]
    pub fn is_far_above(self, other: Self) -> bool {
        let cost = |kdf: Self| u64::from(kdf.memory_kib) * u64::from(kdf.passes);
        cost(self) > 4 * cost(other).max(cost(Self::DEFAULT))
    }

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

/// Bytes of a salt, and of a wrapped key: format, nonce, key, tag.
const SALT: usize = 16;
const SEALED: usize = 1 + 12 + 32 + 16;

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

impl Wrap {
    /// Whether it could be one that this service made.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.kdf.is_sound()
            && self.salt.len() == SALT
            && self.sealed.len() == SEALED
            && self.secret_version >= 1
            && self.generation >= 1
    }
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
    let salt: [u8; SALT] = rand::random();
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
    if !wrap.is_sound() || wrap.secret_version != part.version {
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
}
