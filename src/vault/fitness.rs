//! Tokens that the service does not run with, as they could do or outlive far more than it needs.

use super::client::Handle;
use super::system;
use super::tokens::TokenInfo;
use super::{Error, Result};

/// Why a token is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// May do anything.
    #[error("it is a root token")]
    Root,
    /// Once stolen it is good for ever.
    #[error("it never ends")]
    Endless,
    /// What it may do there, no token of the service needs.
    #[error(
        "OpenBao grants it `{0}`, which no token of the service needs: look for a wildcard in its policies"
    )]
    Wide(&'static str),
    /// What it may do cannot be found out.
    #[error("it may not ask what it may do: grant `update` at `sys/capabilities-self`")]
    Silent,
    /// The wrapped secret id is gone.
    #[error(
        "its wrapped secret id was unwrapped before, or its time is over: somebody else may have it"
    )]
    Spent,
    /// Another thing was wrapped.
    #[error(
        "its wrapping token was not made at `auth/approle/role/gatehouse-{0}/secret-id`: somebody may have exchanged it"
    )]
    Exchanged(&'static str),
}

/// Where none of the service's tokens may do anything: there is one for each wildcard that could be meant well.
const NOBODYS: &[&str] = &[
    "any/any",
    "any-store/any",
    "any-credentials/secret/data/any",
    "auth/approle/role/gatehouse-provisioner/secret-id",
    "auth/token/create",
    "auth/token/create-orphan",
    "auth/token/create/any",
    "auth/token/create/gatehouse-any",
    "auth/token/create/gatehouse-bound.any",
    "auth/token/roles/any",
    "gatehouse-keys/metadata/digest",
    "identity/group",
    "sys/auth/any",
    "sys/policies/acl/gatehouse.self",
    "sys/raw/any",
];

impl Unfit {
    /// What to do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Root | Self::Endless | Self::Wide(_) | Self::Silent => {
                "Give the service a token of its own (see `gatehouse bootstrap`), or set GATEHOUSE_TRIAL=true to try things out"
            }
            Self::Spent | Self::Exchanged(_) => {
                "Look for `sys/wrapping/unwrap` in OpenBao's audit log, destroy the secret id unless it was you, and wrap another one: each start needs one"
            }
        }
    }

    /// What is wrong with a token by its look-up.
    #[must_use]
    pub fn by_look(info: &TokenInfo) -> Option<Self> {
        if info.policies.iter().any(|policy| policy == "root") {
            Some(Self::Root)
        } else if info.ttl == 0 && info.expire_time.is_none() {
            Some(Self::Endless)
        } else {
            None
        }
    }

    /// What is wrong with the handle's token, by its look-up and by what OpenBao grants it.
    ///
    /// # Errors
    /// Where OpenBao does not answer.
    pub async fn of(handle: &Handle, info: &TokenInfo) -> Result<Option<Self>> {
        if let Some(unfit) = Self::by_look(info) {
            return Ok(Some(unfit));
        }
        let held = match system::capabilities_self(handle, NOBODYS).await {
            Ok(held) => held,
            Err(Error::Denied(_)) => return Ok(Some(Self::Silent)),
            Err(error) => return Err(error),
        };
        let is_denied = |path: &str| {
            held.get(path)
                .is_some_and(|list| list.iter().all(|capability| capability == "deny"))
        };
        let wide = NOBODYS.iter().find(|path| !is_denied(path));
        Ok(wide.map(|path| Self::Wide(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_without_an_end_is_unfit_and_a_periodic_one_is_not() {
        let look = |info: serde_json::Value| {
            Unfit::by_look(&serde_json::from_value::<TokenInfo>(info).unwrap())
        };
        let end = "2026-11-22T20:00:00Z";
        let root = serde_json::json!({ "accessor": "a", "policies": ["root"], "ttl": 60, "expire_time": end });
        assert_eq!(look(root), Some(Unfit::Root));
        let endless = serde_json::json!({ "accessor": "a", "policies": ["issuer-policy"], "ttl": 0, "expire_time": null });
        assert_eq!(look(endless), Some(Unfit::Endless));
        let periodic =
            serde_json::json!({ "accessor": "a", "period": 3600, "ttl": 3600, "expire_time": end });
        assert_eq!(look(periodic), None);
        let dying = serde_json::json!({ "accessor": "a", "ttl": 0, "expire_time": end });
        assert_eq!(look(dying), None);
    }
}
