//! Hashes of users' passwords: Argon2id with a key from OpenBao mixed in, so that a copy of the database cannot be
//! guessed at.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use crate::auth::KeyRing;
use crate::error::{Error, Result};
use crate::types::Secret;

/// OWASP's second choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

fn with_argon2<T>(ring: &KeyRing, work: impl FnOnce(&Argon2<'_>) -> Result<T>) -> Result<T> {
    let pepper = ring.password_pepper();
    let params = Params::new(MEMORY_KIB, PASSES, 1, None);
    let params = params.map_err(|e| Error::Internal(format!("argon2: {e}")))?;
    let argon2 = Argon2::new_with_secret(&*pepper, Algorithm::Argon2id, Version::V0x13, params);
    work(&argon2.map_err(|e| Error::Internal(format!("argon2: {e}")))?)
}

/// The hash of a new password, in the PHC form. Takes tens of milliseconds: not to be called on a request's thread.
///
/// # Errors
/// Where the library fails.
pub fn hash(ring: &KeyRing, password: &Secret) -> Result<String> {
    with_argon2(ring, |argon2| {
        let salt: [u8; 16] = rand::random();
        let hash = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt);
        let hash = hash.map_err(|e| Error::Internal(format!("argon2: {e}")))?;
        Ok(hash.to_string())
    })
}

/// Whether a password is the right one. Takes as long.
///
/// # Errors
/// Where the stored hash cannot be read.
pub fn verify(ring: &KeyRing, password: &Secret, stored: &str) -> Result<bool> {
    let stored = parsed(stored)?;
    with_argon2(ring, |argon2| {
        Ok(argon2
            .verify_password(password.expose().as_bytes(), &stored)
            .is_ok())
    })
}

/// Whether a hash was made with less work than today's are.
///
/// # Errors
/// Where the stored hash cannot be read.
pub fn is_outdated(stored: &str) -> Result<bool> {
    let params = Params::try_from(&parsed(stored)?);
    let params = params.map_err(|_| unreadable())?;
    Ok(params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES)
}

/// A hash of no password: what is verified where there is no such user, so that it takes as long.
#[must_use]
pub fn of_nobody() -> String {
    let salt = BASE64_STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
    let output = BASE64_STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>());
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${output}")
}

fn parsed(stored: &str) -> Result<PasswordHash> {
    PasswordHash::new(stored).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::Internal("a password's hash cannot be read".to_owned())
}
