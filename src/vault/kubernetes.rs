//! Kubernetes: how the service logs in with the token of its pod's service account.

use std::path::PathBuf;

use serde::de::IgnoredAny;

use super::call::Call;
use super::client::Handle;
use super::tokens::Auth;
use super::{Result, token_file};

/// A role of OpenBao's Kubernetes method.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    /// Where the method is mounted, below `auth/`.
    pub mount: String,
    /// The role.
    pub role: String,
    /// The service account's token. The kubelet replaces it before its end, so it is read at each log-in.
    pub token_file: PathBuf,
}

impl Kubernetes {
    /// `POST auth/<mount>/login`.
    ///
    /// # Errors
    /// Where the file cannot be read, OpenBao refuses the token or the role, or does not answer.
    pub async fn login(&self, handle: &Handle) -> Result<Auth> {
        let token = token_file(&self.token_file).await?;
        let body = serde_json::json!({ "role": self.role, "jwt": token.expose() });
        let path = format!("auth/{}/login", self.mount);
        handle
            .send::<IgnoredAny>(Call::post(path, &body))
            .await?
            .into_auth()
    }
}
