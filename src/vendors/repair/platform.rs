//! What belongs to no vendor: our token roles, and policies that they would give and that are nobody's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{store, tell};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::tokens::{ROLES, bound};
use crate::vault::{self, policies, roles};

/// Asked for in one statement.
const CHUNK: usize = 5000;
/// Kept of one kind. Whoever can write policies could write any number.
const MOST: usize = 1000;
const ROLE: &str = "role";
const POLICY: &str = "policy";
const NO_RIGHT: &str = "the provisioner may not look: run `gatehouse bootstrap --update`";

/// What a pass found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Token roles that are not as they should be.
    pub roles: usize,
    /// Policies that our roles would give, and that are no vendor's.
    pub foreign_policies: usize,
    /// Token roles of sets of networks that no row named, and that are deleted now.
    pub stray_roles: usize,
}

/// Looks at roles and policies, and keeps what it finds.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn pass(app: &App) -> Result<Found> {
    let (mut roles, policies) = (roles(app).await?, foreign(app).await?);
    let stray_roles = match bound::tidy::strays(app).await {
        Ok(strays) => {
            let says = "it is none of ours: delete it, and find out who made it";
            let foreign = strays.foreign.into_iter();
            roles.extend(foreign.map(|name| (name, says.to_owned())));
            strays.deleted
        }
        Err(Error::Vault(vault::Error::Denied(_))) => {
            roles.insert(format!("{}*", bound::PREFIX), NO_RIGHT.to_owned());
            0
        }
        Err(error) => return Err(error),
    };
    metrics::gauge!("gatehouse_findings", "what" => ROLE).set(count(roles.len()));
    metrics::gauge!("gatehouse_findings", "what" => POLICY).set(count(policies.len()));
    keep(app, ROLE, &roles).await?;
    keep(app, POLICY, &policies).await?;
    Ok(Found {
        roles: roles.len(),
        foreign_policies: policies.len(),
        stray_roles,
    })
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

/// By name, what is wrong.
type Wrong = BTreeMap<String, String>;

async fn keep(app: &App, what: &str, wrong: &Wrong) -> Result<()> {
    let now = app.clock.now();
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let kept: Vec<&str> = wrong.keys().take(MOST).map(String::as_str).collect();
    for (name, says) in wrong.iter().take(MOST) {
        if store::find(&transaction, (what, name), None, says, now).await? {
            tell(&transaction, None, (what, name), says, now).await?;
        }
    }
    store::forget_of_platform(&transaction, what, &kept).await?;
    Ok(transaction.commit().await.map_err(crate::db::Error::from)?)
}

async fn roles(app: &App) -> Result<Wrong> {
    let mut wrong = Wrong::new();
    for role in &ROLES {
        let read = app
            .vault
            .provisioner
            .call(|handle| async move { roles::differences(&handle, role).await });
        let says = match read.await {
            Ok(Some(differences)) => differences.join("; "),
            Ok(None) => "it is missing".to_owned(),
            Err(vault::Error::Denied(_)) => NO_RIGHT.to_owned(),
            Err(error) => return Err(error.into()),
        };
        if !says.is_empty() {
            wrong.insert(role.name.to_owned(), says);
        }
    }
    Ok(wrong)
}

async fn foreign(app: &App) -> Result<Wrong> {
    let listed = app
        .vault
        .provisioner
        .call(|handle| async move { policies::list(&handle).await });
    let names = match listed.await {
        Ok(names) => names,
        Err(vault::Error::Denied(_)) => {
            return Ok(Wrong::from([("*".to_owned(), NO_RIGHT.to_owned())]));
        }
        Err(error) => return Err(error.into()),
    };
    let matching: Vec<Name> = names.iter().filter_map(|name| Name::of(name)).collect();
    let client = app.db.all().await?;
    let mut wrong = Wrong::new();
    for some in matching.chunks(CHUNK) {
        for name in nobodys(&client, some).await? {
            let says = format!(
                "the token role {} would give it, and it is no vendor's: delete it, and find out who made it",
                name.role
            );
            wrong.insert(name.whole.to_owned(), says);
        }
    }
    Ok(wrong)
}

/// A policy's name that one of our roles allows.
struct Name<'a> {
    whole: &'a str,
    role: &'static str,
    namespace: &'a str,
    /// Of which worker (`true`) or credential, where it is of one.
    scope: Option<(bool, i64)>,
    /// The part between namespace and kind is none of ours.
    is_odd: bool,
}

impl<'a> Name<'a> {
    fn of(whole: &'a str) -> Option<Self> {
        let matched = ROLES.iter().find_map(|role| {
            let mut globs = role.allowed_policies_glob.iter();
            let rest = globs.find_map(|glob| whole.strip_suffix(glob.trim_start_matches('*')))?;
            Some((role.name, rest))
        });
        let (role, rest) = matched?;
        let (namespace, middle) = match rest.split_once('.') {
            Some((namespace, middle)) => (namespace, Some(middle)),
            None => (rest, None),
        };
        let scope = middle.and_then(scope);
        Some(Self {
            whole,
            role,
            namespace,
            scope,
            is_odd: middle.is_some() && scope.is_none(),
        })
    }
}

/// `w` and 16 hexadecimal digits, a worker's; `k` and a number, a credential's.
fn scope(middle: &str) -> Option<(bool, i64)> {
    if let Some(digits) = middle.strip_prefix('w') {
        return (digits.len() == 16)
            .then(|| i64::from_str_radix(digits, 16).ok())
            .flatten()
            .map(|id| (true, id));
    }
    let id = middle.strip_prefix('k')?.parse().ok()?;
    Some((false, id))
}

async fn nobodys<'a, 'b>(
    client: &impl GenericClient,
    names: &'b [Name<'a>],
) -> Result<Vec<&'b Name<'a>>> {
    let asked: BTreeSet<&str> = names.iter().map(|name| name.namespace).collect();
    let asked: Vec<&str> = asked.into_iter().collect();
    let known: BTreeSet<String> = store::namespaces(client, &asked)
        .await?
        .into_iter()
        .collect();
    let ids = |of_workers: bool| {
        let scopes = names.iter().filter_map(|name| name.scope);
        let ids = scopes.filter(|(is_worker, _)| *is_worker == of_workers);
        ids.map(|(_, id)| id).collect::<Vec<i64>>()
    };
    let scopes = store::scopes(client, &ids(true), &ids(false)).await?;
    let scopes: BTreeSet<_> = scopes.into_iter().collect();
    let is_nobodys = |name: &&Name| {
        let of_scope = name.scope.is_none_or(|(is_worker, id)| {
            scopes.contains(&(name.namespace.to_owned(), is_worker, id))
        });
        name.is_odd || !known.contains(name.namespace) || !of_scope
    };
    Ok(names.iter().filter(is_nobodys).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_role_allows_are_taken_apart() {
        let of = |name: &'static str| {
            Name::of(name).map(|found| (found.role, found.namespace, found.scope, found.is_odd))
        };
        assert_eq!(
            of("acme1-write-policy"),
            Some(("gatehouse-write", "acme1", None, false))
        );
        assert_eq!(
            of("acme1.site-read"),
            Some(("gatehouse-read-site", "acme1", None, false))
        );
        let worker = Some((true, 255));
        assert_eq!(
            of("acme1.w00000000000000ff.credentials-read"),
            Some(("gatehouse-credentials", "acme1", worker, false))
        );
        assert_eq!(
            of("acme1.k7.credentials-read"),
            Some(("gatehouse-credentials", "acme1", Some((false, 7)), false))
        );
        assert_eq!(
            of("acme1.evil.credentials-read"),
            Some(("gatehouse-credentials", "acme1", None, true))
        );
        for none in ["default", "acme1-policy", "saas-policy", "gatehouse.self"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
