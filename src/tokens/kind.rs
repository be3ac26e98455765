//! The kinds of token, and what OpenBao is made to enforce of each.

use crate::types::Namespace;
use crate::vault::roles::TokenRole;

const DAY: u64 = 24 * 3600;

/// A kind of token, each with a role of its own in OpenBao.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// What is promised of a kind.
pub struct Rules {
    /// As stored in the ledger.
    pub name: &'static str,
    /// The role in OpenBao.
    pub role: &'static TokenRole,
    /// First life, as sent to OpenBao.
    pub ttl: &'static str,
    /// First life in seconds.
    pub ttl_seconds: u64,
    /// Longest life, as sent to OpenBao.
    pub explicit_max_ttl: Option<&'static str>,
    /// Shown in OpenBao.
    pub display_name: &'static str,
    /// How many calls it is good for.
    pub num_uses: Option<u32>,
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

const fn site_role(name: &'static str, glob: &'static [&'static str], longest: u64) -> TokenRole {
    TokenRole {
        allowed_policies: &["gatehouse.self"],
        token_no_default_policy: true,
        allowed_entity_aliases: &["*"],
        ..role(name, glob, longest)
    }
}

/// The roles that `bootstrap` makes.
pub static ROLES: [TokenRole; 5] = [
    role("gatehouse-write", &["*-write-policy"], 28 * DAY),
    site_role("gatehouse-write-site", &["*.site-write"], 28 * DAY),
    role("gatehouse-read", &["*-read-policy"], 7 * DAY),
    site_role("gatehouse-read-site", &["*.site-read"], 7 * DAY),
    TokenRole {
        renewable: false,
        ..role("gatehouse-delete", &["*-delete-policy"], DAY)
    },
];

static WRITE: Rules = Rules {
    name: "write",
    role: &ROLES[0],
    ttl: "7d",
    ttl_seconds: 7 * DAY,
    explicit_max_ttl: Some("28d"),
    display_name: "Write Token",
    num_uses: None,
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
    ttl_seconds: DAY,
    explicit_max_ttl: Some("7d"),
    display_name: "Support-side Token",
    num_uses: None,
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
    ttl_seconds: DAY,
    explicit_max_ttl: None,
    display_name: "Delete Token",
    num_uses: Some(1),
};

impl Kind {
    /// What is promised of it.
    #[must_use]
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::Write => &WRITE,
            Self::WriteSite => &WRITE_SITE,
            Self::Read => &READ,
            Self::ReadSite => &READ_SITE,
            Self::Delete => &DELETE,
        }
    }

    /// Whether it is bound to one site.
    #[must_use]
    pub fn is_for_site(self) -> bool {
        matches!(self, Self::WriteSite | Self::ReadSite)
    }

    /// The policies asked for. Never empty.
    #[must_use]
    pub fn policies(self, namespace: &Namespace) -> Vec<String> {
        let own = "gatehouse.self".to_owned();
        match self {
            Self::Write => vec![format!("{namespace}-write-policy")],
            Self::WriteSite => vec![own, format!("{namespace}.site-write")],
            Self::Read => vec![format!("{namespace}-read-policy")],
            Self::ReadSite => vec![own, format!("{namespace}.site-read")],
            Self::Delete => vec![format!("{namespace}-delete-policy")],
        }
    }

    /// Whether `policies` are exactly what was asked for, with `default` where the role adds it.
    #[must_use]
    pub fn is_granted(self, namespace: &Namespace, policies: &[String]) -> bool {
        let mut wanted = self.policies(namespace);
        if !self.rules().role.token_no_default_policy {
            wanted.push("default".to_owned());
        }
        let mut got = policies.to_vec();
        wanted.sort();
        got.sort();
        wanted == got
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
        assert!(Kind::Write.is_granted(&ns, &list(&["default", "acme1-write-policy"])));
        assert!(!Kind::Write.is_granted(&ns, &list(&["acme1-write-policy"])));
        assert!(!Kind::Write.is_granted(&ns, &list(&["default", "acme1-write-policy", "root"])));
        assert!(!Kind::Read.is_granted(&ns, &list(&["default", "acme2-read-policy"])));
        assert!(Kind::WriteSite.is_granted(&ns, &list(&["acme1.site-write", "gatehouse.self"])));
        assert!(!Kind::WriteSite.is_granted(
            &ns,
            &list(&["default", "acme1.site-write", "gatehouse.self"])
        ));
    }
}
