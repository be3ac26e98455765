//! Small calls about OpenBao itself: how it is, the accessor of `auth/token`, and what a token may do.

use std::collections::HashMap;

use serde::Deserialize;

use super::Error;
use super::call::Call;
use super::client::Handle;
use super::policies::TokenMountAccessor;

/// The accessor of the `auth/token` mount. `sys/auth/token` would need more rights.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn token_mount_accessor(handle: &Handle) -> Result<TokenMountAccessor, Error> {
    #[derive(Deserialize)]
    struct MountInfo {
        accessor: String,
    }
    let info = handle
        .send::<MountInfo>(Call::get("sys/internal/ui/mounts/auth/token"))
        .await?
        .into_data()?;
    TokenMountAccessor::parse(&info.accessor)
}

/// `POST sys/capabilities-self`: what the handle's token may do at each path.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn capabilities_self(
    handle: &Handle,
    paths: &[&str],
) -> Result<HashMap<String, Vec<String>>, Error> {
    let call = Call::post(
        "sys/capabilities-self",
        &serde_json::json!({ "paths": paths }),
    );
    let answer = handle
        .send::<HashMap<String, serde_json::Value>>(call)
        .await?;
    let lists = answer.into_data()?.into_iter();
    Ok(lists
        .filter_map(|(path, list)| serde_json::from_value(list).ok().map(|list| (path, list)))
        .collect())
}

/// What OpenBao says of itself to everybody.
#[derive(Clone, Debug, Deserialize)]
pub struct Health {
    /// Whether it was set up.
    pub initialized: bool,
    /// Whether it waits for its unseal keys.
    pub sealed: bool,
    /// Whether another node is the active one.
    pub standby: bool,
    /// Its clock, Unix seconds.
    pub server_time_utc: i64,
    /// Its version.
    pub version: String,
}

/// `GET sys/health`, with 200 for every state. It is answered outside namespaces only, and needs no token.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn health(handle: Handle) -> Result<Health, Error> {
    let mut call = Call::get("sys/health");
    for state in ["standbycode", "sealedcode", "uninitcode"] {
        call = call.with_query(state, 200);
    }
    handle.outside().send_bare(call).await
}

/// `GET sys/audit`: the paths of the audit devices.
///
/// # Errors
/// [`Error::Denied`] for every token of this service's own.
pub async fn audit_devices(handle: &Handle) -> Result<Vec<String>, Error> {
    let answer = handle
        .send::<serde_json::Map<String, serde_json::Value>>(Call::get("sys/audit"))
        .await?;
    Ok(answer
        .into_data()?
        .into_iter()
        .map(|(path, _)| path)
        .collect())
}
