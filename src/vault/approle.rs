//! AppRole: how the service logs in, and how `bootstrap` makes the roles for it.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Error;
use super::call::Call;
use super::client::Handle;
use super::tokens::Auth;
use super::watch::watched;
use crate::types::Secret;

/// What an AppRole log-in needs.
#[derive(Clone)]
pub struct Credentials {
    /// Not secret by itself.
    pub role_id: String,
    /// Secret.
    pub secret_id: Secret,
}

/// `POST auth/approle/login`.
///
/// # Errors
/// Where the role or secret id is refused, or OpenBao does not answer.
pub async fn login(handle: &Handle, role_id: &str, secret_id: &Secret) -> Result<Auth, Error> {
    let body = serde_json::json!({ "role_id": role_id, "secret_id": secret_id.expose() });
    handle
        .send::<IgnoredAny>(Call::post("auth/approle/login", &body))
        .await?
        .into_auth()
}

/// Enables the AppRole method at `auth/approle`; it may be there already.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn enable(handle: &Handle) -> Result<(), Error> {
    let call = vaultrs::sys::auth::enable(handle, "approle", "approle", None);
    match watched("POST", "sys/auth/approle", call).await {
        Err(Error::PathInUse) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// How long the tokens of an AppRole live.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Life {
    /// First life, seconds.
    pub token_ttl: u64,
    /// Longest life, seconds.
    pub token_max_ttl: u64,
}

#[derive(Serialize)]
struct AppRole<'a> {
    token_policies: &'a [&'a str],
    token_no_default_policy: bool,
    token_type: &'a str,
    #[serde(flatten)]
    life: Life,
}

/// Makes or replaces an AppRole whose tokens have exactly `policies`.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn set_role(
    handle: &Handle,
    name: &str,
    policies: &[&str],
    life: Life,
) -> Result<(), Error> {
    let role = AppRole {
        token_policies: policies,
        token_no_default_policy: true,
        token_type: "service",
        life,
    };
    handle
        .send_only(Call::post(format!("auth/approle/role/{name}"), &role))
        .await
}

/// The role's id with a fresh secret id.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn new_credentials(handle: &Handle, name: &str) -> Result<Credentials, Error> {
    #[derive(Deserialize)]
    struct RoleId {
        role_id: String,
    }
    #[derive(Deserialize)]
    struct SecretId {
        secret_id: Secret,
    }
    let role = format!("auth/approle/role/{name}");
    let id = handle
        .send::<RoleId>(Call::get(format!("{role}/role-id")))
        .await?
        .into_data()?;
    let secret = handle
        .send::<SecretId>(Call::post(
            format!("{role}/secret-id"),
            &serde_json::json!({}),
        ))
        .await?
        .into_data()?;
    Ok(Credentials {
        role_id: id.role_id,
        secret_id: secret.secret_id,
    })
}
