//! Tokens of OpenBao, handed out by the service.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ureq::http::Method;

use super::Gatehouse;
use crate::error::Result;
use crate::http::{Call, Effort, Repeat};
use crate::names::PathPart;
use crate::secret::Secret;

/// A token that reads credentials, asked for. Everything is optional.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    /// Then the token reads this credential only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many seconds it should live at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// 30 to 3600 seconds: the token comes wrapped, to be exchanged once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_ttl: Option<u32>,
    /// Whether the service keeps the token alive by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<bool>,
    /// Stands in the token's `meta` in OpenBao.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// For which worker, where the vendor asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// A token that writes the secret of a site, asked for. Everything is optional.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteTokenRequest {
    /// Then the token is for this site only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<String>,
    /// The site's access key, where it is registered already.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "Secret::send"
    )]
    pub access_key: Option<Secret>,
    /// 30 to 3600 seconds: the token comes wrapped, to be exchanged once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_ttl: Option<u32>,
    /// Stands in the token's `meta` in OpenBao.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A token that reads the secret of a site, asked for. Everything is optional.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadTokenRequest {
    /// Then the token is for this site only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<String>,
    /// 30 to 3600 seconds: the token comes wrapped, to be exchanged once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_ttl: Option<u32>,
    /// Stands in the token's `meta` in OpenBao.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A token of OpenBao.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedToken {
    /// The token, unless it was asked for wrapped.
    pub token: Option<Secret>,
    /// What to exchange for the token at OpenBao's `sys/wrapping/unwrap`, once.
    pub wrap_token: Option<Secret>,
    /// For how many seconds it can be exchanged.
    pub wrap_ttl: Option<u64>,
    /// Names the token without being it.
    pub accessor: String,
    /// What it may do.
    pub policies: Vec<String>,
    /// How many seconds it lives at first.
    pub ttl: u64,
    /// When it ends, if it is not renewed.
    pub expires_at: Timestamp,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// OpenBao's address.
    pub vault_url: String,
    /// What `VAULT_HOSTNAME` is set to for the media workers' SDK; for credentials only.
    pub vault_hostname: Option<String>,
    /// The mount.
    pub store: String,
    /// The path below `/v1/` that the token is for.
    pub path: String,
    /// Names the hand-out.
    pub issuance_id: String,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("accessor", &self.accessor)
            .field("expires_at", &self.expires_at)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Gatehouse {
    /// A token that reads the worker's credentials straight from OpenBao. [`crate::Vault::through`] asks for one by
    /// itself.
    ///
    /// # Errors
    /// `key_not_allowed`, and trouble on the way. A repeated request may leave a token that nobody uses; it ends by
    /// itself.
    pub fn credential_token(&self, request: &TokenRequest) -> Result<IssuedToken> {
        self.credential_token_within(request, &Effort::full(self.client().settings()))
    }

    pub(crate) fn credential_token_within(
        &self,
        request: &TokenRequest,
        effort: &Effort,
    ) -> Result<IssuedToken> {
        if let Some(key) = &request.key {
            PathPart::credential_key(key)?;
        }
        let call = self.token_call("api/credentials/token").json(request)?;
        self.send_within(&call, effort)?.json()
    }

    /// A token that writes a site's secret. For plugins and the vendor.
    ///
    /// # Errors
    /// `access_key_required` where the site is registered, `store_wide_refused`, and trouble on the way.
    pub fn write_token(&self, request: &WriteTokenRequest) -> Result<IssuedToken> {
        request
            .secret_id
            .as_deref()
            .map(PathPart::secret_id)
            .transpose()?;
        self.send(&self.token_call("api/site").json(request)?)?
            .json()
    }

    /// A token that reads a site's secret. For the vendor.
    ///
    /// # Errors
    /// `not_found`, `support_paused`, and trouble on the way.
    pub fn read_token(&self, request: &ReadTokenRequest) -> Result<IssuedToken> {
        request
            .secret_id
            .as_deref()
            .map(PathPart::secret_id)
            .transpose()?;
        self.send(&self.token_call("sites/token").json(request)?)?
            .json()
    }

    fn token_call(&self, path: &str) -> Call {
        Call::new(Method::POST, self.base(), path, Repeat::Safe)
    }
}
