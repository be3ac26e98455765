//! Configuration: the environment only, checked whole before anything starts.
//!
//! Each secret can also come from a file, by the variable's name with `_FILE` behind it. An error names the variable,
//! never its value. `deploy/gatehouse.env.example` documents every variable.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;

use crate::types::Secret;
use crate::vault::{Server, TokenSource, TokenSources};
use crate::{db, webhooks};

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
    /// Rate limits.
    pub limits: LimitConfig,
    /// Whether the service may run with a root token: for trials on one machine.
    pub trial: bool,
}

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen: `GATEHOUSE_LISTEN`, default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed: `GATEHOUSE_TRUSTED_PROXIES`, networks in CIDR form, default none.
    pub trusted_proxies: Vec<IpNet>,
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

/// Rate limits, in requests per second with a burst. Each replica counts for itself.
#[derive(Clone, Copy, Debug)]
pub struct LimitConfig {
    /// All requests of one client address: `GATEHOUSE_LIMIT_ADDRESS`, default `50/200`.
    pub address: Rate,
    /// All requests in one vendor's name: `GATEHOUSE_LIMIT_VENDOR`, default `100/400`.
    pub vendor: Rate,
    /// Refused credentials of one client address: `GATEHOUSE_LIMIT_REFUSED`, default `5/20`.
    pub refused: Rate,
}

/// So many per second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Per second, at least 1.
    pub per_second: u32,
    /// At once, at least 1.
    pub burst: u32,
}

impl FromStr for Rate {
    type Err = &'static str;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let problem = "must be <per second>/<burst>, both at least 1";
        let (per_second, burst) = text.split_once('/').ok_or(problem)?;
        let read = |part: &str| {
            part.trim()
                .parse::<u32>()
                .ok()
                .filter(|n| *n > 0)
                .ok_or(problem)
        };
        Ok(Self {
            per_second: read(per_second)?,
            burst: read(burst)?,
        })
    }
}

/// Where variables come from: the process's environment, or a table in tests.
pub struct Env<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    /// The process's own environment. Nothing outside this file reads it.
    #[must_use]
    pub fn process() -> Env<'static> {
        Env(&|name| std::env::var(name).ok())
    }

    /// Log levels: `RUST_LOG`, default `info`.
    #[must_use]
    pub fn log_levels(&self) -> String {
        self.text("RUST_LOG").unwrap_or_else(|| "info".to_owned())
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str, default: T) -> Result<T> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|e: T::Err| invalid(name, &e)),
        }
    }

    fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(invalid(name, &"must be true or false")),
        }
    }

    /// A secret: the variable itself, or the file that `<name>_FILE` names. Both at once is an error.
    fn secret(&self, name: &'static str) -> Result<Option<Secret>> {
        let file_name = format!("{name}_FILE");
        match (self.text(name), self.text(&file_name)) {
            (Some(_), Some(_)) => Err(invalid(name, &format!("is set, and {file_name} too"))),
            (Some(text), None) => Ok(Some(Secret::new(text))),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path).map_err(|e| invalid(&file_name, &e))?;
                Ok(Some(Secret::new(text.trim().to_owned())))
            }
            (None, None) => Ok(None),
        }
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.text(name)
            .map(|path| std::fs::read(path).map_err(|e| invalid(name, &e)))
            .transpose()
    }
}

fn invalid(name: &str, problem: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::Invalid {
        name: name.to_owned(),
        problem: problem.to_string(),
    }
}

impl Config {
    /// Reads and checks everything `gatehouse serve` needs.
    ///
    /// # Errors
    /// Names the first variable that is missing or cannot be used.
    pub fn from_env(env: &Env) -> Result<Self> {
        Ok(Self {
            http: HttpConfig::from_env(env)?,
            bao: BaoConfig::from_env(env)?,
            db: db_settings(env)?,
            signup_secrets: signup_secrets(env)?,
            limits: LimitConfig::from_env(env)?,
            trial: env.flag("GATEHOUSE_TRIAL")?,
        })
    }
}

impl HttpConfig {
    fn from_env(env: &Env) -> Result<Self> {
        let name = "GATEHOUSE_TRUSTED_PROXIES";
        let proxies = env.text(name).unwrap_or_default();
        let proxies = proxies.split(',').map(str::trim).filter(|p| !p.is_empty());
        Ok(Self {
            listen: env.parsed(
                "GATEHOUSE_LISTEN",
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            )?,
            trusted_proxies: proxies
                .map(|p| {
                    p.parse::<IpNet>()
                        .map_err(|_| invalid(name, &"must be networks such as 10.0.0.0/8"))
                })
                .collect::<Result<_>>()?,
        })
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
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() == "http" && !local && !env.flag("GATEHOUSE_BAO_INSECURE")? {
        return Err(invalid(
            name,
            &"tokens would cross the network in the clear: use https, or set GATEHOUSE_BAO_INSECURE=true on a network you trust",
        ));
    }
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
    Ok(Server {
        addr: addr.trim_end_matches('/').to_owned(),
        namespace,
        ca_pem: env.file("GATEHOUSE_BAO_CACERT")?,
    })
}

/// The database alone, for `gatehouse migrate` and `gatehouse bootstrap`.
///
/// # Errors
/// Names the variable that is missing or cannot be used.
pub fn db_settings(env: &Env) -> Result<db::Settings> {
    Ok(db::Settings {
        url: env
            .secret("DATABASE_URL")?
            .ok_or(ConfigError::Missing("DATABASE_URL"))?,
        ca_pem: env.file("GATEHOUSE_DATABASE_CACERT")?,
        pool_size: env.parsed("GATEHOUSE_DATABASE_POOL", 16)?,
    })
}

impl LimitConfig {
    fn from_env(env: &Env) -> Result<Self> {
        Ok(Self {
            address: env.parsed(
                "GATEHOUSE_LIMIT_ADDRESS",
                Rate {
                    per_second: 50,
                    burst: 200,
                },
            )?,
            vendor: env.parsed(
                "GATEHOUSE_LIMIT_VENDOR",
                Rate {
                    per_second: 100,
                    burst: 400,
                },
            )?,
            refused: env.parsed(
                "GATEHOUSE_LIMIT_REFUSED",
                Rate {
                    per_second: 5,
                    burst: 20,
                },
            )?,
        })
    }
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

/// Address and operator's token of a running service, for the subcommands that call one.
///
/// # Errors
/// Where `GATEHOUSE_URL` or `GATEHOUSE_ADMIN_TOKEN` is not set.
pub fn remote(env: &Env) -> Result<(String, Secret)> {
    let url = env
        .text("GATEHOUSE_URL")
        .ok_or(ConfigError::Missing("GATEHOUSE_URL"))?;
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(invalid(
            "GATEHOUSE_URL",
            &"must begin with https:// or http://",
        ));
    }
    let name = "GATEHOUSE_ADMIN_TOKEN";
    let token = env.secret(name)?.ok_or(ConfigError::Missing(name))?;
    Ok((url.trim_end_matches('/').to_owned(), token))
}

/// Settings of `gatehouse dev`.
pub struct DevConfig {
    /// Where all data lie: `GATEHOUSE_DEV_DIR`, default `.gatehouse`.
    pub dir: PathBuf,
    /// `GATEHOUSE_DEV_OPENBAO_PORT`, default 8200; 0 for a free one.
    pub openbao_port: u16,
    /// `GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT`, default 8201; 0 for a free one.
    pub openbao_cluster_port: u16,
    /// `GATEHOUSE_DEV_POSTGRES_PORT`, default 5433; 0 for a free one.
    pub postgres_port: u16,
    /// The `bao` program, where it is not found by itself: `GATEHOUSE_DEV_OPENBAO_BIN`.
    pub openbao_bin: Option<PathBuf>,
    /// The folder of `postgres` and `initdb`, where it is not found by itself: `GATEHOUSE_DEV_POSTGRES_BIN`.
    pub postgres_bin: Option<PathBuf>,
    http: HttpConfig,
    limits: LimitConfig,
}

impl DevConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_env(env: &Env) -> Result<Self> {
        let dir = env
            .text("GATEHOUSE_DEV_DIR")
            .unwrap_or_else(|| ".gatehouse".to_owned());
        Ok(Self {
            dir: std::path::absolute(dir).map_err(|e| invalid("GATEHOUSE_DEV_DIR", &e))?,
            openbao_port: env.parsed("GATEHOUSE_DEV_OPENBAO_PORT", 8200)?,
            openbao_cluster_port: env.parsed("GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT", 8201)?,
            postgres_port: env.parsed("GATEHOUSE_DEV_POSTGRES_PORT", 5433)?,
            openbao_bin: env.text("GATEHOUSE_DEV_OPENBAO_BIN").map(PathBuf::from),
            postgres_bin: env.text("GATEHOUSE_DEV_POSTGRES_BIN").map(PathBuf::from),
            http: HttpConfig::from_env(env)?,
            limits: LimitConfig::from_env(env)?,
        })
    }

    /// The settings of the service itself.
    ///
    /// # Errors
    /// Where the secret is none.
    pub fn service(&self, bao: BaoConfig, db: db::Settings, signup_secret: &str) -> Result<Config> {
        Ok(Config {
            http: self.http.clone(),
            bao,
            db,
            signup_secrets: vec![signing_secret("GATEHOUSE_SIGNUP_SECRET", signup_secret)?],
            limits: self.limits,
            trial: false,
        })
    }
}

/// One token with all rights (`GATEHOUSE_BAO_TOKEN…`, `GATEHOUSE_BAO_ROLE_ID`), or three apart
/// (`GATEHOUSE_BAO_ISSUER_…`, `_REVOKER_…`, `_PROVISIONER_…`).
fn token_sources(env: &Env) -> Result<TokenSources> {
    let one = token_source(
        env,
        [
            "GATEHOUSE_BAO_TOKEN",
            "GATEHOUSE_BAO_ROLE_ID",
            "GATEHOUSE_BAO_SECRET_ID",
        ],
    )?;
    let issuer = token_source(
        env,
        [
            "GATEHOUSE_BAO_ISSUER_TOKEN",
            "GATEHOUSE_BAO_ISSUER_ROLE_ID",
            "GATEHOUSE_BAO_ISSUER_SECRET_ID",
        ],
    )?;
    let revoker = token_source(
        env,
        [
            "GATEHOUSE_BAO_REVOKER_TOKEN",
            "GATEHOUSE_BAO_REVOKER_ROLE_ID",
            "GATEHOUSE_BAO_REVOKER_SECRET_ID",
        ],
    )?;
    let provisioner = token_source(
        env,
        [
            "GATEHOUSE_BAO_PROVISIONER_TOKEN",
            "GATEHOUSE_BAO_PROVISIONER_ROLE_ID",
            "GATEHOUSE_BAO_PROVISIONER_SECRET_ID",
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

/// A token, a token file (read again when needed), or AppRole.
fn token_source(
    env: &Env,
    [token, role_id, secret_id]: [&'static str; 3],
) -> Result<Option<TokenSource>> {
    let file = env.text(&format!("{token}_FILE")).map(PathBuf::from);
    match (env.text(token), file, env.text(role_id)) {
        (None, None, None) => Ok(None),
        (Some(text), None, None) => Ok(Some(TokenSource::Token(Secret::new(text)))),
        (None, Some(path), None) => Ok(Some(TokenSource::File(path))),
        (None, None, Some(role_id)) => {
            let secret_id = env
                .secret(secret_id)?
                .ok_or(ConfigError::Missing(secret_id))?;
            Ok(Some(TokenSource::AppRole { role_id, secret_id }))
        }
        _ => Err(invalid(
            token,
            &"give a token, a token file or an AppRole, one of them",
        )),
    }
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
        assert!(read(&[]).is_ok());
        let cases = [
            ("GATEHOUSE_BAO_ADDR", ""),
            ("GATEHOUSE_BAO_ADDR", "http://openbao.internal:8200"),
            ("GATEHOUSE_BAO_ADDR", "https://h:8200/vault"),
            ("GATEHOUSE_BAO_NAMESPACE", "../root"),
            ("GATEHOUSE_BAO_TOKEN", "s.canary"),
            ("GATEHOUSE_BAO_SECRET_ID", ""),
            ("DATABASE_URL", ""),
            ("GATEHOUSE_SIGNUP_SECRET", "whsec_canary"),
            ("GATEHOUSE_SIGNUP_SECRET", "canary"),
            ("GATEHOUSE_SIGNUP_SECRET_FILE", "/nonexistent/canary"),
            ("GATEHOUSE_LISTEN", "canary"),
            ("GATEHOUSE_LIMIT_VENDOR", "0/1"),
            ("GATEHOUSE_TRUSTED_PROXIES", "canary"),
            ("GATEHOUSE_TRIAL", "canary"),
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
