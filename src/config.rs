//! Configuration: the environment only, checked whole before anything starts.
//!
//! Each secret can also come from a file, by the variable's name with `_FILE` behind it. An error names the variable,
//! never its value. `deploy/gatehouse.env.example` documents every variable.

mod access_tokens;
mod audit;
mod bao;
mod dev;
mod egress;
mod env;
mod http;
mod limits;
mod lockbox;
mod logs;
mod remote;
mod traces;
mod users;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::types::{Namespace, Secret};
use crate::vault::{Server, TokenSources};
use crate::{access_logs, db, webhooks};

pub use access_tokens::AccessTokenConfig;
pub use audit::needed as audit_settings;
pub use bao::issuer_source;
pub use dev::DevConfig;
pub use env::Env;
pub use http::{HttpConfig, TlsFiles};
pub use limits::{LeaseCaps, LimitConfig, Rate};
pub use lockbox::LockboxConfig;
pub use logs::LogConfig;
pub use remote::{RemoteConfig, remote};
pub use traces::TraceConfig;
pub use users::UserConfig;

use bao::token_sources;
use egress::egress_settings;
use env::invalid;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Needed and not there.
    #[error("{0} is not set (nor {0}_FILE)")]
    Missing(&'static str),
    /// There, and cannot be used.
    #[error("{name}: {problem}")]
    Invalid {
        /// The variable.
        name: String,
        /// The rule it breaks.
        problem: String,
    },
}

type Result<T> = std::result::Result<T, ConfigError>;

/// All settings of a running service.
#[derive(Clone)]
pub struct Config {
    /// The HTTP side.
    pub http: HttpConfig,
    /// OpenBao.
    pub bao: BaoConfig,
    /// PostgreSQL.
    pub db: db::Settings,
    /// Secrets the billing system signs sign-up webhooks with: the current one, and the one before during a change.
    pub signup_secrets: Vec<webhooks::SigningSecret>,
    /// The OpenBao audit log that this process ships, if any.
    pub audit: Option<access_logs::Settings>,
    /// Rate limits.
    pub limits: LimitConfig,
    /// Where connections to addresses that vendors name may go.
    pub egress: crate::egress::Settings,
    /// How lockboxes are locked.
    pub lockbox: LockboxConfig,
    /// How long access logs are kept.
    pub logs: LogConfig,
    /// Whose user a bare log-in name means.
    pub users: UserConfig,
    /// Access tokens that the service signs.
    pub access_tokens: AccessTokenConfig,
    /// Whether the service may run with a root token: for trials on one machine.
    pub trial: bool,
}

/// OpenBao.
#[derive(Clone)]
pub struct BaoConfig {
    /// Address, namespace, authorities.
    pub server: Server,
    /// The address plugins reach OpenBao at: `GATEHOUSE_VAULT_PUBLIC_URL`, default the address itself.
    pub public_url: String,
    /// Where the service's own tokens come from.
    pub tokens: TokenSources,
}

impl BaoConfig {
    /// A vendor's store as callers reach it below `/v1/`.
    #[must_use]
    pub fn store_path(&self, namespace: &Namespace) -> String {
        self.below_v1(&namespace.store())
    }

    /// A path as callers reach it below `/v1/`: with the OpenBao namespace before it, where there is one.
    #[must_use]
    pub fn below_v1(&self, path: &str) -> String {
        match &self.server.namespace {
            Some(fence) => format!("{fence}/{path}"),
            None => path.to_owned(),
        }
    }
}

impl Config {
    /// Reads and checks everything `gatehouse serve` needs.
    ///
    /// # Errors
    /// Names the first variable that is missing or cannot be used.
    pub fn from_env(env: &Env) -> Result<Self> {
        let http = HttpConfig::from_env(env, 5)?;
        Ok(Self {
            access_tokens: AccessTokenConfig::from_env(env, &http)?,
            http,
            bao: BaoConfig::from_env(env)?,
            db: db_settings(env)?,
            signup_secrets: signup_secrets(env)?,
            audit: audit::settings(env)?,
            limits: LimitConfig::from_env(env, LimitConfig::SERVE)?,
            egress: egress_settings(env, "")?,
            lockbox: LockboxConfig::from_env(env)?,
            logs: LogConfig::from_env(env)?,
            users: UserConfig::from_env(env)?,
            trial: env.flag("GATEHOUSE_TRIAL")?,
        })
    }
}

fn pool_size(env: &Env) -> Result<usize> {
    let name = "GATEHOUSE_DATABASE_POOL";
    let size = env.parsed(name, 16)?;
    if (8..=1000).contains(&size) {
        Ok(size)
    } else {
        Err(invalid(name, &"must be 8 to 1000"))
    }
}

impl BaoConfig {
    fn from_env(env: &Env) -> Result<Self> {
        let server = server(env)?;
        let public_url = env
            .text("GATEHOUSE_VAULT_PUBLIC_URL")
            .unwrap_or_else(|| server.addr.clone());
        Ok(Self {
            public_url,
            tokens: token_sources(env)?,
            server,
        })
    }
}

/// The OpenBao server alone, for `gatehouse bootstrap`.
///
/// # Errors
/// Names the variable that is missing or cannot be used.
pub fn server(env: &Env) -> Result<Server> {
    let name = "GATEHOUSE_BAO_ADDR";
    let addr = env.text(name).ok_or(ConfigError::Missing(name))?;
    let url = url::Url::parse(&addr).map_err(|e| invalid(name, &e))?;
    if !matches!(url.scheme(), "http" | "https")
        || !matches!(url.path(), "" | "/")
        || !url.username().is_empty()
    {
        return Err(invalid(
            name,
            &"must be http(s)://host:port and nothing more",
        ));
    }
    let server = Server {
        addr: addr.trim_end_matches('/').to_owned(),
        namespace: bao_namespace(env)?,
        ca_pem: env.file("GATEHOUSE_BAO_CACERT")?,
    };
    if !server.is_private() && !env.flag("GATEHOUSE_BAO_INSECURE")? {
        return Err(invalid(
            name,
            &"tokens would cross the network in the clear: use https, or set GATEHOUSE_BAO_INSECURE=true on a network you trust",
        ));
    }
    Ok(server)
}

/// The OpenBao namespace this service is fenced into, if any: `GATEHOUSE_BAO_NAMESPACE`.
fn bao_namespace(env: &Env) -> Result<Option<String>> {
    let namespace = env.text("GATEHOUSE_BAO_NAMESPACE");
    let plain = |ns: &String| {
        ns.split('/').all(|s| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        })
    };
    if namespace.as_ref().is_some_and(|ns| !plain(ns)) {
        return Err(invalid(
            "GATEHOUSE_BAO_NAMESPACE",
            &"must be names of letters, digits, _ and -, separated by /",
        ));
    }
    Ok(namespace)
}

/// The database alone, for `gatehouse migrate`, `gatehouse bootstrap` and `gatehouse audit-ship`.
///
/// # Errors
/// Names the variable that is missing or cannot be used.
pub fn db_settings(env: &Env) -> Result<db::Settings> {
    Ok(db::Settings {
        url: env
            .secret("DATABASE_URL")?
            .ok_or(ConfigError::Missing("DATABASE_URL"))?,
        ca_pem: env.file("GATEHOUSE_DATABASE_CACERT")?,
        pool_size: pool_size(env)?,
    })
}

/// The secrets of `GATEHOUSE_SIGNUP_SECRET`, separated by spaces: the current one first.
///
/// # Errors
/// Where there is none, or one cannot be used.
pub fn signup_secrets(env: &Env) -> Result<Vec<webhooks::SigningSecret>> {
    let name = "GATEHOUSE_SIGNUP_SECRET";
    let text = env.secret(name)?.ok_or(ConfigError::Missing(name))?;
    text.expose()
        .split_whitespace()
        .map(|one| signing_secret(name, one))
        .collect()
}

/// A Standard Webhooks secret: `whsec_` and 24 to 64 bytes in base64.
///
/// # Errors
/// Names the variable where the text is none.
pub fn signing_secret(name: &str, text: &str) -> Result<webhooks::SigningSecret> {
    let problem = "must be whsec_ followed by 24 to 64 bytes in base64";
    let body = text
        .strip_prefix("whsec_")
        .ok_or_else(|| invalid(name, &problem))?;
    let bytes = BASE64_STANDARD
        .decode(body)
        .map_err(|_| invalid(name, &problem))?;
    webhooks::SigningSecret::new(bytes).ok_or_else(|| invalid(name, &problem))
}

/// A fresh secret from 64 hexadecimal digits of randomness.
#[must_use]
pub fn new_signup_secret(random_hex: &str) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(random_hex))
}

/// The administrator's OpenBao token, for `gatehouse bootstrap` and `gatehouse operator`.
///
/// # Errors
/// Where `GATEHOUSE_BAO_ADMIN_TOKEN` is not set.
pub fn administrator_token(env: &Env) -> Result<Secret> {
    let name = "GATEHOUSE_BAO_ADMIN_TOKEN";
    env.secret(name)?.ok_or(ConfigError::Missing(name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(changes: &[(&str, &str)]) -> std::result::Result<Config, String> {
        let mut vars = HashMap::from([
            ("GATEHOUSE_BAO_ADDR", "http://127.0.0.1:8200"),
            ("GATEHOUSE_BAO_ROLE_ID", "r"),
            ("GATEHOUSE_BAO_SECRET_ID", "s"),
            ("DATABASE_URL", "postgres://g@127.0.0.1/g"),
            (
                "GATEHOUSE_SIGNUP_SECRET",
                "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
        ]);
        vars.extend(changes.iter().copied());
        Config::from_env(&Env(&|name| vars.get(name).map(ToString::to_string)))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_bad_setting_is_named_and_its_value_is_not() {
        assert!(read(&[]).is_ok_and(|config| !config.users.strength_waived));
        let cases = [
            ("GATEHOUSE_BAO_ADDR", ""),
            ("GATEHOUSE_BAO_ADDR", "http://openbao.internal:8200"),
            ("GATEHOUSE_BAO_ADDR", "https://h:8200/vault"),
            ("GATEHOUSE_BAO_NAMESPACE", "../root"),
            ("GATEHOUSE_BAO_TOKEN", "s.canary"),
            ("GATEHOUSE_BAO_SECRET_ID", ""),
            ("GATEHOUSE_BAO_SECRET_ID_WRAPPED", "s.canary"),
            ("DATABASE_URL", ""),
            ("GATEHOUSE_SIGNUP_SECRET", "whsec_canary"),
            ("GATEHOUSE_SIGNUP_SECRET", "canary"),
            ("GATEHOUSE_SIGNUP_SECRET_FILE", "/nonexistent/canary"),
            ("GATEHOUSE_LISTEN", "canary"),
            ("GATEHOUSE_TLS_CERT_FILE", "/nonexistent/canary"),
            ("GATEHOUSE_LIMIT_VENDOR", "0/1"),
            ("GATEHOUSE_TRUSTED_PROXIES", "canary"),
            ("GATEHOUSE_EGRESS_ALLOW", "10.0.0.0/8,canary"),
            ("GATEHOUSE_EGRESS_ALLOW", "10.0.0.1/33"),
            ("GATEHOUSE_EGRESS_CA_FILE", "/nonexistent/canary"),
            ("GATEHOUSE_EGRESS_CA_FILE", "/dev/null"),
            ("GATEHOUSE_LOCKBOX_ARGON2", "19456/1/1"),
            ("GATEHOUSE_LOCKBOX_ARGON2", "canary"),
            ("GATEHOUSE_LOG_RETENTION_DAYS", "0"),
            ("GATEHOUSE_LOG_RETENTION_DAYS", "canary"),
            ("GATEHOUSE_BASE_DOMAIN", "canary..x"),
            ("GATEHOUSE_DEFAULT_VENDOR", "Canary"),
            ("GATEHOUSE_TRIAL", "canary"),
            ("GATEHOUSE_PUBLIC_URL", "https://gatehouse.example/canary"),
            ("GATEHOUSE_ACCESS_TOKEN_SECONDS", "59"),
        ];
        for (name, value) in cases {
            let said = read(&[(name, value)]).err().unwrap_or_default();
            let stem = name.trim_end_matches("_FILE");
            assert!(said.contains(stem), "{name}: {said}");
            assert!(!said.contains("canary") || value.starts_with('/'), "{said}");
        }
    }

    #[test]
    fn one_token_or_three() {
        let apart = |role: &str| {
            let keys = ["ISSUER", "REVOKER", "PROVISIONER"];
            let names: Vec<(String, &str)> = keys
                .iter()
                .flat_map(|k| {
                    [
                        (format!("GATEHOUSE_BAO_{k}_ROLE_ID"), "r"),
                        (format!("GATEHOUSE_BAO_{k}_SECRET_ID"), "s"),
                    ]
                })
                .filter(|(name, _)| !name.contains(role))
                .collect();
            let mut vars: Vec<(&str, &str)> = names.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            vars.push(("GATEHOUSE_BAO_ROLE_ID", ""));
            read(&vars).map(|c| matches!(c.bao.tokens, TokenSources::Apart { .. }))
        };
        assert_eq!(apart("none left out"), Ok(true));
        assert!(apart("REVOKER").is_err());
    }
}
