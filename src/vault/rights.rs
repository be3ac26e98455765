//! What each app token must be allowed to do, checked with `sys/capabilities-self`.

mod needs;

use needs::{ISSUER, ITSELF, PROVISIONER, REVOKER};

use super::{Handle, Result, Vault, policies, system};

/// A right that an app token needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// The path it is needed at.
    pub path: &'static str,
    /// The capability.
    pub capability: &'static str,
    /// What for.
    pub purpose: &'static str,
}

/// The line of the service's own policies that grants a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The policy's name.
    pub policy: String,
    /// As in its text, on one line.
    pub line: String,
}

/// A right, and what OpenBao says of it.
pub struct Seen {
    /// The right.
    pub need: &'static Need,
    /// All that the token may do at that path.
    pub held: Vec<String>,
}

const ROLES: [(&str, &[Need]); 3] = [
    ("issuer", ISSUER),
    ("revoker", REVOKER),
    ("provisioner", PROVISIONER),
];

/// What the app token of that name needs; any other name than the three is the one token with all rights.
#[must_use]
pub fn needs(token: &str) -> Vec<&'static Need> {
    let is_one = !ROLES.iter().any(|(role, _)| *role == token);
    let roles = ROLES.iter().filter(|(role, _)| is_one || *role == token);
    ITSELF
        .iter()
        .chain(roles.flat_map(|(_, needs)| needs.iter()))
        .collect()
}

/// What the other app tokens need and the one of that name does not.
#[must_use]
pub fn foreign(token: &str) -> Vec<&'static Need> {
    let own = needs(token);
    needs("all")
        .into_iter()
        .filter(|need| !own.contains(need))
        .collect()
}

impl Need {
    /// The line of our policies that grants it.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        let granting = |policy: policies::Policy| {
            let (pattern, capabilities) = blocks(&policy.text)
                .into_iter()
                .filter(|(pattern, list)| {
                    matches(pattern, self.path) && list.contains(&self.capability)
                })
                .min_by_key(|(pattern, _)| pattern.matches('+').count())?;
            let quoted: Vec<String> = capabilities.iter().map(|c| format!("\"{c}\"")).collect();
            let line = format!(
                "path \"{pattern}\" {{ capabilities = [{}] }}",
                quoted.join(", ")
            );
            Some(Grant {
                policy: policy.name,
                line,
            })
        };
        policies::own().into_iter().find_map(granting)
    }
}

/// Each `path` of a policy's text with its capabilities, as our files write them.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let (mut path, mut found) = (None, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("path \"") {
            path = rest.split('"').next();
        } else if let Some(list) = line.strip_prefix("capabilities") {
            found.extend(path.take().map(|path| {
                let quoted = list.split('"').skip(1).step_by(2);
                (path, quoted.collect())
            }));
        }
    }
    found
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => {
            pattern.split('/').count() == path.split('/').count()
                && pattern
                    .split('/')
                    .zip(path.split('/'))
                    .all(|(wanted, segment)| wanted == "+" || wanted == segment)
        }
    }
}

impl Seen {
    /// Whether the token has the right.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.held
            .iter()
            .any(|held| held == self.need.capability || held == "root")
    }
}

/// Asks OpenBao which of these rights the handle's token has.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn look(handle: &Handle, needs: &[&'static Need]) -> Result<Vec<Seen>> {
    let mut paths: Vec<&str> = needs.iter().map(|need| need.path).collect();
    paths.dedup();
    let held = system::capabilities_self(handle, &paths).await?;
    let seen = needs.iter().map(|need| Seen {
        need,
        held: held.get(need.path).cloned().unwrap_or_default(),
    });
    Ok(seen.collect())
}

/// The rights that are missing now, each with the name of the token that lacks it. A token that cannot be asked has
/// none missing: its keeper reports that.
pub async fn missing(vault: &Vault) -> Vec<(&'static str, &'static Need)> {
    let mut found = Vec::new();
    for token in vault.app_tokens() {
        let needs = needs(token.name);
        let needs = &needs;
        let looked = token
            .call(|handle| async move { look(&handle, needs).await })
            .await;
        let lacking = looked.into_iter().flatten().filter(|s| !s.is_granted());
        found.extend(lacking.map(|seen| (token.name, seen.need)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_is_granted_by_a_line_of_our_policies() {
        let all = needs("all");
        assert!(all.len() > 30);
        for need in all {
            assert!(need.grant().is_some(), "{need:?}");
        }
        let head = &ISSUER[ISSUER.len() - 1];
        let grant = head.grant().unwrap();
        assert_eq!(grant.policy, "issuer-policy");
        assert_eq!(
            grant.line,
            r#"path "gatehouse-keys/data/event-head" { capabilities = ["create", "read", "update"] }"#
        );
        let none = needs::need("sys/raw/any", "read", "nothing");
        assert_eq!(none.grant(), None);
    }

    #[test]
    fn each_token_needs_its_own_rights_and_no_others() {
        assert_eq!(foreign("saas"), Vec::<&Need>::new());
        let revokers = foreign("issuer")
            .iter()
            .any(|need| need.path == "auth/token/revoke-accessor");
        assert!(revokers);
        assert!(
            !needs("issuer")
                .iter()
                .any(|n| n.path.starts_with("sys/mounts"))
        );
    }
}
