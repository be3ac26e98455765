//! `s3`: an object store.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Model, fields};
use crate::types::Secret;

/// Amazon S3, or a service that speaks its protocol.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// The endpoint of a compatible service; `null` for Amazon's own.
    #[serde(default, deserialize_with = "fields::service_host")]
    pub hostname: Option<String>,
    /// Names the key.
    #[serde(deserialize_with = "fields::text")]
    #[schema(min_length = 1)]
    pub access_key_id: String,
    /// The key.
    #[serde(
        serialize_with = "Secret::serialize_exposed",
        deserialize_with = "fields::secret"
    )]
    #[schema(value_type = String, min_length = 1, format = Password)]
    pub secret_access_key: Secret,
    /// Region.
    #[serde(default = "default_region", deserialize_with = "fields::text")]
    #[schema(min_length = 1, default = "us-east-1")]
    pub region: String,
}

impl Model for S3 {}

fn default_region() -> String {
    "us-east-1".to_owned()
}
