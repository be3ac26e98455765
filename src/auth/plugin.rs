//! Client plugins as callers, and what their vendor signed for them.

use std::sync::Arc;

use actix_web::HttpRequest;

use crate::error::{OAuthError, Result};
use crate::types::{JwtKeyId, KeyId, SecretId};
use crate::vendors::Vendor;

/// As the ledger and the events name whoever shows a vendor's public key alone.
pub const PUBLIC_KEY: &str = "public-key";
/// The same of whoever shows a token that the vendor signed.
pub const SIGNED_CLIENT: &str = "signed-client";

/// Where the body names the site, and [`super::PluginOrVendor::may_store`] is asked.
const SITE_IN_BODY: [&str; 5] = [
    "/api/site",
    "/sites",
    "/api/sites",
    "/api/v1/sites",
    "/api/v1/sites/",
];

/// The client plugin of a vendor, by the vendor's public key: low trust, the key is printed in every copy.
#[derive(Clone)]
pub struct ClientPlugin {
    /// Whose plugin.
    pub vendor: Arc<Vendor>,
    /// By which key pair: where it showed a token that the vendor signed, the one in force.
    pub key: KeyId,
    /// What the vendor signed for it; `None` where it showed the public key alone.
    pub signed: Option<Signed>,
}

/// What a vendor signed for a client plugin.
#[derive(Clone)]
pub struct Signed {
    /// By which of its keys.
    pub key: JwtKeyId,
    /// For which site alone.
    pub site: Option<SecretId>,
}

impl ClientPlugin {
    /// As the ledger and the events name it.
    #[must_use]
    pub fn actor(&self) -> &'static str {
        match self.signed {
            Some(_) => SIGNED_CLIENT,
            None => PUBLIC_KEY,
        }
    }

    pub(super) fn may_touch(&self, site: Option<&SecretId>) -> Result<()> {
        let only = self.signed.as_ref().and_then(|signed| signed.site.as_ref());
        match only {
            Some(only) if site != Some(only) => Err(OAuthError::OtherSite.into()),
            _ => Ok(()),
        }
    }

    /// A token for one site alone is taken where the path names that site, and where the body does, which is looked at
    /// with the body.
    pub(super) fn at(self, request: &HttpRequest) -> Result<Self> {
        let in_path = request.match_info().get("secretId");
        if let Some(text) = in_path {
            self.may_touch(SecretId::parse(text).ok().as_ref())?;
        } else if !request
            .match_pattern()
            .is_some_and(|p| SITE_IN_BODY.contains(&p.as_str()))
        {
            self.may_touch(None)?;
        }
        Ok(self)
    }
}
