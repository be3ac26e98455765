//! The connection test: tries a credential against the service it is for, and tells which step fails.
//!
//! What it says is made of fixed texts and the numbers of the protocol. Nothing the peer sent and no value of the
//! credential is repeated: the peer may be anybody, and the outcome is shown, stored and logged.

mod attempt;
mod control;
mod exchange;
mod ftp;
mod http;
mod s3;
mod sigv4;
mod slots;

use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::models::Credential;
use crate::egress::Egress;
use attempt::Attempt;

pub use slots::Slots;

/// How long a whole test may take: less than a request, which reads the credential first.
const LIMIT: Duration = Duration::from_secs(6);

/// How a test ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether every step was passed.
    pub ok: bool,
    /// The step that was not.
    #[schema(required)]
    pub failed: Option<Step>,
    /// What happened, in words.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The steps that were passed, in their order.
    pub steps: Vec<Passed>,
}

/// A step of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Finding the host's addresses.
    Name,
    /// Fails in place of `name` where the host has an address that the service may not connect to.
    AddressRefused,
    /// Connecting to the port.
    Port,
    /// Agreeing on TLS, with a certificate that holds.
    Tls,
    /// Speaking the protocol at all.
    Protocol,
    /// Being let in.
    Login,
    /// Being allowed to do something there.
    Permission,
}

/// A step that was passed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// Which.
    pub step: Step,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Tests a credential, within six seconds. `None` for the type `generic`, which says nothing of a service.
pub async fn probe(egress: &Egress, credential: &Credential) -> Option<Outcome> {
    probe_within(LIMIT, egress, credential).await
}

/// As [`probe`], with another limit.
pub async fn probe_within(
    limit: Duration,
    egress: &Egress,
    credential: &Credential,
) -> Option<Outcome> {
    let mut attempt = Attempt::new(egress);
    let tried = match credential {
        Credential::Ftp(ftp) => timeout(limit, ftp::test(&mut attempt, ftp)).await,
        Credential::S3(s3) => timeout(limit, s3::test(&mut attempt, s3)).await,
        Credential::Http(http) => timeout(limit, http::test(&mut attempt, http)).await,
        Credential::Generic(_) => return None,
    };
    Some(attempt.outcome(tried.ok()))
}
