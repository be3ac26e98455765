//! Key-value engines: the stores (version 1), and the service's own keys (version 2).

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;
use super::call::Call;
use super::client::Handle;
use super::watch::watched;
use crate::kill_point::kill_point;
use crate::types::{Namespace, Secret, SecretId};

/// The engine that holds this service's own keys.
pub const KEYS_MOUNT: &str = "gatehouse-keys";

/// `DELETE <namespace>-store/<secret-id>`. A secret that is not there counts as deleted, and so does one whose whole
/// store is not there.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn delete_site(
    handle: &Handle,
    namespace: &Namespace,
    secret_id: &SecretId,
) -> Result<(), Error> {
    kill_point("before DELETE a site's secret");
    let store = namespace.store();
    let path = format!("{store}/{}", secret_id.as_str());
    let call = vaultrs::kv1::delete(handle, &store, secret_id.as_str());
    let deleted = watched("DELETE", &path, call).await;
    kill_point("after DELETE a site's secret");
    match deleted {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `POST <namespace>-store/<secret-id>`.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn write_site(
    handle: &Handle,
    namespace: &Namespace,
    secret_id: &SecretId,
    fields: &Map<String, Value>,
) -> Result<(), Error> {
    let path = format!("{}/{secret_id}", namespace.store());
    handle.send_only(Call::post(path, fields)).await
}

/// `GET <namespace>-store/<secret-id>`: its fields, and OpenBao's id of the call; `None` where there is none.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn read_site(
    handle: &Handle,
    namespace: &Namespace,
    secret_id: &SecretId,
) -> Result<Option<(Map<String, Value>, String)>, Error> {
    let path = format!("{}/{secret_id}", namespace.store());
    match handle.send::<Map<String, Value>>(Call::get(path)).await {
        Ok(answer) => {
            let request_id = answer.request_id.clone();
            Ok(Some((answer.into_data()?, request_id)))
        }
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `LIST <path>`: names, with a slash behind those of folders. None where there is nothing.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn list(handle: &Handle, path: &str) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Names {
        keys: Vec<String>,
    }
    match handle.send::<Names>(Call::list(path)).await {
        Ok(answer) => Ok(answer.into_data()?.keys),
        Err(Error::NotFound) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// `DELETE <path>`. What is not there counts as deleted.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn delete(handle: &Handle, path: &str) -> Result<(), Error> {
    match handle.send_only(Call::delete(path)).await {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a name of a list can stand in a path of ours. Holders of tokens for a whole store name secrets as they like.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    Call::list(name.strip_suffix('/').unwrap_or(name)).is_plain()
}

/// A key of the service as it lies in `gatehouse-keys/`.
#[derive(Deserialize)]
pub struct StoredKey {
    /// 64 hexadecimal digits.
    pub key: Secret,
}

/// Reads the current version of one of the service's own keys; `None` where there is none yet.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn read_key(handle: &Handle, name: &str) -> Result<Option<StoredKey>, Error> {
    let path = format!("{KEYS_MOUNT}/data/{name}");
    match watched("GET", &path, vaultrs::kv2::read(handle, KEYS_MOUNT, name)).await {
        Ok(key) => Ok(Some(key)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A key of the service in one of its versions.
pub struct KeyVersion {
    /// 64 hexadecimal digits.
    pub key: Secret,
    /// Which version.
    pub version: u32,
    /// When it was written.
    pub created: Timestamp,
}

/// Reads one of the service's own keys in the version named, or the current one; `None` where there is none.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn read_key_version(
    handle: &Handle,
    name: &'static str,
    version: Option<u32>,
) -> Result<Option<KeyVersion>, Error> {
    #[derive(Deserialize)]
    struct Data {
        data: Option<StoredKey>,
        metadata: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        version: u32,
        created_time: Timestamp,
    }
    let mut call = Call::get(format!("{KEYS_MOUNT}/data/{name}"));
    if let Some(version) = version {
        call = call.with_query("version", version);
    }
    match handle.send::<Data>(call).await {
        Ok(answer) => {
            let read = answer.into_data()?;
            Ok(read.data.map(|stored| KeyVersion {
                key: stored.key,
                version: read.metadata.version,
                created: read.metadata.created_time,
            }))
        }
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes one of the service's own keys, unless there is one already.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn create_key(handle: &Handle, name: &str, key: &Secret) -> Result<(), Error> {
    #[derive(Serialize)]
    struct NewKey<'a> {
        key: &'a str,
    }
    let options = vaultrs::api::kv2::requests::SetSecretRequestOptions { cas: 0 };
    let path = format!("{KEYS_MOUNT}/data/{name}");
    let key = NewKey { key: key.expose() };
    let call = vaultrs::kv2::set_with_options(handle, KEYS_MOUNT, name, &key, options);
    match watched("POST", &path, call).await {
        Ok(_) | Err(Error::VersionMoved) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a note of the service below `gatehouse-keys/`, with its version; `None` where there is none.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn read_note<T: DeserializeOwned>(
    handle: &Handle,
    name: &'static str,
) -> Result<Option<(T, u32)>, Error> {
    #[derive(Deserialize)]
    struct Data<T> {
        data: T,
        metadata: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    match handle
        .send::<Data<T>>(Call::get(format!("{KEYS_MOUNT}/data/{name}")))
        .await
    {
        Ok(answer) => {
            let read = answer.into_data()?;
            Ok(Some((read.data, read.metadata.version)))
        }
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a note where its version is still the one that was read; 0 where there was none.
///
/// # Errors
/// [`Error::VersionMoved`] where somebody else wrote it meanwhile; where OpenBao refuses or does not answer.
pub async fn write_note(
    handle: &Handle,
    name: &'static str,
    note: &impl Serialize,
    version: u32,
) -> Result<(), Error> {
    let body = serde_json::json!({ "options": { "cas": version }, "data": note });
    handle
        .send_only(Call::post(format!("{KEYS_MOUNT}/data/{name}"), &body))
        .await
}

/// Writes the next version of one of the service's own keys, where the newest is the one named.
///
/// # Errors
/// [`Error::VersionMoved`] where it is another; where OpenBao refuses or does not answer.
pub async fn replace_key(
    handle: &Handle,
    name: &'static str,
    key: &Secret,
    version: u32,
) -> Result<(), Error> {
    #[derive(Serialize)]
    struct NewKey<'a> {
        key: &'a str,
    }
    let key = NewKey { key: key.expose() };
    write_note(handle, name, &key, version).await
}
