//! Where the service's own OpenBao tokens come from.

use std::path::PathBuf;
use std::sync::Arc;

use super::env::invalid;
use super::{ConfigError, Env, Result};
use crate::types::Secret;
use crate::vault::{Kubernetes, TokenSource, TokenSources, WrappedSecretId};

/// One token with all rights (`GATEHOUSE_BAO_TOKEN…`, `GATEHOUSE_BAO_ROLE_ID`), or three apart
/// (`GATEHOUSE_BAO_ISSUER_…`, `_REVOKER_…`, `_PROVISIONER_…`).
pub(super) fn token_sources(env: &Env) -> Result<TokenSources> {
    let one = token_source(
        env,
        "saas",
        [
            "GATEHOUSE_BAO_TOKEN",
            "GATEHOUSE_BAO_ROLE_ID",
            "GATEHOUSE_BAO_SECRET_ID",
            "GATEHOUSE_BAO_SECRET_ID_WRAPPED",
            "GATEHOUSE_BAO_KUBERNETES_ROLE",
        ],
    )?;
    let issuer = token_source(
        env,
        "issuer",
        [
            "GATEHOUSE_BAO_ISSUER_TOKEN",
            "GATEHOUSE_BAO_ISSUER_ROLE_ID",
            "GATEHOUSE_BAO_ISSUER_SECRET_ID",
            "GATEHOUSE_BAO_ISSUER_SECRET_ID_WRAPPED",
            "GATEHOUSE_BAO_ISSUER_KUBERNETES_ROLE",
        ],
    )?;
    let revoker = token_source(
        env,
        "revoker",
        [
            "GATEHOUSE_BAO_REVOKER_TOKEN",
            "GATEHOUSE_BAO_REVOKER_ROLE_ID",
            "GATEHOUSE_BAO_REVOKER_SECRET_ID",
            "GATEHOUSE_BAO_REVOKER_SECRET_ID_WRAPPED",
            "GATEHOUSE_BAO_REVOKER_KUBERNETES_ROLE",
        ],
    )?;
    let provisioner = token_source(
        env,
        "provisioner",
        [
            "GATEHOUSE_BAO_PROVISIONER_TOKEN",
            "GATEHOUSE_BAO_PROVISIONER_ROLE_ID",
            "GATEHOUSE_BAO_PROVISIONER_SECRET_ID",
            "GATEHOUSE_BAO_PROVISIONER_SECRET_ID_WRAPPED",
            "GATEHOUSE_BAO_PROVISIONER_KUBERNETES_ROLE",
        ],
    )?;
    match (one, issuer, revoker, provisioner) {
        (Some(one), None, None, None) => Ok(TokenSources::One(one)),
        (None, Some(issuer), Some(revoker), Some(provisioner)) => Ok(TokenSources::Apart {
            issuer,
            revoker,
            provisioner,
        }),
        (None, None, None, None) => Err(ConfigError::Missing("GATEHOUSE_BAO_ISSUER_ROLE_ID")),
        _ => Err(invalid(
            "GATEHOUSE_BAO_…",
            &"give either one token for all rights, or issuer, revoker and provisioner, all three",
        )),
    }
}

/// A token, a token file (read again when needed), AppRole, whose secret id may be wrapped, or Kubernetes.
fn token_source(
    env: &Env,
    name: &'static str,
    [token, role_id, secret_id, wrapped, kubernetes]: [&'static str; 5],
) -> Result<Option<TokenSource>> {
    let file = env.text(&format!("{token}_FILE")).map(PathBuf::from);
    match (
        env.text(token),
        file,
        env.text(role_id),
        env.text(kubernetes),
    ) {
        (None, None, None, None) => Ok(None),
        (Some(text), None, None, None) => Ok(Some(TokenSource::Token(Secret::new(text)))),
        (None, Some(path), None, None) => Ok(Some(TokenSource::File(path))),
        (None, None, None, Some(role)) => {
            Ok(Some(TokenSource::Kubernetes(service_account(env, role)?)))
        }
        (None, None, Some(role_id), None) => match (env.secret(secret_id)?, env.secret(wrapped)?) {
            (None, None) => Err(ConfigError::Missing(secret_id)),
            (Some(secret_id), None) => Ok(Some(TokenSource::AppRole { role_id, secret_id })),
            (None, Some(wrapping)) => Ok(Some(TokenSource::Wrapped {
                role_id,
                secret_id: Arc::new(WrappedSecretId::new(name, wrapping)),
            })),
            (Some(_), Some(_)) => Err(invalid(wrapped, &format!("is set, and {secret_id} too"))),
        },
        _ => Err(invalid(
            token,
            &"give a token, a token file, an AppRole or a Kubernetes role, one of them",
        )),
    }
}

/// A role of the Kubernetes method, which is mounted at `GATEHOUSE_BAO_KUBERNETES_MOUNT`, default `kubernetes`. The token
/// of the service account is in `GATEHOUSE_BAO_KUBERNETES_TOKEN_FILE`, by default where the kubelet puts it.
fn service_account(env: &Env, role: String) -> Result<Kubernetes> {
    const MOUNT: &str = "GATEHOUSE_BAO_KUBERNETES_MOUNT";
    let mount = env.text(MOUNT);
    let mount = mount.unwrap_or_else(|| "kubernetes".to_owned());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    let is_segment = |part: &str| !part.is_empty() && part.bytes().all(plain);
    if !mount.split('/').all(is_segment) {
        return Err(invalid(
            MOUNT,
            &"must be the path below auth/, as kubernetes or k8s/eu",
        ));
    }
    let file = env.text("GATEHOUSE_BAO_KUBERNETES_TOKEN_FILE");
    let file =
        file.unwrap_or_else(|| "/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned());
    Ok(Kubernetes {
        mount,
        role,
        token_file: PathBuf::from(file),
    })
}

/// The source of the issuer's token, as `gatehouse serve` has it, for `gatehouse events verify`.
///
/// # Errors
/// Names the variable that is missing or cannot be used.
pub fn issuer_source(env: &Env) -> Result<TokenSource> {
    let source = match token_sources(env)? {
        TokenSources::One(source) => source,
        TokenSources::Apart { issuer, .. } => issuer,
    };
    if matches!(source, TokenSource::Wrapped { .. }) {
        return Err(invalid(
            "GATEHOUSE_BAO_…SECRET_ID_WRAPPED",
            &"would be used up: it is for `gatehouse serve` alone, give another token here",
        ));
    }
    Ok(source)
}
