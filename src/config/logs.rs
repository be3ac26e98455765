//! Settings of access logs.

use super::env::invalid;
use super::{Env, Result};

const DAYS: &str = "GATEHOUSE_LOG_RETENTION_DAYS";

/// How long access logs are kept.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// Days, where a vendor has no time of its own: `GATEHOUSE_LOG_RETENTION_DAYS`, 1 to 3650, default 365.
    pub retention_days: i32,
}

impl LogConfig {
    /// Reads the setting.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self> {
        let retention_days = env.parsed(DAYS, 365)?;
        if (1..=3650).contains(&retention_days) {
            Ok(Self { retention_days })
        } else {
            Err(invalid(DAYS, &"must be 1 to 3650"))
        }
    }
}
