//! What `OAuth` has words of its own for (RFC 6749, 5.2; RFC 8707), and what is refused of vendors' own tokens.

use actix_web::http::StatusCode;

use super::Entry;

/// Why a request to an endpoint of `OAuth`, or about tokens that vendors sign, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// A parameter is missing, stands twice or is malformed, with which.
    #[error("invalid request: {0}")]
    InvalidRequest(&'static str),
    /// Nothing is handed out for this kind of grant.
    #[error("unsupported grant type")]
    UnsupportedGrantType,
    /// There are no scopes.
    #[error("invalid scope")]
    InvalidScope,
    /// A token for another audience.
    #[error("invalid target")]
    InvalidTarget,
    /// The vendor has as many registered keys as it may.
    #[error("no more registered keys than these")]
    KeyLimit,
    /// The vendor demands of its client plugins what it signed.
    #[error("the vendor demands signed tokens of client plugins")]
    SignedClientsOnly,
    /// The client's token is for another site.
    #[error("the signed token is for another site")]
    OtherSite,
}

impl OAuthError {
    /// As `OAuth` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::KeyLimit => "jwt_key_limit",
            Self::SignedClientsOnly => "signed_client_required",
            Self::OtherSite => "token_for_other_site",
        }
    }

    pub(super) fn entry(self) -> Entry {
        let detail = match self {
            Self::InvalidRequest(what) => what,
            Self::UnsupportedGrantType => "The grant_type is not one that is supported here.",
            Self::InvalidScope => {
                "There are no scopes: a token may do what its client may. Leave scope out."
            }
            Self::InvalidTarget => "Access tokens are for this service only.",
            Self::KeyLimit => "There are 10 registered keys already: remove one first.",
            Self::SignedClientsOnly => {
                "This vendor demands of client plugins a token that it signed: the public key alone is not enough."
            }
            Self::OtherSite => {
                "The signed token is for another site than the one that is asked for."
            }
        };
        let status = match self {
            Self::KeyLimit => StatusCode::CONFLICT,
            Self::SignedClientsOnly | Self::OtherSite => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Entry {
            status,
            code: self.name(),
            detail: detail.to_owned(),
        }
    }
}
