//! Small JSON documents from addresses that somebody else chose.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, USER_AGENT};
use url::Url;

use super::{Egress, EgressError};

/// Why a document did not come. Nothing that its host said is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The host's name has no address.
    Name,
    /// The host's address is one that the service may not connect to.
    Address,
    /// No connection, or none with a valid certificate.
    Connection,
    /// Not in time.
    Time,
    /// A redirect or an error.
    Status,
    /// More than what was asked for.
    Size,
}

impl From<EgressError> for FetchError {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::NameUnknown | EgressError::NameTimedOut => Self::Name,
            EgressError::AddressRefused | EgressError::Outside(_) | EgressError::NotWeb => {
                Self::Address
            }
            EgressError::ConnectTimedOut => Self::Time,
            EgressError::ConnectionRefused | EgressError::Unreachable | EgressError::Client => {
                Self::Connection
            }
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Time
        } else {
            Self::Connection
        }
    }
}

impl Egress {
    /// Fetches a document of at most `most` bytes, once. No redirect is followed, and no compressed answer is unpacked.
    /// How long it may take is the caller's to say.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch(&self, url: Url, most: usize) -> Result<Vec<u8>, FetchError> {
        let client = self.http_client(&url).await?;
        let request = client
            .get(url)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "Gatehouse");
        let mut answer = request.send().await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > most {
                return Err(FetchError::Size);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
