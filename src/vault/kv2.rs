//! The engine of a vendor's credentials: version 2 of key-value, at `<namespace>-credentials/secret`.
//!
//! Calls are made with brokered tokens, never with the service's own.
//!
//! # Quirks
//! - A fresh mount refuses writes for a moment, while it is made ready: they are tried again.
//! - A deleted version answers 404, as an absent one does; what is left of it stands in the metadata.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;
use super::call::Call;
use super::client::Handle;
use crate::types::{CredentialKey, Namespace};

/// A version that was read. No `Debug`: it holds a secret.
pub struct Read {
    /// The fields.
    pub fields: Map<String, Value>,
    /// Which version.
    pub version: u32,
    /// OpenBao's id of the call, by which its audit log names it.
    pub request_id: String,
}

/// A version that was written.
#[derive(Debug)]
pub struct Written {
    /// Which version.
    pub version: u32,
    /// OpenBao's id of the call.
    pub request_id: String,
}

/// What is known of a key without its values.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    /// The newest version.
    pub current_version: u32,
    /// By number. OpenBao keeps the newest ten.
    pub versions: BTreeMap<u32, Version>,
}

/// What is known of a version.
#[derive(Debug, Deserialize)]
pub struct Version {
    /// RFC 3339.
    pub created_time: String,
    /// RFC 3339; empty while it is not deleted.
    #[serde(default)]
    pub deletion_time: String,
    /// Whether it is gone for good.
    #[serde(default)]
    pub destroyed: bool,
}

fn path(namespace: &Namespace, what: &str, key: &CredentialKey) -> String {
    format!("{}/{what}/{key}", namespace.credentials())
}

/// `GET data/<key>`, the newest version or the one named; `None` where it is absent, deleted or destroyed.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn read(
    handle: &Handle,
    namespace: &Namespace,
    key: &CredentialKey,
    version: Option<u32>,
) -> Result<Option<Read>, Error> {
    #[derive(Deserialize)]
    struct Data {
        data: Option<Map<String, Value>>,
        metadata: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        version: u32,
    }
    let mut call = Call::get(path(namespace, "data", key));
    if let Some(version) = version {
        call = call.with_query("version", version);
    }
    let answer = match handle.send::<Data>(call).await {
        Err(Error::NotFound) => return Ok(None),
        answer => answer?,
    };
    let request_id = answer.request_id.clone();
    let data = answer.into_data()?;
    Ok(data.data.map(|fields| Read {
        fields,
        version: data.metadata.version,
        request_id,
    }))
}

/// `POST data/<key>`: a new version. With `cas` only if that is the newest one now (0: if there is none).
///
/// # Errors
/// [`Error::VersionMoved`] where another version is the newest; otherwise where OpenBao refuses or does not answer.
pub async fn write(
    handle: &Handle,
    namespace: &Namespace,
    key: &CredentialKey,
    fields: &Map<String, Value>,
    cas: Option<u32>,
) -> Result<Written, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        options: Options,
        data: &'a Map<String, Value>,
    }
    #[derive(Serialize)]
    struct Options {
        #[serde(skip_serializing_if = "Option::is_none")]
        cas: Option<u32>,
    }
    #[derive(Deserialize)]
    struct Meta {
        version: u32,
    }
    let body = Body {
        options: Options { cas },
        data: fields,
    };
    let mut tries = 0;
    loop {
        let call = Call::post(path(namespace, "data", key), &body);
        match handle.send::<Meta>(call).await {
            Ok(answer) => {
                let request_id = answer.request_id.clone();
                let version = answer.into_data()?.version;
                return Ok(Written {
                    version,
                    request_id,
                });
            }
            Err(Error::BeingUpgraded) if tries < 20 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// `GET metadata/<key>`; `None` where the key is absent.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn metadata(
    handle: &Handle,
    namespace: &Namespace,
    key: &CredentialKey,
) -> Result<Option<Metadata>, Error> {
    match handle
        .send(Call::get(path(namespace, "metadata", key)))
        .await
    {
        Ok(answer) => answer.into_data().map(Some),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What can be done with versions.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// They are not read any more, and can be undeleted.
    Delete,
    /// They are read again.
    Undelete,
    /// They are gone for good.
    Destroy,
}

/// `POST delete/<key>`, `undelete/<key>` or `destroy/<key>`.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn change(
    handle: &Handle,
    namespace: &Namespace,
    key: &CredentialKey,
    change: Change,
    versions: &[u32],
) -> Result<(), Error> {
    let what = match change {
        Change::Delete => "delete",
        Change::Undelete => "undelete",
        Change::Destroy => "destroy",
    };
    let body = serde_json::json!({ "versions": versions });
    handle
        .send_only(Call::post(path(namespace, what, key), &body))
        .await
}

/// `DELETE metadata/<key>`: all versions and the key itself. One that is absent counts as removed.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn remove(
    handle: &Handle,
    namespace: &Namespace,
    key: &CredentialKey,
) -> Result<(), Error> {
    match handle
        .send_only(Call::delete(path(namespace, "metadata", key)))
        .await
    {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}
