//! Small calls about OpenBao itself: the accessor of `auth/token`, and what a token may do.

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
