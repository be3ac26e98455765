//! A test on its way: where it is, what it has passed, and the steps all protocols begin with.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Outcome, Passed, Step};
use crate::egress::{Egress, EgressError, TlsError};

/// A test on its way.
pub(super) struct Attempt<'a> {
    egress: &'a Egress,
    began: Instant,
    at: Step,
    since: Instant,
    passed: Vec<Passed>,
}

/// Why a test ends early.
pub(super) struct Failure {
    step: Step,
    detail: String,
}

impl Failure {
    pub fn new(step: Step, detail: impl Into<String>) -> Self {
        Self {
            step,
            detail: detail.into(),
        }
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::new(Step::Tls, error.to_string())
    }
}

impl From<EgressError> for Failure {
    fn from(error: EgressError) -> Self {
        let step = match error {
            EgressError::NameUnknown | EgressError::NameTimedOut => Step::Name,
            EgressError::AddressRefused => Step::AddressRefused,
            EgressError::ConnectionRefused
            | EgressError::ConnectTimedOut
            | EgressError::Unreachable => Step::Port,
            EgressError::NotWeb | EgressError::Outside(_) | EgressError::Client => Step::Protocol,
        };
        Self::new(step, error.to_string())
    }
}

impl<'a> Attempt<'a> {
    pub fn new(egress: &'a Egress) -> Self {
        let now = Instant::now();
        Self {
            egress,
            began: now,
            at: Step::Name,
            since: now,
            passed: Vec::new(),
        }
    }

    /// Where it is.
    pub fn at(&self) -> Step {
        self.at
    }

    /// The step before this one is passed.
    pub fn enter(&mut self, step: Step) {
        self.passed.push(Passed {
            step: self.at,
            duration_ms: millis(self.since.elapsed()),
        });
        self.at = step;
        self.since = Instant::now();
    }

    /// The steps `name` and `port`.
    pub async fn connect(&mut self, host: &str, port: u16) -> Result<TcpStream, Failure> {
        let addresses = self.egress.resolve(host, port).await?;
        self.enter(Step::Port);
        Ok(self.egress.dial(&addresses).await?)
    }

    /// The step `tls`.
    pub async fn tls<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, Failure> {
        self.enter(Step::Tls);
        self.handshake(host, stream).await
    }

    /// The handshake where the step `tls` has begun already.
    pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> Result<TlsStream<S>, Failure> {
        Ok(self.egress.tls(host, stream).await?)
    }

    /// How it ended: `None` where its time did.
    pub fn outcome(mut self, tried: Option<Result<String, Failure>>) -> Outcome {
        let (failed, detail) = match tried {
            Some(Ok(detail)) => {
                self.enter(self.at);
                (None, detail)
            }
            Some(Err(failure)) => (Some(failure.step), failure.detail),
            None => (Some(self.at), out_of_time(self.at).to_owned()),
        };
        Outcome {
            ok: failed.is_none(),
            failed,
            detail,
            duration_ms: millis(self.began.elapsed()),
            steps: self.passed,
        }
    }
}

fn out_of_time(at: Step) -> &'static str {
    match at {
        Step::Name | Step::AddressRefused => "the host name was not resolved in time",
        Step::Port => "the connection was not made in time",
        Step::Tls => "the server did not finish the TLS handshake in time",
        Step::Protocol => "the server did not answer in time",
        Step::Login => "the server did not answer the log-in in time",
        Step::Permission => "the server did not answer in time after the log-in",
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
