//! Token roles: what OpenBao itself enforces about the tokens this service hands out.

use std::fmt::Debug;

use serde::{Deserialize, Deserializer, Serialize};

use super::Error;
use super::call::Call;
use super::client::Handle;
use super::tokens::{self, NewToken};
use crate::types::Networks;

/// A token role, `auth/token/roles/<name>`. All are orphan and of type `service`, so that tokens outlive the app token
/// and can be revoked.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TokenRole {
    /// The last segment of its path.
    #[serde(skip)]
    pub name: &'static str,
    /// Policies allowed by name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub allowed_policies: &'static [&'static str],
    /// Policies allowed by pattern.
    pub allowed_policies_glob: &'static [&'static str],
    /// Longest life of its tokens, seconds.
    pub token_explicit_max_ttl: u64,
    /// Whether its tokens can be renewed.
    pub renewable: bool,
    /// Whether its tokens go without the `default` policy.
    pub token_no_default_policy: bool,
    /// Which entity aliases a token may be bound to.
    pub allowed_entity_aliases: &'static [&'static str],
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    role: &'a TokenRole,
    orphan: bool,
    token_type: &'static str,
}

/// `POST auth/token/roles/<name>`.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn set(handle: &Handle, role: &TokenRole) -> Result<(), Error> {
    handle
        .send_only(Call::post(
            format!("auth/token/roles/{}", role.name),
            &Body {
                role,
                orphan: true,
                token_type: "service",
            },
        ))
        .await
}

/// A token role whose tokens work from some networks only: in all else as another.
#[derive(Clone, Debug)]
pub struct BoundRole {
    /// The last segment of its path.
    pub name: String,
    /// The one that it is like.
    pub like: &'static TokenRole,
    /// From where its tokens work.
    pub networks: Networks,
}

/// As the provisioner's policy lets it be written, to the letter.
#[derive(Serialize)]
struct BoundBody<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    allowed_policies: &'a [&'a str],
    allowed_policies_glob: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    allowed_entity_aliases: &'a [&'a str],
    token_explicit_max_ttl: String,
    renewable: bool,
    token_no_default_policy: bool,
    orphan: bool,
    token_type: &'static str,
    token_bound_cidrs: Vec<String>,
}

/// `POST auth/token/roles/<name>` of a bound one. What somebody added to it by hand stays: [`delete`] it first.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn set_bound(handle: &Handle, role: &BoundRole) -> Result<(), Error> {
    let body = BoundBody {
        allowed_policies: role.like.allowed_policies,
        allowed_policies_glob: role.like.allowed_policies_glob,
        allowed_entity_aliases: role.like.allowed_entity_aliases,
        token_explicit_max_ttl: format!("{}s", role.like.token_explicit_max_ttl),
        renewable: role.like.renewable,
        token_no_default_policy: role.like.token_no_default_policy,
        orphan: true,
        token_type: "service",
        token_bound_cidrs: role.networks.written(),
    };
    let path = format!("auth/token/roles/{}", role.name);
    handle.send_only(Call::post(path, &body)).await
}

/// `DELETE auth/token/roles/<name>`. One that is gone already counts as deleted. Its tokens live on, and nobody renews
/// them any more.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn delete(handle: &Handle, name: &str) -> Result<(), Error> {
    let path = format!("auth/token/roles/{name}");
    match handle.send_only(Call::delete(path)).await {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `LIST auth/token/roles`: the names of all.
///
/// # Errors
/// [`Error::Denied`] where the token may not list roles, or OpenBao does not answer.
pub async fn list(handle: &Handle) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Names {
        keys: Vec<String>,
    }
    match handle.send::<Names>(Call::list("auth/token/roles")).await {
        Ok(answer) => Ok(answer.into_data()?.keys),
        Err(Error::NotFound) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A token role as OpenBao has it, as far as its tokens depend on it.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct Found {
    #[serde(deserialize_with = "or_empty")]
    allowed_policies: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    allowed_policies_glob: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    allowed_entity_aliases: Vec<String>,
    token_explicit_max_ttl: u64,
    token_period: u64,
    #[serde(deserialize_with = "or_empty")]
    token_bound_cidrs: Vec<String>,
    token_type: String,
    token_no_default_policy: bool,
    renewable: bool,
    orphan: bool,
}

fn or_empty<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

impl From<&TokenRole> for Found {
    fn from(role: &TokenRole) -> Self {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            allowed_policies: list(role.allowed_policies),
            allowed_policies_glob: list(role.allowed_policies_glob),
            allowed_entity_aliases: list(role.allowed_entity_aliases),
            token_explicit_max_ttl: role.token_explicit_max_ttl,
            token_period: 0,
            token_bound_cidrs: Vec::new(),
            token_type: "service".to_owned(),
            token_no_default_policy: role.token_no_default_policy,
            renewable: role.renewable,
            orphan: true,
        }
    }
}

impl From<&BoundRole> for Found {
    fn from(role: &BoundRole) -> Self {
        Self {
            token_bound_cidrs: role.networks.written(),
            ..Self::from(role.like)
        }
    }
}

impl Found {
    fn differences(&self, right: &Self) -> Vec<String> {
        let differ = |name: &str, is: &dyn Debug, should: &dyn Debug| {
            let (is, should) = (format!("{is:?}"), format!("{should:?}"));
            (is != should).then(|| format!("{name} is {is} and should be {should}"))
        };
        let all = [
            differ(
                "allowed_policies",
                &self.allowed_policies,
                &right.allowed_policies,
            ),
            differ(
                "allowed_policies_glob",
                &self.allowed_policies_glob,
                &right.allowed_policies_glob,
            ),
            differ(
                "allowed_entity_aliases",
                &self.allowed_entity_aliases,
                &right.allowed_entity_aliases,
            ),
            differ(
                "token_explicit_max_ttl",
                &self.token_explicit_max_ttl,
                &right.token_explicit_max_ttl,
            ),
            differ("token_period", &self.token_period, &right.token_period),
            differ(
                "token_bound_cidrs",
                &self.token_bound_cidrs,
                &right.token_bound_cidrs,
            ),
            differ("token_type", &self.token_type, &right.token_type),
            differ(
                "token_no_default_policy",
                &self.token_no_default_policy,
                &right.token_no_default_policy,
            ),
            differ("renewable", &self.renewable, &right.renewable),
            differ("orphan", &self.orphan, &right.orphan),
        ];
        all.into_iter().flatten().collect()
    }
}

/// `GET auth/token/roles/<name>`: in what it is not as it should be; `None` where there is none of that name.
///
/// # Errors
/// [`Error::Denied`] where the token may not read roles, or OpenBao does not answer.
pub async fn differences(handle: &Handle, role: &TokenRole) -> Result<Option<Vec<String>>, Error> {
    let read = handle.send::<Found>(Call::get(format!("auth/token/roles/{}", role.name)));
    match read.await {
        Ok(answer) => Ok(Some(answer.into_data()?.differences(&role.into()))),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same of a bound one.
///
/// # Errors
/// As for others.
pub async fn bound_differences(
    handle: &Handle,
    role: &BoundRole,
) -> Result<Option<Vec<String>>, Error> {
    let read = handle.send::<Found>(Call::get(format!("auth/token/roles/{}", role.name)));
    let mut found = match read.await {
        Ok(answer) => answer.into_data()?,
        Err(Error::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    if role.networks.are(&found.token_bound_cidrs) {
        // OpenBao writes single addresses its own way.
        found.token_bound_cidrs = role.networks.written();
    }
    Ok(Some(found.differences(&role.into())))
}

/// What a token role is like, as far as one can tell without the right to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there, and refuses a policy that is not one of its own.
    Strict,
    /// There is none of that name.
    Absent,
    /// It gave a token a policy that is not one of its own.
    Loose,
}

/// Asks a role for a token with a policy that none of ours allows: OpenBao refuses, and says why.
///
/// # Errors
/// Where OpenBao does not answer, or the handle may not use the role.
pub async fn standing(handle: &Handle, name: &'static str) -> Result<Standing, Error> {
    let token = NewToken {
        policies: vec!["gatehouse.doctor".to_owned()],
        meta: std::collections::BTreeMap::new(),
        ttl: "1s".to_owned(),
        renewable: false,
        display_name: "doctor".to_owned(),
        explicit_max_ttl: Some("1s".to_owned()),
        num_uses: Some(1),
        entity_alias: None,
    };
    match tokens::create(handle, name, &token).await {
        Ok(_) => Ok(Standing::Loose),
        Err(Error::UnknownRole(_)) => Ok(Standing::Absent),
        Err(Error::Rejected(said)) if said.contains("must be subset of the role") => {
            Ok(Standing::Strict)
        }
        Err(error) => Err(error),
    }
}
