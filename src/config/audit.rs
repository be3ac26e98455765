//! Settings of the shipper of OpenBao's audit log.

use std::path::PathBuf;

use super::egress::networks;
use super::env::invalid;
use super::{ConfigError, Env, Result, bao_namespace};
use crate::access_logs::Settings;

const FILE: &str = "GATEHOUSE_AUDIT_FILE";
const NODE: &str = "GATEHOUSE_AUDIT_NODE";
const PROXIES: &str = "GATEHOUSE_AUDIT_PROXIES";

/// `GATEHOUSE_AUDIT_FILE`, where this process is to ship one, `GATEHOUSE_AUDIT_NODE`, and `GATEHOUSE_AUDIT_PROXIES`,
/// networks in CIDR form, default none.
///
/// # Errors
/// Names the variable that is missing or cannot be used.
pub fn settings(env: &Env) -> Result<Option<Settings>> {
    let Some(file) = env.text(FILE) else {
        return Ok(None);
    };
    let node = env.text(NODE).ok_or(ConfigError::Missing(NODE))?;
    if node.len() > 200 || node.chars().any(char::is_control) {
        return Err(invalid(NODE, &"at most 200 characters"));
    }
    Ok(Some(Settings {
        file: PathBuf::from(file),
        node,
        namespace: bao_namespace(env)?,
        proxies: networks(env, PROXIES, "")?,
    }))
}

/// The same for a process that does nothing else.
///
/// # Errors
/// Names the variable that is missing or cannot be used.
pub fn needed(env: &Env) -> Result<Settings> {
    settings(env)?.ok_or(ConfigError::Missing(FILE))
}
