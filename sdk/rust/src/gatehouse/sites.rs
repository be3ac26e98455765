//! Sites: registered by plugins, found by the support team.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ureq::http::Method;

use super::credentials::page_query;
use super::{Gatehouse, Page};
use crate::error::Result;
use crate::http::{Call, Repeat};
use crate::names::PathPart;
use crate::secret::Secret;

/// A site, to be registered. Only the secret id is needed.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteRegistration {
    /// Names the site: 16 to 128 of `a-z`, `0-9`, `_`, `-`, made at random.
    pub secret_id: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_url: Option<String>,
    /// What the support team finds it by.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "Secret::send"
    )]
    pub access_key: Option<Secret>,
    /// When it is removed by itself; never where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// A store-wide write token that should end with the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuance_id: Option<String>,
    /// Whether the answer should hold a write token for the site.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_token: bool,
}

impl SiteRegistration {
    /// A site of this id.
    #[must_use]
    pub fn new(secret_id: &str) -> Self {
        Self {
            secret_id: secret_id.to_owned(),
            ..Self::default()
        }
    }
}

/// A site that has been registered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredSite {
    /// Its secret id.
    pub site_id: String,
    /// When it is removed by itself.
    pub expires_at: Option<Timestamp>,
    /// A write token, where one was asked for.
    pub token: Option<Secret>,
}

/// A site.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// Its secret id.
    pub secret_id: String,
    /// Where it is.
    pub site_url: Option<String>,
    /// The mount of its secret.
    pub store: String,
    /// The path of its secret below `/v1/`.
    pub path: String,
    /// When it was registered.
    pub created_at: Option<Timestamp>,
    /// When it is removed by itself.
    pub expires_at: Option<Timestamp>,
}

/// How far a removal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The tokens are dead and the secret is gone.
    Done,
    /// OpenBao is out of reach; the service finishes it later.
    Queued,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Search<'a> {
    search_keys: &'a [&'a str],
}

#[derive(Deserialize)]
struct Found {
    sites: Vec<Site>,
}

fn path(secret_id: &str) -> Result<String> {
    let id = PathPart::secret_id(secret_id)?;
    Ok(format!("sites/{}", id.as_str()))
}

impl Gatehouse {
    /// Registers a site. Saying the same again changes nothing. For plugins and the vendor.
    ///
    /// # Errors
    /// `access_key_required` where the site is registered already, `invalid_field`, and trouble on the way.
    pub fn register_site(&self, site: &SiteRegistration) -> Result<RegisteredSite> {
        PathPart::secret_id(&site.secret_id)?;
        let call = Call::new(Method::POST, self.base(), "sites", Repeat::Safe);
        self.send(&call.json(site)?)?.json()
    }

    /// The sites with any of these access keys, 1 to 100, oldest first. For the vendor.
    ///
    /// # Errors
    /// `support_paused`, `invalid_field`, and trouble on the way.
    pub fn search_sites(&self, access_keys: &[&str]) -> Result<Vec<Site>> {
        let body = Search {
            search_keys: access_keys,
        };
        let call = Call::new(Method::POST, self.base(), "sites/search", Repeat::Safe);
        Ok(self.send(&call.json(&body)?)?.json::<Found>()?.sites)
    }

    /// One site. For the vendor.
    ///
    /// # Errors
    /// `not_found`, and trouble on the way.
    pub fn site(&self, secret_id: &str) -> Result<Site> {
        self.send(&Call::get(self.base(), &path(secret_id)?))?
            .json()
    }

    /// A page of the vendor's sites, oldest first. Begin without a cursor.
    ///
    /// # Errors
    /// Trouble on the way.
    pub fn list_sites(&self, limit: u32, cursor: Option<&str>) -> Result<Page<Site>> {
        let path = format!("sites?{}", page_query(limit, cursor));
        self.send(&Call::get(self.base(), &path))?.json()
    }

    /// Removes a site: its tokens die, its secret is deleted. One that is not known counts as removed.
    ///
    /// # Errors
    /// Trouble on the way.
    pub fn remove_site(&self, secret_id: &str) -> Result<Removal> {
        let call = Call::new(Method::DELETE, self.base(), &path(secret_id)?, Repeat::Safe);
        let answer = self.send(&call)?;
        Ok(if answer.status == 202 {
            Removal::Queued
        } else {
            Removal::Done
        })
    }
}
