//! Passwords of users: Argon2id with a key from OpenBao mixed in, so that a copy of the database cannot be guessed at.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

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
    let stored = PasswordHash::new(stored)
        .map_err(|_| Error::Internal("a password's hash cannot be read".to_owned()))?;
    with_argon2(ring, |argon2| {
        Ok(argon2
            .verify_password(password.expose().as_bytes(), &stored)
            .is_ok())
    })
}
