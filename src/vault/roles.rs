//! Token roles: what OpenBao itself enforces about the tokens this service hands out.

use serde::Serialize;

use super::Error;
use super::call::Call;
use super::client::Handle;

/// A token role, `auth/token/roles/<name>`. All are orphan and of type `service`, so that tokens outlive the app token
/// and can be revoked.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TokenRole {
    /// The last segment of its path.
    #[serde(skip)]
    pub name: &'static str,
    /// Policies allowed by name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub allowed_policies: &'static [&'static str],
    /// Policies allowed by pattern.
    pub allowed_policies_glob: &'static [&'static str],
    /// Longest life of its tokens, seconds.
    pub token_explicit_max_ttl: u64,
    /// Whether its tokens can be renewed.
    pub renewable: bool,
    /// Whether its tokens go without the `default` policy.
    pub token_no_default_policy: bool,
    /// Which entity aliases a token may be bound to.
    pub allowed_entity_aliases: &'static [&'static str],
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    role: &'a TokenRole,
    orphan: bool,
    token_type: &'static str,
}

/// `POST auth/token/roles/<name>`.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn set(handle: &Handle, role: &TokenRole) -> Result<(), Error> {
    handle
        .send_only(Call::post(
            format!("auth/token/roles/{}", role.name),
            &Body {
                role,
                orphan: true,
                token_type: "service",
            },
        ))
        .await
}
