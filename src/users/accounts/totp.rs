//! The second factor: codes of six digits by time (RFC 6238: SHA-1, 30 seconds), as authenticator apps make them.
//!
//! A code is good for its own half minute and the next, and once: accepting one and noting its half minute is one
//! statement. The secret lies in the database sealed under a key from OpenBao, bound to the vendor and the user.

use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::Account;
use super::own::store;
use super::store::Secrets;
use crate::app::App;
use crate::auth::KeyRing;
use crate::auth::seal::{self, Context};
use crate::error::{Error, Result};
use crate::types::Secret;

const STEP_SECONDS: i64 = 30;
const ISSUER: &str = "Gatehouse";

/// A secret of 20 random bytes, as a library wants it.
fn totp(secret: &[u8], login: &str) -> Result<Totp> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(secret.to_vec())
        .with_issuer(Some(ISSUER))
        .with_account_name(login)
        .build()
        .map_err(|e| Error::Internal(format!("totp: {e}")))
}

/// A second factor that was begun: shown once.
pub struct Begun {
    /// The secret in base 32.
    pub secret: Secret,
    /// The same as an address for authenticator apps.
    pub url: Secret,
    /// The secret as it is stored.
    pub sealed: Vec<u8>,
}

/// A new secret for a user.
///
/// # Errors
/// Where a library fails.
pub fn begin(ring: &KeyRing, account: &Account, login: &str) -> Result<Begun> {
    let secret = Zeroizing::new(rand::random::<[u8; 20]>());
    let totp = totp(&*secret, login)?;
    let url = totp.to_url();
    Ok(Begun {
        secret: Secret::new(totp.secret().to_base32()),
        url: Secret::new(url.map_err(|e| Error::Internal(format!("totp: {e}")))?),
        sealed: seal(ring, account, &*secret)?,
    })
}

/// Whose a sealed secret is: it opens for nobody else.
fn bound_to(account: &Account) -> Context {
    Context::new("gatehouse second factor")
        .and(account.vendor.0)
        .and(account.id.0)
}

fn seal(ring: &KeyRing, account: &Account, secret: &[u8]) -> Result<Vec<u8>> {
    let sealed = seal::seal(&ring.totp_key(), &bound_to(account), secret);
    sealed.ok_or_else(|| Error::Internal("sealing failed".to_owned()))
}

fn open(ring: &KeyRing, account: &Account, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let opened = seal::open(&ring.totp_key(), &bound_to(account), sealed);
    opened.ok_or(Error::Integrity("a second factor"))
}

/// The half minute a code is of: this one or the one before. `None` for any other text.
fn step_of(secret: &[u8], code: &Secret, now: Timestamp) -> Result<Option<i64>> {
    let code = code.expose().as_bytes();
    if code.len() != 6 || !code.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let totp = totp(secret, "")?;
    let this = now.as_second().div_euclid(STEP_SECONDS);
    let right = |step: i64| -> Choice {
        let seconds = u64::try_from(step * STEP_SECONDS).unwrap_or(0);
        let right = Zeroizing::new(totp.generate(seconds).to_string());
        right.as_bytes().ct_eq(code)
    };
    let (now, before) = (right(this), right(this - 1));
    Ok(if now.into() {
        Some(this)
    } else {
        bool::from(before).then_some(this - 1)
    })
}

/// The half minute a code of the user's is of; `None` where it is wrong. It may have been used.
///
/// # Errors
/// Where the stored secret does not open.
pub fn step(app: &App, secrets: &Secrets, code: &Secret) -> Result<Option<i64>> {
    let Some(sealed) = &secrets.totp else {
        return Ok(None);
    };
    let secret = open(app.keys()?, &secrets.account, sealed)?;
    step_of(&secret, code, app.clock.now())
}

/// Whether a code is right and was not used. It is used then.
///
/// # Errors
/// Where the database does not answer, or the stored secret does not open.
pub async fn accept(app: &App, secrets: &Secrets, code: &Secret) -> Result<bool> {
    let (account, sealed) = (&secrets.account, secrets.totp.as_deref());
    let (Some(sealed), Some(step)) = (sealed, step(app, secrets, code)?) else {
        return Ok(false);
    };
    let client = app.db.of(account.vendor).await?;
    Ok(store::use_step(&client, account.vendor, account.id, sealed, step).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        let step = |seconds: i64, code: &str| {
            let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
            step_of(secret, &Secret::new(code.to_owned()), now)
                .ok()
                .flatten()
        };
        assert_eq!(step(59, "287082"), Some(1));
        assert_eq!(step(1_111_111_109, "081804"), Some(37_037_036));
        assert_eq!(step(1_111_111_109 + 30, "081804"), Some(37_037_036));
        assert_eq!(step(1_111_111_109 + 60, "081804"), None);
        assert_eq!(step(1_111_111_109 - 30, "081804"), None);
        for bad in [
            "81804",
            "0081804",
            " 081804",
            "081804\n",
            "０８１８０４",
            "08180a",
            "",
        ] {
            assert_eq!(step(1_111_111_109, bad), None, "{bad}");
        }
    }
}
