//! The keyword arguments that every way to a client has.

use std::time::Duration;

use gatehouse_client::{Error, Settings};
use pyo3::prelude::*;

use crate::errors;

/// What was given.
pub(crate) struct Given {
    pub(crate) ca_pem: Option<String>,
    pub(crate) connect_timeout: Option<f64>,
    pub(crate) attempt_timeout: Option<f64>,
    pub(crate) total_timeout: Option<f64>,
    pub(crate) attempts: Option<u32>,
    pub(crate) allow_plain_http: bool,
}

impl Given {
    /// The settings, with defaults for what was not given.
    pub(crate) fn settings(self, py: Python<'_>) -> PyResult<Settings> {
        let mut settings = Settings {
            ca_pem: self.ca_pem,
            allow_plain_http: self.allow_plain_http,
            ..Settings::default()
        };
        for (limit, given) in [
            (&mut settings.connect_timeout, self.connect_timeout),
            (&mut settings.attempt_timeout, self.attempt_timeout),
            (&mut settings.total_timeout, self.total_timeout),
        ] {
            if let Some(seconds) = given {
                *limit = duration(seconds).map_err(|error| errors::raised(py, &error))?;
            }
        }
        settings.attempts = self.attempts.unwrap_or(settings.attempts);
        Ok(settings)
    }
}

fn duration(seconds: f64) -> Result<Duration, Error> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) if !limit.is_zero() && limit < Duration::from_hours(24) => Ok(limit),
        _ => Err(Error::InvalidArgument(
            "a time limit is more than 0 seconds and less than a day".to_owned(),
        )),
    }
}
