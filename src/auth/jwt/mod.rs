//! JSON Web Tokens of others, read strictly (RFC 7515, 7519, 8725).
//!
//! What a token's header says decides nothing: the algorithm is the key's, the key comes from whom the reader trusts, and
//! what the header brings along (`jwk`, `jku`, `x5u`, `x5c`) is passed over. Extensions (`crit`) are refused.
//!
//! [`Unverified::parse`] takes the form apart, [`Unverified::verify`] asks a key, and only then are there [`Claims`].

mod algorithm;
mod claims;
mod key;
mod strict;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

pub use algorithm::Algorithm;
pub use claims::{Claims, Expected, LEEWAY};
pub use key::{KeyFault, PublicKey};
pub use strict::{document, object};

/// Longest token that is looked at, in bytes.
pub const LONGEST: usize = 8 * 1024;
const LONGEST_TEXT: usize = 256;

/// Why a token is refused. Nothing that it says is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not three parts of base64url without padding, or no JSON objects in them.
    #[error("it is no signed JWT of at most 8192 bytes")]
    Malformed,
    /// It needs something that this service does not know.
    #[error("its header asks for what is not supported")]
    Header,
    /// Signed in another way than the key is for, or than is allowed.
    #[error("it is signed with another algorithm than is allowed")]
    Algorithm,
    /// Nobody who is trusted has that key.
    #[error("it names a key that its issuer does not have")]
    UnknownKey,
    /// The signature is another's.
    #[error("its signature is not valid")]
    Signature,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come, or it was made in the future.
    #[error("it is not valid yet")]
    NotYet,
    /// `exp`, or another time, is missing or no time.
    #[error("its times are missing or malformed")]
    Times,
    /// `iss` is another.
    #[error("its issuer is another one")]
    Issuer,
    /// `aud` names others.
    #[error("it is for another audience")]
    Audience,
    /// `sub` is missing, empty or no text.
    #[error("it names no subject")]
    Subject,
}

/// A token as it came. Nothing it says is proved.
pub struct Unverified<'a> {
    message: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    claims: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. That costs no more than reading it, whatever it says.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::Header`] or [`Fault::Algorithm`].
    pub fn parse(token: &'a str) -> Result<Self, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Fault::Malformed)?;
        if payload.contains('.') || signature.is_empty() {
            return Err(Fault::Malformed);
        }
        let read = |part: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part);
            bytes
                .ok()
                .as_deref()
                .and_then(object)
                .ok_or(Fault::Malformed)
        };
        BASE64_URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| Fault::Malformed)?;
        let header = read(header)?;
        // Of these each changes what is signed, or how it is read.
        if ["crit", "b64", "zip", "enc", "p2c"]
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return Err(Fault::Header);
        }
        Ok(Self {
            message,
            signature,
            algorithm: header
                .get("alg")
                .and_then(Value::as_str)
                .and_then(Algorithm::of_name)
                .ok_or(Fault::Algorithm)?,
            kid: text(&header, "kid")?,
            typ: text(&header, "typ")?,
            claims: read(payload)?,
        })
    }

    /// What it says it is signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Which key it says it is signed with.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ` of its header.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// `iss`, to find out whom to ask for keys. Not proved.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// `sub`, to find out whose key to ask. Not proved.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub")?.as_str()
    }

    /// The claims, where one of the keys made the signature. Keys of other algorithms than the token's are not asked.
    ///
    /// # Errors
    /// [`Fault::UnknownKey`] without any key, [`Fault::Algorithm`] where all are for other algorithms, or
    /// [`Fault::Signature`].
    pub fn verify<'k>(
        self,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<Claims, Fault> {
        let mut fault = Fault::UnknownKey;
        for key in keys {
            if key.algorithm() != self.algorithm {
                if fault == Fault::UnknownKey {
                    fault = Fault::Algorithm;
                }
            } else if key.has_signed(self.message, self.signature) {
                return Ok(Claims::new(self.claims));
            } else {
                fault = Fault::Signature;
            }
        }
        Err(fault)
    }
}

/// A member of the header that is a text where it is there.
fn text(header: &Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST_TEXT => Ok(Some(text.clone())),
        Some(_) => Err(Fault::Header),
    }
}
