//! What an access token says, and reading it again.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::keys::Keys;
use crate::auth::jwt::{Claims, Expected, Unverified};
use crate::types::{KeyId, SessionId, VendorId, WorkerId, WorkerLogin};

/// `typ` of the header (RFC 9068, 2.1): no other JWT of this service can be taken for one.
pub const TYPE: &str = "at+jwt";

/// What a token was made from. It is worth as much as that, and no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A vendor's key pair.
    KeyPair(KeyId),
    /// A key of a worker.
    WorkerKey(WorkerId, i64),
    /// An access token of a user, and which of its passwords was in force.
    UserToken(SessionId, i32),
}

/// A token of this service, as it says. Whether its source still lives is asked elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Names it.
    pub jti: Uuid,
    /// Of which vendor.
    pub vendor: VendorId,
    /// Who it was made for, as it names itself to OAuth.
    pub client_id: String,
    /// What it was made from.
    pub source: Source,
    /// How often all tokens of the vendor had been ended.
    pub epoch: i32,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
}

#[derive(Serialize)]
struct Said<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    kind: &'static str,
    vendor: i64,
    credential: String,
    epoch: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    edition: Option<i32>,
}

impl AccessToken {
    /// What is signed.
    ///
    /// # Errors
    /// Where it cannot be written as JSON.
    pub fn payload(&self, issuer: &str) -> serde_json::Result<Vec<u8>> {
        let (kind, id, edition) = match self.source {
            Source::KeyPair(key) => ("vendor", key.0, None),
            Source::WorkerKey(_, key) => ("worker", key, None),
            Source::UserToken(session, edition) => ("user", session.0, Some(edition)),
        };
        serde_json::to_vec(&Said {
            iss: issuer,
            aud: issuer,
            sub: &self.client_id,
            client_id: &self.client_id,
            iat: self.issued_at.as_second(),
            exp: self.expires_at.as_second(),
            jti: self.jti.to_string(),
            kind,
            vendor: self.vendor.0,
            credential: format!("{id:016x}"),
            epoch: self.epoch,
            edition,
        })
    }

    /// Reads a token that one of the keys signed, whose time is not over and which is for this service. The reason of a
    /// refusal is for metrics only.
    ///
    /// # Errors
    /// The reason, in a word.
    pub fn read(
        text: &str,
        keys: &Keys,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Self, &'static str> {
        let token = Unverified::parse(text).map_err(|_| "malformed")?;
        if token.typ() != Some(TYPE) {
            return Err("type");
        }
        let key = token.kid().and_then(|kid| keys.public(kid));
        let key = key.ok_or("unknown_key")?;
        let claims = token.verify([key]).map_err(|_| "signature")?;
        let expected = Expected {
            issuer,
            audience: issuer,
        };
        claims.check(&expected, now).map_err(|_| "claims")?;
        let token = Self::of(&claims).ok_or("claims")?;
        // This service made it: there are no two clocks to be lenient about.
        if token.expires_at <= now {
            return Err("expired");
        }
        Ok(token)
    }

    fn of(claims: &Claims) -> Option<Self> {
        let number = |name: &str| claims.get(name)?.as_i64();
        let small = |name: &str| i32::try_from(number(name)?).ok();
        let client_id = claims.text("client_id")?.to_owned();
        let id = SessionId::parse(claims.text("credential")?)?;
        let source = match claims.text("kind")? {
            "vendor" => Source::KeyPair(KeyId(id.0)),
            "worker" => Source::WorkerKey(WorkerLogin::parse(&client_id)?.id, id.0),
            "user" => Source::UserToken(id, small("edition")?),
            _ => return None,
        };
        Some(Self {
            jti: claims.text("jti")?.parse().ok()?,
            vendor: VendorId(number("vendor")?),
            client_id,
            source,
            epoch: small("epoch")?,
            issued_at: claims.time("iat").ok()??,
            expires_at: claims.expires_at().ok()?,
        })
    }
}
