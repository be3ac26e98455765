//! Credentials: read by workers and the vendor, kept by the vendor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ureq::http::Method;

use super::Gatehouse;
use crate::credential::{Credential, Fields, Wire};
use crate::error::Result;
use crate::http::{Call, Repeat};
use crate::names::{PathPart, query_value};

/// What is known of a credential, without its value.
#[derive(Clone, Debug, Deserialize)]
pub struct CredentialInfo {
    /// Its number.
    pub id: u32,
    /// Its key.
    pub key: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its version; each change adds one.
    pub version: u32,
    /// When it was created.
    pub inserted_at: Timestamp,
    /// When it was changed last.
    #[serde(rename = "updatedAt")]
    pub updated_at: Option<Timestamp>,
    /// When it ought to be replaced.
    #[serde(rename = "rotateBy")]
    pub rotate_by: Option<Timestamp>,
    /// When it was read last.
    #[serde(rename = "lastUsedAt")]
    pub last_used_at: Option<Timestamp>,
}

/// A credential and what is known of it.
#[derive(Clone, Debug)]
pub struct CredentialRecord {
    /// What is known of it.
    pub info: CredentialInfo,
    /// The credential.
    pub credential: Credential,
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask the next page with; nothing on the last page.
    #[serde(rename = "nextCursor")]
    pub next_cursor: Option<String>,
}

/// Under which conditions a credential is replaced, and what else changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct CredentialUpdate {
    /// Only where it still has this version; else the refusal is `version_conflict`.
    pub if_version: Option<u32>,
    /// When it ought to be replaced. Where it is left out, a date that was set before is removed.
    pub rotate_by: Option<Timestamp>,
}

#[derive(Serialize)]
struct Write<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    value: Wire<'a>,
    #[serde(rename = "rotateBy", skip_serializing_if = "Option::is_none")]
    rotate_by: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct ValueData {
    value: Fields,
}

fn path(key: &str) -> Result<String> {
    let key = PathPart::credential_key(key)?;
    Ok(format!("api/credentials/{}", key.as_str()))
}

impl Gatehouse {
    /// Reads a credential.
    ///
    /// # Errors
    /// `not_found`, `key_not_allowed` for a key outside the worker's patterns, and trouble on the way.
    pub fn read_credential(&self, key: &str) -> Result<Credential> {
        let answer = self.send(&Call::get(self.base(), &path(key)?))?;
        Credential::try_from(answer.json::<Data<ValueData>>()?.data.value)
    }

    /// Reads a credential and what is known of it.
    ///
    /// # Errors
    /// As for [`Gatehouse::read_credential`].
    pub fn credential_record(&self, key: &str) -> Result<CredentialRecord> {
        let answer = self.send(&Call::get(self.base(), &path(key)?))?;
        Ok(CredentialRecord {
            info: answer.json::<Data<CredentialInfo>>()?.data,
            credential: Credential::try_from(answer.json::<Data<ValueData>>()?.data.value)?,
        })
    }

    /// Stores a new credential. For the vendor.
    ///
    /// # Errors
    /// `credential_exists` where the key is taken, `invalid_field`, and trouble on the way. It is sent once: where no
    /// answer came, read it to see.
    pub fn create_credential(
        &self,
        key: &str,
        credential: &Credential,
        rotate_by: Option<Timestamp>,
    ) -> Result<CredentialInfo> {
        let key = PathPart::credential_key(key)?;
        let body = Write {
            key: Some(key.as_str()),
            value: checked(credential)?,
            rotate_by,
        };
        let call = Call::new(Method::POST, self.base(), "api/credentials", Repeat::Never);
        self.info(&call.json(&body)?)
    }

    /// Replaces a credential and its rotation date. For the vendor.
    ///
    /// # Errors
    /// `version_conflict` where it has another version, `not_found`, `invalid_field`, and trouble on the way.
    pub fn update_credential(
        &self,
        key: &str,
        credential: &Credential,
        update: CredentialUpdate,
    ) -> Result<CredentialInfo> {
        let body = Write {
            key: None,
            value: checked(credential)?,
            rotate_by: update.rotate_by,
        };
        let call = Call::new(Method::PUT, self.base(), &path(key)?, Repeat::Never);
        self.info(&call.if_match(update.if_version).json(&body)?)
    }

    /// Deletes a credential. For the vendor.
    ///
    /// # Errors
    /// `not_found`, and trouble on the way.
    pub fn delete_credential(&self, key: &str) -> Result<()> {
        let call = Call::new(Method::DELETE, self.base(), &path(key)?, Repeat::Never);
        self.send(&call).map(drop)
    }

    /// A page of the vendor's credentials, without their values. Begin without a cursor.
    ///
    /// # Errors
    /// Trouble on the way.
    pub fn list_credentials(
        &self,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<CredentialInfo>> {
        let path = format!("api/credentials?{}", page_query(limit, cursor));
        self.send(&Call::get(self.base(), &path))?.json()
    }

    fn info(&self, call: &Call) -> Result<CredentialInfo> {
        Ok(self.send(call)?.json::<Data<CredentialInfo>>()?.data)
    }
}

fn checked(credential: &Credential) -> Result<Wire<'_>> {
    credential.to_json()?;
    Ok(Wire(credential))
}

pub(super) fn page_query(limit: u32, cursor: Option<&str>) -> String {
    match cursor {
        Some(cursor) => format!("limit={limit}&cursor={}", query_value(cursor)),
        None => format!("limit={limit}"),
    }
}
