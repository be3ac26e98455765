//! Fetches the key that a Connector signs with, from where the vendor says it is.

use std::time::Duration;

use serde::Deserialize;

use crate::egress::{Egress, FetchError};
use crate::types::{ApiEndpoint, SignatureKey};

/// For all of it, from the look-up of the name to the end of the answer. Connectors wait 5 seconds for what is shown to
/// them in the end.
const LIMIT: Duration = Duration::from_millis(3500);
const BODY_LIMIT: usize = 64 * 1024;

/// Why there is no key: fixed words, as they are shown. Nothing the endpoint said is in here.
pub(super) type Trouble = &'static str;

const NAME: Trouble = "The Connector's host name cannot be resolved.";
const ADDRESS: Trouble = "The Connector's address is one that this service may not connect to. Public https addresses are.";
const CONNECTION: Trouble = "The Connector cannot be reached, or has no valid certificate.";
const TIME: Trouble = "The Connector did not answer in time.";
const STATUS: Trouble = "The Connector answered with a redirect or an error.";
const FORM: Trouble = "What the Connector answered is no signature key.";

/// What a Connector answers. Other fields are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignatureKeyAnswer {
    signature_key: String,
}

/// Asks the Connector, once.
pub(super) async fn fetch(
    egress: &Egress,
    endpoint: &ApiEndpoint,
) -> Result<SignatureKey, Trouble> {
    let asking = async {
        let asked = egress.fetch(endpoint.key_url(), BODY_LIMIT);
        let body = asked.await.map_err(told)?;
        // Some sites begin everything with a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
        let answer: SignatureKeyAnswer = serde_json::from_slice(body).map_err(|_| FORM)?;
        SignatureKey::parse(&answer.signature_key).ok_or(FORM)
    };
    tokio::time::timeout(LIMIT, asking)
        .await
        .unwrap_or(Err(TIME))
}

fn told(error: FetchError) -> Trouble {
    match error {
        FetchError::Name => NAME,
        FetchError::Address => ADDRESS,
        FetchError::Connection => CONNECTION,
        FetchError::Time => TIME,
        FetchError::Status => STATUS,
        FetchError::Size => FORM,
    }
}
