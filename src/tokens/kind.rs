//! The kinds of token, and what OpenBao is made to enforce of each.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::types::{CredentialId, Namespace, WorkerId};
use crate::vault::roles::TokenRole;
use crate::vendors::Level;

const DAY: u64 = 24 * 3600;
const MINUTE: u64 = 60;

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(as = TokenKind, rename_all = "snake_case")]
pub enum Kind {
    /// Write, whole store: the seed's "Write Token".
    Write,
    /// Write, one site.
    WriteSite,
    /// Read, whole store: the seed's "Support-side Token".
    Read,
    /// Read, one site.
    ReadSite,
    /// Delete, one use: the seed's "Delete Token". Never handed out.
    Delete,
    /// Read the store for the service itself, where it reads an envelope for somebody. Never handed out.
    StoreRead,
    /// Write the store, where it stores an envelope. Never handed out.
    StoreWrite,
    /// Read credentials: a worker's.
    Credentials,
    /// The same for the service itself, where it reads for somebody. Never handed out.
    CredentialsRead,
    /// Write credentials. Never handed out.
    CredentialsWrite,
    /// List and delete all that a cancelled vendor has. Never handed out.
    Purge,
}

/// Which credentials a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of the vendor's.
    All,
    /// Those a worker may read.
    Worker(WorkerId),
    /// One.
    Key(CredentialId),
}

impl Scope {
    /// The policy that lets a token read them. With dots, which no namespace has.
    #[must_use]
    pub fn policy(self, namespace: &Namespace) -> String {
        match self {
            Self::All => format!("{namespace}.credentials-read"),
            Self::Worker(worker) => format!("{namespace}.{worker}.credentials-read"),
            Self::Key(CredentialId(id)) => format!("{namespace}.k{id}.credentials-read"),
        }
    }
}

/// What is promised of a kind.
pub struct Rules {
    /// As stored in the ledger.
    pub name: &'static str,
    /// The role in OpenBao.
    pub role: &'static TokenRole,
    /// First life, as sent to OpenBao.
    pub ttl: &'static str,
    /// Longest life, as sent to OpenBao.
    pub explicit_max_ttl: Option<&'static str>,
    /// Longest life in seconds.
    pub max_seconds: u64,
    /// Shown in OpenBao.
    pub display_name: &'static str,
    /// How many calls it is good for.
    pub num_uses: Option<u32>,
    /// How far its vendor must be provisioned.
    pub needs: Level,
}

impl Rules {
    /// First life in seconds.
    #[must_use]
    pub fn first_seconds(&self) -> u64 {
        let (number, unit) = self.ttl.split_at(self.ttl.len() - 1);
        let unit = match unit {
            "d" => DAY,
            "h" => 60 * MINUTE,
            _ => MINUTE,
        };
        number.parse::<u64>().unwrap_or(0) * unit
    }
}

const fn role(name: &'static str, glob: &'static [&'static str], longest: u64) -> TokenRole {
    TokenRole {
        name,
        allowed_policies: &[],
        allowed_policies_glob: glob,
        token_explicit_max_ttl: longest,
        renewable: true,
        token_no_default_policy: false,
        allowed_entity_aliases: &[],
    }
}

/// A role whose tokens have `gatehouse.self` instead of `default`.
const fn bare_role(name: &'static str, glob: &'static [&'static str], longest: u64) -> TokenRole {
    TokenRole {
        allowed_policies: &["gatehouse.self"],
        token_no_default_policy: true,
        ..role(name, glob, longest)
    }
}

const fn site_role(name: &'static str, glob: &'static [&'static str], longest: u64) -> TokenRole {
    TokenRole {
        allowed_entity_aliases: &["*"],
        ..bare_role(name, glob, longest)
    }
}

/// The roles that `bootstrap` makes.
pub static ROLES: [TokenRole; 8] = [
    role("gatehouse-write", &["*-write-policy"], 28 * DAY),
    site_role("gatehouse-write-site", &["*.site-write"], 28 * DAY),
    role("gatehouse-read", &["*-read-policy"], 7 * DAY),
    site_role("gatehouse-read-site", &["*.site-read"], 7 * DAY),
    TokenRole {
        renewable: false,
        ..role("gatehouse-delete", &["*-delete-policy"], DAY)
    },
    bare_role("gatehouse-credentials", &["*.credentials-read"], 28 * DAY),
    TokenRole {
        renewable: false,
        ..bare_role(
            "gatehouse-credentials-write",
            &["*.credentials-write"],
            10 * MINUTE,
        )
    },
    TokenRole {
        renewable: false,
        ..bare_role("gatehouse-purge", &["*.purge"], 10 * MINUTE)
    },
];

static WRITE: Rules = Rules {
    name: "write",
    role: &ROLES[0],
    ttl: "7d",
    explicit_max_ttl: Some("28d"),
    max_seconds: 28 * DAY,
    display_name: "Write Token",
    num_uses: None,
    needs: Level::STORE,
};
static WRITE_SITE: Rules = Rules {
    name: "write_site",
    role: &ROLES[1],
    ..WRITE
};
static READ: Rules = Rules {
    name: "read",
    role: &ROLES[2],
    ttl: "24h",
    explicit_max_ttl: Some("7d"),
    max_seconds: 7 * DAY,
    display_name: "Support-side Token",
    num_uses: None,
    needs: Level::STORE,
};
static READ_SITE: Rules = Rules {
    name: "read_site",
    role: &ROLES[3],
    ..READ
};
static DELETE: Rules = Rules {
    name: "delete",
    role: &ROLES[4],
    ttl: "1d",
    explicit_max_ttl: None,
    max_seconds: DAY,
    display_name: "Delete Token",
    num_uses: Some(1),
    needs: Level::STORE,
};
static STORE_READ: Rules = Rules {
    name: "store_read",
    ttl: "10m",
    explicit_max_ttl: Some("10m"),
    max_seconds: 10 * MINUTE,
    ..READ
};
static STORE_WRITE: Rules = Rules {
    name: "store_write",
    role: &ROLES[0],
    ..STORE_READ
};
static CREDENTIALS: Rules = Rules {
    name: "credentials",
    role: &ROLES[5],
    ttl: "24h",
    explicit_max_ttl: Some("28d"),
    max_seconds: 28 * DAY,
    display_name: "Credentials Token",
    num_uses: None,
    needs: Level::CREDENTIALS,
};
static CREDENTIALS_READ: Rules = Rules {
    name: "credentials_read",
    ttl: "10m",
    explicit_max_ttl: Some("10m"),
    max_seconds: 10 * MINUTE,
    ..CREDENTIALS
};
static CREDENTIALS_WRITE: Rules = Rules {
    name: "credentials_write",
    role: &ROLES[6],
    ..CREDENTIALS_READ
};
static PURGE: Rules = Rules {
    name: "purge",
    role: &ROLES[7],
    display_name: "Purge Token",
    needs: Level::NONE,
    ..CREDENTIALS_READ
};

impl TryFrom<String> for Kind {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::named(&text).ok_or("must be a kind of token")
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Write,
        Self::WriteSite,
        Self::Read,
        Self::ReadSite,
        Self::Delete,
        Self::StoreRead,
        Self::StoreWrite,
        Self::Credentials,
        Self::CredentialsRead,
        Self::CredentialsWrite,
        Self::Purge,
    ];

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.rules().name == name)
    }

    /// What is promised of it.
    #[must_use]
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::Write => &WRITE,
            Self::WriteSite => &WRITE_SITE,
            Self::Read => &READ,
            Self::ReadSite => &READ_SITE,
            Self::Delete => &DELETE,
            Self::StoreRead => &STORE_READ,
            Self::StoreWrite => &STORE_WRITE,
            Self::Credentials => &CREDENTIALS,
            Self::CredentialsRead => &CREDENTIALS_READ,
            Self::CredentialsWrite => &CREDENTIALS_WRITE,
            Self::Purge => &PURGE,
        }
    }

    /// Whether the service uses it itself, and never hands it out.
    #[must_use]
    pub fn is_own(self) -> bool {
        matches!(
            self,
            Self::Delete
                | Self::StoreRead
                | Self::StoreWrite
                | Self::CredentialsRead
                | Self::CredentialsWrite
                | Self::Purge
        )
    }

    /// Whether it is bound to one site.
    #[must_use]
    pub fn is_for_site(self) -> bool {
        matches!(self, Self::WriteSite | Self::ReadSite)
    }

    /// The policies asked for. Never empty. `scope` is of tokens that read credentials.
    #[must_use]
    pub fn policies(self, namespace: &Namespace, scope: Scope) -> Vec<String> {
        let own = "gatehouse.self".to_owned();
        match self {
            Self::Write | Self::StoreWrite => vec![format!("{namespace}-write-policy")],
            Self::WriteSite => vec![own, format!("{namespace}.site-write")],
            Self::Read | Self::StoreRead => vec![format!("{namespace}-read-policy")],
            Self::ReadSite => vec![own, format!("{namespace}.site-read")],
            Self::Delete => vec![format!("{namespace}-delete-policy")],
            Self::Credentials | Self::CredentialsRead => vec![own, scope.policy(namespace)],
            Self::CredentialsWrite => vec![own, format!("{namespace}.credentials-write")],
            Self::Purge => vec![own, format!("{namespace}.purge")],
        }
    }

    /// The policies a token has, in OpenBao's order: with `default` where the role adds it.
    #[must_use]
    pub fn granted(self, namespace: &Namespace, scope: Scope) -> Vec<String> {
        let mut granted = self.policies(namespace, scope);
        if !self.rules().role.token_no_default_policy {
            granted.push("default".to_owned());
        }
        granted.sort();
        granted
    }

    /// Whether `policies` are exactly what was asked for, with `default` where the role adds it.
    #[must_use]
    pub fn is_granted(self, namespace: &Namespace, scope: Scope, policies: &[String]) -> bool {
        let mut got = policies.to_vec();
        got.sort();
        self.granted(namespace, scope) == got
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_policies_asked_for_are_accepted() {
        let Ok(ns) = Namespace::parse("acme1") else {
            return;
        };
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(Kind::Write.is_granted(&ns, Scope::All, &list(&["default", "acme1-write-policy"])));
        assert!(!Kind::Write.is_granted(&ns, Scope::All, &list(&["acme1-write-policy"])));
        assert!(!Kind::Write.is_granted(
            &ns,
            Scope::All,
            &list(&["default", "acme1-write-policy", "root"])
        ));
        assert!(!Kind::Read.is_granted(&ns, Scope::All, &list(&["default", "acme2-read-policy"])));
        assert!(Kind::WriteSite.is_granted(
            &ns,
            Scope::All,
            &list(&["acme1.site-write", "gatehouse.self"])
        ));
        let worker = Scope::Worker(WorkerId(255));
        let of_worker = list(&["gatehouse.self", "acme1.w00000000000000ff.credentials-read"]);
        assert!(Kind::Credentials.is_granted(&ns, worker, &of_worker));
        assert!(!Kind::Credentials.is_granted(&ns, Scope::All, &of_worker));
        assert!(!Kind::WriteSite.is_granted(
            &ns,
            Scope::All,
            &list(&["default", "acme1.site-write", "gatehouse.self"])
        ));
    }
}
