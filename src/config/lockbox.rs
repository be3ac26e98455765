//! How lockboxes are locked.

use super::env::invalid;
use super::{Env, Result};
use crate::lockbox::crypto::Kdf;

/// How lockboxes are locked.
#[derive(Clone, Copy, Debug)]
pub struct LockboxConfig {
    /// What is done to a new password: `GATEHOUSE_LOCKBOX_ARGON2`, as `<KiB>/<passes>/<lanes>`, default `65536/3/1`. A
    /// lockbox of other parameters gets these when it is unlocked.
    pub kdf: Kdf,
}

impl LockboxConfig {
    pub(super) fn from_env(env: &Env) -> Result<Self> {
        let name = "GATEHOUSE_LOCKBOX_ARGON2";
        let Some(text) = env.text(name) else {
            return Ok(Self { kdf: Kdf::DEFAULT });
        };
        let numbers: Vec<u32> = text.split('/').filter_map(|n| n.parse().ok()).collect();
        let kdf = match numbers[..] {
            [memory_kib, passes, lanes] => Some(Kdf {
                memory_kib,
                passes,
                lanes,
            }),
            _ => None,
        };
        let kdf = kdf.filter(|kdf| kdf.is_sound()).ok_or_else(|| {
            let rule = "must be <KiB>/<passes>/<lanes>, from 19456/2/1 to 262144/16/8";
            invalid(name, &rule)
        })?;
        Ok(Self { kdf })
    }
}
