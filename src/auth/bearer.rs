//! What a bearer is, told by its form alone.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HOST};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::types::Secret;
use crate::users::accounts::basic::Shown;

/// Credentials of a request, by form. Nothing is verified yet.
pub enum Bearer {
    /// `pk_…`: a vendor's public key.
    PublicKey(Secret),
    /// `sk_…`: a vendor's private key.
    PrivateKey(Secret),
    /// TrustedLogin's two digests.
    TrustedLogin {
        /// `Authorization: Bearer <sha256hex(private key)>`; `None` of Connectors since version 2, see below.
        bearer: Option<Secret>,
        /// `X-TL-TOKEN: <sha256hex(public key + private key)>`.
        pair: Secret,
    },
    /// Three parts with points between them: a JWT, whose it may be.
    Jwt(Secret),
    /// `gho_…`: an operator's token, a worker's session, or a session or access token of a user.
    AccessToken(Secret),
    /// The same without `Bearer`, as the workers' SDK sends it: a worker's session only.
    BareAccessToken(Secret),
    /// A site's delete key, sent without `Bearer` as the plugins of 2019 do.
    DeleteKey(Secret),
    /// HTTP Basic: a user's name with its password or an access token.
    Basic(Shown),
    /// No `Authorization` header.
    None,
}

const LONGEST: usize = 2048;

impl Bearer {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`Error::CredentialsInvalid`] for anything of no known form.
    pub fn of(request: &HttpRequest) -> Result<Self> {
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let Some(header) = headers.next() else {
            return Ok(Self::None);
        };
        if headers.next().is_some() {
            return Err(Error::CredentialsInvalid);
        }
        let text = header
            .to_str()
            .ok()
            .filter(|t| t.len() <= LONGEST)
            .ok_or(Error::CredentialsInvalid)?;
        if text.starts_with("gdk_") {
            return Ok(Self::DeleteKey(Secret::new(text.to_owned())));
        }
        if text.starts_with("gho_") {
            return Ok(Self::BareAccessToken(Secret::new(text.to_owned())));
        }
        let (scheme, token) = text.split_once(' ').ok_or(Error::CredentialsInvalid)?;
        if scheme.eq_ignore_ascii_case("basic") {
            return basic(token.trim(), request).ok_or(Error::CredentialsInvalid);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Error::CredentialsInvalid);
        }
        Self::by_form(token.trim(), request).ok_or(Error::CredentialsInvalid)
    }

    fn by_form(token: &str, request: &HttpRequest) -> Option<Self> {
        let secret = || Secret::new(token.to_owned());
        if token.starts_with("pk_") {
            Some(Self::PublicKey(secret()))
        } else if token.starts_with("sk_") {
            Some(Self::PrivateKey(secret()))
        } else if token.starts_with("gho_") {
            Some(Self::AccessToken(secret()))
        } else if is_jwt(token) {
            Some(Self::Jwt(secret()))
        } else if is_sha256_hex(token) {
            let (bearer, pair) = (Some(secret()), pair_of(request)?);
            Some(Self::TrustedLogin { bearer, pair })
        } else if is_version_2(token, request) {
            // An HMAC under the private key itself, which nobody but the vendor has. What proves the vendor is the pair,
            // a digest of that key that is sent along.
            let (bearer, pair) = (None, pair_of(request)?);
            Some(Self::TrustedLogin { bearer, pair })
        } else {
            None
        }
    }
}

fn pair_of(request: &HttpRequest) -> Option<Secret> {
    let mut pairs = request.headers().get_all("x-tl-token");
    let pair = pairs.next()?.to_str().ok()?;
    let is_only = pairs.next().is_none() && is_sha256_hex(pair);
    is_only.then(|| Secret::new(pair.to_owned()))
}

fn is_version_2(token: &str, request: &HttpRequest) -> bool {
    // Nobody else calls in this way.
    if !request.path().starts_with("/api/v1/") {
        return false;
    }
    let version = request.headers().get("x-tl-auth-version");
    let is_digest = BASE64_STANDARD
        .decode(token)
        .is_ok_and(|tag| tag.len() == 32);
    version.is_some_and(|version| version == "2") && is_digest
}

/// RFC 7617, in UTF-8: the password may hold colons, the name may not.
fn basic(token: &str, request: &HttpRequest) -> Option<Bearer> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(token).ok()?);
    let (login, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let host = request.headers().get(HOST);
    Some(Bearer::Basic(Shown {
        login: login.to_owned(),
        password: Secret::new(password.to_owned()),
        host: host.and_then(|host| host.to_str().ok()).map(str::to_owned),
    }))
}

/// A header that is a JSON object begins so in base64url.
fn is_jwt(token: &str) -> bool {
    token.starts_with("eyJ") && token.bytes().filter(|b| *b == b'.').count() == 2
}

fn is_sha256_hex(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
