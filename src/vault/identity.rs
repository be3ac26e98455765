//! Entities: what OpenBao makes for each entity alias of a site-scoped token.

use super::Error;
use super::client::Handle;

/// `DELETE identity/entity/id/<id>`. One that is gone counts as deleted.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn delete_entity(handle: &Handle, id: &str) -> Result<(), Error> {
    match vaultrs::identity::entity::delete_by_id(handle, id)
        .await
        .map_err(Error::from)
    {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}
