//! Whose user a bare log-in name means.

use super::env::invalid;
use super::{Env, Result};
use crate::types::Namespace;

/// Whose user a bare log-in name means.
#[derive(Clone, Debug, Default)]
pub struct UserConfig {
    /// Vendors answer at `<namespace>.<base domain>`: `GATEHOUSE_BASE_DOMAIN`, default none.
    pub base_domain: Option<String>,
    /// Everywhere else: the vendor of `GATEHOUSE_DEFAULT_VENDOR`, default none.
    pub default_vendor: Option<Namespace>,
    /// Whether weak passwords are taken: in `gatehouse dev` on a loopback address, and nowhere else.
    pub strength_waived: bool,
}

impl UserConfig {
    pub(super) fn from_env(env: &Env) -> Result<Self> {
        let name = "GATEHOUSE_BASE_DOMAIN";
        let base_domain = env.text(name).map(|text| text.to_ascii_lowercase());
        let is_domain = |text: &String| {
            let label = |part: &str| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            };
            text.len() <= 253 && text.split('.').all(label)
        };
        if base_domain.as_ref().is_some_and(|text| !is_domain(text)) {
            return Err(invalid(
                name,
                &"must be a domain name, as gatehouse.example",
            ));
        }
        let name = "GATEHOUSE_DEFAULT_VENDOR";
        let vendor = env.text(name).map(|text| Namespace::parse(&text));
        Ok(Self {
            base_domain,
            default_vendor: vendor.transpose().map_err(|e| invalid(name, &e))?,
            strength_waived: false,
        })
    }
}
