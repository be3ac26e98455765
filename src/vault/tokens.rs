//! Calls below `auth/token/`: creating, looking up, renewing and revoking tokens.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Error;
use super::call::Call;
use super::client::Handle;
use super::watch::watched;
use crate::kill_point::kill_point;
use crate::types::Secret;

/// The body of `auth/token/create/<role>`, as the seed's calls send it.
#[derive(Clone, Debug, Serialize)]
pub struct NewToken {
    /// Never empty: OpenBao reads an empty list as "all of the parent's".
    pub policies: Vec<String>,
    /// Shown in look-ups and in the audit log.
    pub meta: BTreeMap<String, String>,
    /// First life, as a duration of OpenBao's (`7d`).
    pub ttl: String,
    /// Whether the holder may renew it.
    pub renewable: bool,
    /// Shown in look-ups.
    pub display_name: String,
    /// Longest life. It is on the role too; sent here so that `lookup-self` shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explicit_max_ttl: Option<String>,
    /// How many calls the token is good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_uses: Option<u32>,
    /// The entity alias that templated policies are filled in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_alias: Option<String>,
}

/// The `auth` block of an answer: a token and what it may do. No `Debug`: it holds the token.
#[derive(Deserialize)]
pub struct Auth {
    /// The token.
    pub client_token: Secret,
    /// Names the token without being it.
    pub accessor: String,
    /// All policies.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Policies of the token itself.
    #[serde(default)]
    pub token_policies: Vec<String>,
    /// The `meta` it was created with.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Life in seconds.
    #[serde(default)]
    pub lease_duration: u64,
    /// Whether it can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// The entity behind its alias; empty without one.
    #[serde(default)]
    pub entity_id: String,
    /// `service` for ours.
    #[serde(default)]
    pub token_type: String,
    /// Whether it outlives its parent.
    #[serde(default)]
    pub orphan: bool,
    /// How many calls it is good for, 0 for any number.
    #[serde(default)]
    pub num_uses: u64,
}

/// The `wrap_info` block: a token that can be exchanged once for the wrapped one.
#[derive(Deserialize)]
pub struct WrapInfo {
    /// The wrapping token.
    pub token: Secret,
    /// Names the wrapping token without being it.
    #[serde(default)]
    pub accessor: String,
    /// Life of the wrapping token in seconds.
    pub ttl: u64,
    /// The accessor of the token inside.
    #[serde(default)]
    pub wrapped_accessor: String,
}

/// What `create` handed out.
pub enum Created {
    /// The token itself.
    Plain(Auth),
    /// A wrapping token; the token inside is known by its accessor only.
    Wrapped(WrapInfo),
}

/// A token, and whether it is what was asked for.
pub struct Made {
    /// The token.
    pub created: Created,
    /// Whether OpenBao warned that a policy of it does not exist: only a warning there, and a broken promise here. Revoke
    /// it then.
    pub lacks_policy: bool,
}

/// What OpenBao knows of a token: every field of `lookup-self` and `lookup-accessor` but its `id`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = AppTokenInfo)]
pub struct TokenInfo {
    /// Names the token without being it.
    pub accessor: String,
    /// From where it works; empty: from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_cidrs: Vec<String>,
    /// Unix seconds.
    #[serde(default)]
    pub creation_time: i64,
    /// Seconds; 0 for a root token.
    #[serde(default)]
    pub creation_ttl: u64,
    /// Shown name.
    #[serde(default)]
    pub display_name: String,
    /// Entity, if any.
    #[serde(default)]
    pub entity_id: String,
    /// End, RFC 3339; `null` for a token without one.
    #[serde(default)]
    pub expire_time: Option<String>,
    /// Longest life in seconds, 0 for none.
    #[serde(default)]
    pub explicit_max_ttl: u64,
    /// Labels.
    #[serde(default)]
    pub meta: Option<BTreeMap<String, String>>,
    /// Calls left, 0 for no limit, less than 0 while OpenBao revokes it: where it lost its leader at that, it stays so.
    #[serde(default)]
    pub num_uses: i64,
    /// Whether it outlives its parent.
    #[serde(default)]
    pub orphan: bool,
    /// The path it was created at.
    #[serde(default)]
    pub path: String,
    /// Renewal period in seconds, if periodic.
    #[serde(default)]
    pub period: Option<u64>,
    /// Policies.
    #[serde(default)]
    pub policies: Vec<String>,
    /// The role it was created by.
    #[serde(default)]
    pub role: Option<String>,
    /// Whether it can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// Seconds left; 0 for a token without an end.
    #[serde(default)]
    pub ttl: u64,
    /// `service` or `batch`.
    #[serde(default, rename = "type")]
    pub token_type: String,
}

/// `POST auth/token/create/<role>`.
///
/// # Errors
/// Where OpenBao refuses.
pub async fn create(handle: &Handle, role: &str, token: &NewToken) -> Result<Made, Error> {
    let answer = handle
        .send::<IgnoredAny>(Call::post(format!("auth/token/create/{role}"), token))
        .await?;
    let lacks_policy = answer
        .warnings
        .iter()
        .flatten()
        .any(|w| w.contains("does not exist"));
    let created = match answer.wrap_info {
        Some(info) => Created::Wrapped(info),
        None => Created::Plain(answer.into_auth()?),
    };
    Ok(Made {
        created,
        lacks_policy,
    })
}

/// `GET auth/token/lookup-self`.
///
/// # Errors
/// [`Error::Denied`] where the token is no more.
pub async fn lookup_self(handle: &Handle) -> Result<TokenInfo, Error> {
    handle
        .send(Call::get("auth/token/lookup-self"))
        .await?
        .into_data()
}

/// `POST auth/token/renew-self`.
///
/// # Errors
/// [`Error::Denied`] where the token is no more, [`Error::Rejected`] where it cannot be renewed.
pub async fn renew_self(handle: &Handle, increment: &str) -> Result<Auth, Error> {
    let body = serde_json::json!({ "increment": increment });
    handle
        .send::<IgnoredAny>(Call::post("auth/token/renew-self", &body))
        .await?
        .into_auth()
}

/// `POST auth/token/revoke-self`.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn revoke_self(handle: &Handle) -> Result<(), Error> {
    let call = vaultrs::token::revoke_self(handle);
    watched("POST", "auth/token/revoke-self", call).await
}

impl TokenInfo {
    /// Whether OpenBao was at ending it before: no call works with it any more.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.num_uses < 0
    }
}

/// `POST auth/token/lookup-accessor`; `None` where no live token has it.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn lookup_accessor(handle: &Handle, accessor: &str) -> Result<Option<TokenInfo>, Error> {
    let body = serde_json::json!({ "accessor": accessor });
    match handle
        .send(Call::post("auth/token/lookup-accessor", &body))
        .await
    {
        Ok(answer) => answer.into_data().map(Some),
        Err(Error::InvalidAccessor | Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `POST auth/token/revoke-accessor`. A token that is gone already counts as revoked.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn revoke_accessor(handle: &Handle, accessor: &str) -> Result<(), Error> {
    kill_point("before POST auth/token/revoke-accessor");
    let call = vaultrs::token::revoke_accessor(handle, accessor);
    let revoked = watched("POST", "auth/token/revoke-accessor", call).await;
    kill_point("after POST auth/token/revoke-accessor");
    match revoked {
        Err(Error::InvalidAccessor | Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `POST auth/token/renew-accessor`: the life granted, in seconds.
///
/// # Errors
/// [`Error::InvalidAccessor`] where no live token has it; otherwise where OpenBao refuses or does not answer.
pub async fn renew_accessor(
    handle: &Handle,
    accessor: &str,
    increment: &str,
) -> Result<u64, Error> {
    let body = serde_json::json!({ "accessor": accessor, "increment": increment });
    let answer = handle
        .send::<IgnoredAny>(Call::post("auth/token/renew-accessor", &body))
        .await?;
    Ok(answer.into_auth()?.lease_duration)
}

/// `LIST auth/token/accessors`: every live token of this OpenBao namespace.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn list_accessors(handle: &Handle) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Accessors {
        keys: Vec<String>,
    }
    match handle
        .send::<Accessors>(Call::list("auth/token/accessors"))
        .await
    {
        Ok(answer) => Ok(answer.into_data()?.keys),
        Err(Error::NotFound) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::TokenInfo;

    #[test]
    fn token_that_is_half_revoked_is_read_as_any_other() {
        let said = r#"{ "accessor": "a", "meta": { "vendor": "v" }, "num_uses": -1 }"#;
        let info = serde_json::from_str::<TokenInfo>(said);
        assert!(info.is_ok_and(|info| info.is_ending()));
    }
}
