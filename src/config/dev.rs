//! Settings of `gatehouse dev`.

use std::path::PathBuf;

use super::egress::{DEV_ALLOW, egress_settings};
use super::env::invalid;
use super::{
    AccessTokenConfig, BaoConfig, Config, Env, HttpConfig, LimitConfig, LockboxConfig, LogConfig,
    Result, UserConfig, signing_secret,
};
use crate::types::Namespace;
use crate::{access_logs, db, egress};

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
    access_tokens: AccessTokenConfig,
    limits: LimitConfig,
    egress: egress::Settings,
    lockbox: LockboxConfig,
    logs: LogConfig,
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
        let http = HttpConfig::from_env(env, 0)?;
        if http.tls.is_some() {
            let problem = "is for `gatehouse serve`: `gatehouse dev` speaks plain HTTP";
            return Err(invalid("GATEHOUSE_TLS_CERT_FILE", &problem));
        }
        Ok(Self {
            access_tokens: AccessTokenConfig::from_env(env, &http)?,
            dir: std::path::absolute(dir).map_err(|e| invalid("GATEHOUSE_DEV_DIR", &e))?,
            openbao_port: env.parsed("GATEHOUSE_DEV_OPENBAO_PORT", 8200)?,
            openbao_cluster_port: env.parsed("GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT", 8201)?,
            postgres_port: env.parsed("GATEHOUSE_DEV_POSTGRES_PORT", 5433)?,
            openbao_bin: env.text("GATEHOUSE_DEV_OPENBAO_BIN").map(PathBuf::from),
            postgres_bin: env.text("GATEHOUSE_DEV_POSTGRES_BIN").map(PathBuf::from),
            http,
            limits: LimitConfig::from_env(env, LimitConfig::DEV)?,
            egress: egress_settings(env, DEV_ALLOW)?,
            lockbox: LockboxConfig::from_env(env)?,
            logs: LogConfig::from_env(env)?,
        })
    }

    /// The settings of the service itself.
    ///
    /// # Errors
    /// Where the secret is none.
    pub fn service(
        &self,
        bao: BaoConfig,
        db: db::Settings,
        audit: access_logs::Settings,
        signup_secret: &str,
        default_vendor: Namespace,
    ) -> Result<Config> {
        Ok(Config {
            audit: Some(audit),
            http: self.http.clone(),
            access_tokens: self.access_tokens.clone(),
            bao,
            db,
            signup_secrets: vec![signing_secret("GATEHOUSE_SIGNUP_SECRET", signup_secret)?],
            limits: self.limits,
            egress: self.egress.clone(),
            lockbox: self.lockbox,
            logs: self.logs,
            users: UserConfig {
                base_domain: None,
                default_vendor: Some(default_vendor),
                strength_waived: self.http.listen.ip().is_loopback(),
            },
            trial: false,
        })
    }
}
