//! The few calls to OpenBao.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;

use crate::base_url::BaseUrl;
use crate::credential::{Credential, Fields};
use crate::error::{Error, Result};
use crate::http::{Call, Client, Effort, Proof, Repeat};
use crate::names::PathPart;
use crate::secret::Secret;
use crate::settings::Settings;

/// OpenBao, as a holder of a token for one vendor's credentials sees it.
pub(super) struct Bao {
    client: Client,
    /// Where the mount lies.
    mount: BaseUrl,
    /// Where `auth/` lies, in the mount's namespace.
    root: BaseUrl,
}

/// A token's life.
pub(super) struct Life {
    /// What is left; `None` for ever.
    pub(super) remaining: Option<Duration>,
    /// What to ask for when renewing.
    pub(super) full: Option<Duration>,
    pub(super) renewable: bool,
    pub(super) accessor: Option<String>,
}

#[derive(Deserialize)]
struct ReadAnswer {
    data: Versioned,
}

#[derive(Deserialize)]
struct Versioned {
    data: Option<Fields>,
}

#[derive(Deserialize)]
struct LookUp {
    data: LookedUp,
}

#[derive(Deserialize)]
struct LookedUp {
    ttl: u64,
    accessor: Option<String>,
    #[serde(default)]
    creation_ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct Renewed {
    auth: Lease,
}

#[derive(Deserialize)]
struct Lease {
    lease_duration: u64,
}

impl Bao {
    pub(super) fn new(client: Client, mount: BaseUrl) -> Result<Self> {
        let root = mount.parent().ok_or_else(|| {
            Error::InvalidArgument(
                "the address of the credentials is {OpenBao}/v1/{vendor}-credentials".to_owned(),
            )
        })?;
        Ok(Self {
            client,
            mount,
            root,
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        self.client.settings()
    }

    pub(super) fn read(
        &self,
        key: PathPart<'_>,
        token: &Secret,
        effort: &Effort,
    ) -> Result<Credential> {
        let call = Call::get(&self.mount, &format!("secret/data/{}", key.as_str()));
        let answer: ReadAnswer = self.client.send(&call, &proof(token), effort)?.json()?;
        let fields = answer.data.data;
        fields
            .ok_or_else(|| Error::Malformed("it holds no credential".to_owned()))?
            .try_into()
    }

    pub(super) fn look_up(&self, token: &Secret, effort: &Effort) -> Result<Life> {
        let call = Call::get(&self.root, "auth/token/lookup-self");
        let LookUp { data } = self.client.send(&call, &proof(token), effort)?.json()?;
        let seconds = |n: u64| (n > 0).then(|| Duration::from_secs(n));
        Ok(Life {
            remaining: seconds(data.ttl),
            full: seconds(data.creation_ttl),
            renewable: data.renewable,
            accessor: data.accessor,
        })
    }

    /// Renews the token and gives what is left of its life then.
    pub(super) fn renew(
        &self,
        token: &Secret,
        increment: Option<Duration>,
        effort: &Effort,
    ) -> Result<Duration> {
        let body = match increment {
            Some(life) => json!({ "increment": format!("{}s", life.as_secs()) }),
            None => json!({}),
        };
        let renewed: Renewed = self
            .client
            .send(
                &self.post("auth/token/renew-self").json(&body)?,
                &proof(token),
                effort,
            )?
            .json()?;
        Ok(Duration::from_secs(renewed.auth.lease_duration))
    }

    pub(super) fn revoke(&self, token: &Secret, effort: &Effort) -> Result<()> {
        let call = self.post("auth/token/revoke-self").json(&json!({}))?;
        self.client.send(&call, &proof(token), effort).map(drop)
    }

    fn post(&self, path: &str) -> Call {
        Call::new(Method::POST, &self.root, path, Repeat::Safe)
    }
}

fn proof(token: &Secret) -> Proof {
    Proof::VaultToken(token.clone())
}
