//! Limits and trust.

use std::time::Duration;

/// Longer limits count as this one, so that no sum of times overflows.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// How a client behaves. The defaults suit most. A limit of more than a year counts as a year.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long making a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// How long one attempt may take, from the look-up of the name to the last byte.
    pub attempt_timeout: Duration,
    /// How long a call may take, with all its attempts, its pauses and a log-in.
    pub total_timeout: Duration,
    /// How often a call that may be repeated is tried. 1 repeats nothing.
    pub attempts: u32,
    /// The pause after the first failed attempt. It doubles each time, up to 8 seconds.
    pub first_pause: Duration,
    /// The certificates to trust, as PEM. Without it those of the system, or of the file that `SSL_CERT_FILE` names.
    pub ca_pem: Option<String>,
    /// Whether `http://` is accepted for other hosts than this machine. Secrets then travel in the clear.
    pub allow_plain_http: bool,
}

impl Settings {
    /// With limits that can be added to the present time.
    pub(crate) fn bounded(self) -> Self {
        Self {
            connect_timeout: self.connect_timeout.min(LONGEST),
            attempt_timeout: self.attempt_timeout.min(LONGEST),
            total_timeout: self.total_timeout.min(LONGEST),
            ..self
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_mins(1),
            attempts: 4,
            first_pause: Duration::from_millis(250),
            ca_pem: None,
            allow_plain_http: false,
        }
    }
}
