//! `ftp`: a server that files are fetched from or brought to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Model, fields};
use crate::types::Secret;

/// An FTP server. `secure` asks for FTP over TLS (RFC 4217).
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ftp {
    /// Host name or address.
    #[serde(deserialize_with = "fields::host")]
    pub hostname: String,
    /// Port.
    #[serde(default = "default_port", deserialize_with = "fields::port")]
    #[schema(minimum = 1, maximum = 65535, default = 21)]
    pub port: u16,
    /// Whether to use TLS.
    #[serde(default)]
    #[schema(default = false)]
    pub secure: bool,
    /// `null` for a server that asks for none.
    #[serde(default)]
    pub username: Option<String>,
    /// `null` for a server that asks for none.
    #[serde(default, serialize_with = "Secret::serialize_optional")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Secret>,
}

impl Model for Ftp {}

fn default_port() -> u16 {
    21
}
