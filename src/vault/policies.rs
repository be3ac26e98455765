//! The OpenBao policies of this service: their texts from `policies/`, and the calls below `sys/policies/acl/`.

use serde::Deserialize;

use super::Error;
use super::call::Call;
use super::client::Handle;
use crate::types::{KeyPattern, Namespace};

/// A policy: its name and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Lower case; OpenBao folds it anyway.
    pub name: String,
    /// HCL.
    pub text: String,
}

impl Policy {
    fn new(name: impl Into<String>, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.trim_end().to_owned(),
        }
    }
}

const ISSUER: &str = include_str!("../../policies/issuer-policy.hcl");
const REVOKER: &str = include_str!("../../policies/revoker-policy.hcl");
const PROVISIONER: &str = include_str!("../../policies/provisioner-policy.hcl");
const SELF_ONLY: &str = include_str!("../../policies/gatehouse.self.hcl");
const STORE_WRITE: &str = include_str!("../../policies/vendor/namespace-write-policy.hcl");
const STORE_DELETE: &str = include_str!("../../policies/vendor/namespace-delete-policy.hcl");
const STORE_READ: &str = include_str!("../../policies/vendor/namespace-read-policy.hcl");
const SITE_WRITE: &str = include_str!("../../policies/vendor/namespace.site-write.hcl");
const SITE_READ: &str = include_str!("../../policies/vendor/namespace.site-read.hcl");
const CREDENTIALS_READ: &str = include_str!("../../policies/vendor/namespace.credentials-read.hcl");
const CREDENTIALS_WRITE: &str =
    include_str!("../../policies/vendor/namespace.credentials-write.hcl");
const PURGE: &str = include_str!("../../policies/vendor/namespace.purge.hcl");
const WORKER_READ: &str =
    include_str!("../../policies/vendor/namespace.worker.credentials-read.hcl");

/// The policies of the service itself, written by `bootstrap`. `saas-policy` is the three rights together, for an
/// installation with one app token.
#[must_use]
pub fn own() -> Vec<Policy> {
    let all = [ISSUER, REVOKER, PROVISIONER]
        .map(str::trim_end)
        .join("\n\n");
    vec![
        Policy::new("issuer-policy", ISSUER),
        Policy::new("revoker-policy", REVOKER),
        Policy::new("provisioner-policy", PROVISIONER),
        Policy::new("saas-policy", &all),
        Policy::new("gatehouse.self", SELF_ONLY),
    ]
}

/// The policies of one vendor, in the seed's order, then ours. `token_accessor` is the accessor of the `auth/token`
/// mount, by which templated policies find the entity alias.
#[must_use]
pub fn of_vendor(namespace: &Namespace, token_accessor: &TokenMountAccessor) -> Vec<Policy> {
    let fill = |text: &str| {
        text.replace("<namespace>", namespace.as_str())
            .replace("<accessor>", &token_accessor.0)
    };
    vec![
        Policy::new(format!("{namespace}-write-policy"), &fill(STORE_WRITE)),
        Policy::new(format!("{namespace}-delete-policy"), &fill(STORE_DELETE)),
        Policy::new(format!("{namespace}-read-policy"), &fill(STORE_READ)),
        Policy::new(format!("{namespace}.site-write"), &fill(SITE_WRITE)),
        Policy::new(format!("{namespace}.site-read"), &fill(SITE_READ)),
        Policy::new(
            format!("{namespace}.credentials-read"),
            &fill(CREDENTIALS_READ),
        ),
        Policy::new(
            format!("{namespace}.credentials-write"),
            &fill(CREDENTIALS_WRITE),
        ),
    ]
}

/// The policy that a vendor's stores are emptied by, when it was cancelled. It stands for as long as that takes.
#[must_use]
pub fn of_purge(namespace: &Namespace) -> Policy {
    let text = PURGE.replace("<namespace>", namespace.as_str());
    Policy::new(format!("{namespace}.purge"), &text)
}

/// Which policies a vendor has, whatever else they are filled in with.
#[must_use]
pub fn names_of_vendor(namespace: &Namespace) -> Vec<String> {
    let policies = of_vendor(namespace, &TokenMountAccessor(String::new()));
    policies.into_iter().map(|policy| policy.name).collect()
}

/// A policy that reads the credentials of these keys: the template once for each pattern.
#[must_use]
pub fn of_keys(name: String, namespace: &Namespace, patterns: &[KeyPattern]) -> Policy {
    let fill = |pattern: &KeyPattern| {
        WORKER_READ
            .replace("<namespace>", namespace.as_str())
            .replace("<pattern>", pattern.as_str())
    };
    Policy::new(name, &patterns.iter().map(fill).collect::<String>())
}

/// The accessor of the `auth/token` mount: `auth_token_` and hexadecimal digits.
#[derive(Clone, Debug)]
pub struct TokenMountAccessor(String);

impl TokenMountAccessor {
    /// Checks `text`: 1 to 64 letters, digits and underscores.
    ///
    /// # Errors
    /// Where it is something else, which has no place in the text of a policy.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if plain && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Malformed("accessor of auth/token".to_owned()))
        }
    }
}

/// `PUT sys/policies/acl/<name>`.
///
/// # Errors
/// Where OpenBao refuses the text or does not answer.
pub async fn write(handle: &Handle, policy: &Policy) -> Result<(), Error> {
    let body = serde_json::json!({ "policy": policy.text });
    handle
        .send_only(Call::put(
            format!("sys/policies/acl/{}", policy.name),
            &body,
        ))
        .await
}

/// `DELETE sys/policies/acl/<name>`. One that is not there counts as deleted.
///
/// # Errors
/// Where OpenBao refuses or does not answer.
pub async fn delete(handle: &Handle, name: &str) -> Result<(), Error> {
    match handle
        .send_only(Call::delete(format!("sys/policies/acl/{name}")))
        .await
    {
        Err(Error::NotFound) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `LIST sys/policies/acl`: the names of all of them.
///
/// # Errors
/// [`Error::Denied`] where the token may not, or OpenBao does not answer.
pub async fn list(handle: &Handle) -> Result<Vec<String>, Error> {
    super::kv::list(handle, "sys/policies/acl").await
}

/// `GET sys/policies/acl/<name>`; `None` where there is none.
///
/// # Errors
/// Where OpenBao does not answer.
pub async fn read(handle: &Handle, name: &str) -> Result<Option<String>, Error> {
    #[derive(Deserialize)]
    struct Text {
        policy: String,
    }
    match handle
        .send::<Text>(Call::get(format!("sys/policies/acl/{name}")))
        .await
    {
        Ok(answer) => Ok(Some(answer.into_data()?.policy)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
