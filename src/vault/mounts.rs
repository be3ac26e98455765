//! Secrets engines: the calls below `sys/mounts/`.

use std::collections::HashMap;

use serde::Deserialize;
use vaultrs::api::sys::requests::EnableEngineRequest;

use super::Error;
use super::call::Call;
use super::client::Handle;
use super::watch::watched;
use crate::kill_point::kill_point;

/// A mounted secrets engine.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Mount {
    /// `kv`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Free text.
    pub description: String,
    /// For `kv`: `version`.
    #[serde(default)]
    pub options: Option<HashMap<String, String>>,
}

/// `POST sys/mounts/<path>`: a KV engine of the given version.
///
/// # Errors
/// [`Error::PathInUse`] where a mount of that name exists.
pub async fn enable_kv(
    handle: &Handle,
    path: &str,
    description: &str,
    version: &str,
) -> Result<(), Error> {
    let mut request = EnableEngineRequest::builder();
    request
        .description(description)
        .options(HashMap::from([("version".to_owned(), version.to_owned())]));
    let mount = format!("sys/mounts/{path}");
    kill_point(format_args!("before POST {mount}"));
    let call = vaultrs::sys::mount::enable(handle, path, "kv", Some(&mut request));
    let enabled = watched("POST", &mount, call).await;
    kill_point(format_args!("after POST {mount}"));
    enabled
}

/// `GET sys/mounts/<path>`; `None` where nothing is mounted there.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn read(handle: &Handle, path: &str) -> Result<Option<Mount>, Error> {
    match handle.send(Call::get(format!("sys/mounts/{path}"))).await {
        Ok(answer) => answer.into_data().map(Some),
        // OpenBao answers 400 "No secret engine mount at …" for an absent mount.
        Err(Error::NotFound | Error::Rejected(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `DELETE sys/mounts/<path>`: with all that lies there. One that is not there counts as removed.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn disable(handle: &Handle, path: &str) -> Result<(), Error> {
    match handle
        .send_only(Call::delete(format!("sys/mounts/{path}")))
        .await
    {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `GET sys/internal/ui/mounts/<path>`: the same, for a token that may do anything at all below that mount.
///
/// # Errors
/// [`Error::Denied`] where nothing is mounted there, or the token may do nothing there.
pub async fn seen(handle: &Handle, path: &str) -> Result<Mount, Error> {
    handle
        .send(Call::get(format!("sys/internal/ui/mounts/{path}")))
        .await?
        .into_data()
}
