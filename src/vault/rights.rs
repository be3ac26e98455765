//! What each app token must be allowed to do, checked with `sys/capabilities-self`.

use super::{AppToken, Vault, system};

/// A right that one of the app tokens needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// `issuer`, `revoker` or `provisioner`.
    pub token: &'static str,
    /// The path it is needed at.
    pub path: &'static str,
    /// The capability.
    pub capability: &'static str,
}

impl Right {
    /// The line of policy that grants it.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "path \"{}\" {{ capabilities = [\"{}\"] }}",
            self.path, self.capability
        )
    }
}

const ISSUER: &[(&str, &str)] = &[
    ("auth/token/lookup-self", "read"),
    ("auth/token/renew-self", "update"),
    ("auth/token/create/gatehouse-write", "update"),
    ("auth/token/create/gatehouse-write-site", "update"),
    ("auth/token/create/gatehouse-read", "update"),
    ("auth/token/create/gatehouse-read-site", "update"),
    ("auth/token/create/gatehouse-delete", "update"),
    ("auth/token/create/gatehouse-credentials", "update"),
    ("auth/token/create/gatehouse-credentials-write", "update"),
    ("gatehouse-keys/data/digest", "read"),
    ("gatehouse-keys/data/envelope-signing", "read"),
    ("gatehouse-keys/data/event-head", "read"),
    ("gatehouse-keys/data/event-head", "update"),
    ("gatehouse-keys/data/event-head", "create"),
];
const REVOKER: &[(&str, &str)] = &[
    ("auth/token/revoke-accessor", "update"),
    ("auth/token/renew-accessor", "update"),
    ("auth/token/lookup-accessor", "update"),
    ("auth/token/accessors/", "list"),
    ("auth/token/accessors/", "sudo"),
    ("identity/entity/id/any", "delete"),
];
const PROVISIONER: &[(&str, &str)] = &[
    ("sys/mounts/any-store", "update"),
    ("sys/mounts/any-store", "read"),
    ("sys/mounts/any-store", "delete"),
    ("sys/mounts/any-credentials/secret", "update"),
    ("sys/mounts/any-credentials/secret", "read"),
    ("sys/mounts/any-credentials/secret", "delete"),
    ("sys/policies/acl/any-write-policy", "update"),
    ("sys/policies/acl/any-write-policy", "read"),
    ("sys/policies/acl/any-write-policy", "delete"),
    ("sys/internal/ui/mounts/auth/token", "read"),
];

/// The rights that are missing now. A token that cannot be asked has none missing: its keeper reports that.
pub async fn missing(vault: &Vault) -> Vec<Right> {
    let mut found = Vec::new();
    for (name, token, needed) in [
        ("issuer", &vault.issuer, ISSUER),
        ("revoker", &vault.revoker, REVOKER),
        ("provisioner", &vault.provisioner, PROVISIONER),
    ] {
        found.extend(missing_of(name, token, needed).await);
    }
    found
}

async fn missing_of(
    name: &'static str,
    token: &AppToken,
    needed: &[(&'static str, &'static str)],
) -> Vec<Right> {
    let paths: Vec<&str> = needed.iter().map(|(path, _)| *path).collect();
    let paths = &paths;
    let Ok(held) = token
        .call(|handle| async move { system::capabilities_self(&handle, paths).await })
        .await
    else {
        return Vec::new();
    };
    let has = |path: &str, wanted: &str| {
        held.get(path)
            .is_some_and(|list| list.iter().any(|c| c == wanted || c == "root"))
    };
    let lacking = needed
        .iter()
        .filter(|(path, capability)| !has(path, capability));
    lacking
        .map(|(path, capability)| Right {
            token: name,
            path,
            capability,
        })
        .collect()
}
