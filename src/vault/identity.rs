//! Entities: what OpenBao makes for each entity alias of a site-scoped token.

use super::Error;
use super::client::Handle;
use super::watch::watched;

/// `DELETE identity/entity/id/<id>`. One that is gone counts as deleted.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn delete_entity(handle: &Handle, id: &str) -> Result<(), Error> {
    let path = format!("identity/entity/id/{id}");
    let call = vaultrs::identity::entity::delete_by_id(handle, id);
    match watched("DELETE", &path, call).await {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}
