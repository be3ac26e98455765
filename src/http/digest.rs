//! A digest of a request's body, for whoever wants one.

use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};

/// Of the body as it came; of an empty one where the handler reads none.
struct BodyDigest([u8; 32]);

/// Says that a digest is wanted, before the body is read.
pub fn want_body_digest(request: &HttpRequest) {
    let empty = BodyDigest(Sha256::digest([]).into());
    request.extensions_mut().insert(empty);
}

/// Notes the body, if a digest is wanted.
pub(super) fn note(request: &HttpRequest, body: &[u8]) {
    if let Some(digest) = request.extensions_mut().get_mut::<BodyDigest>() {
        digest.0 = Sha256::digest(body).into();
    }
}

/// The digest, if one is wanted.
#[must_use]
pub fn body_digest(request: &HttpRequest) -> Option<[u8; 32]> {
    request
        .extensions()
        .get::<BodyDigest>()
        .map(|digest| digest.0)
}
