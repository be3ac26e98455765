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

mod values;
mod wrap;

pub use values::{EntryContext, open_former, open_value, seal_former, seal_value};
pub use wrap::{Kdf, OpenBaoPart, Wrap, unwrap, wrap};

use zeroize::Zeroizing;

use crate::error::Error;

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

fn failed() -> Error {
    Error::Internal("the library for cryptography failed".to_owned())
}
