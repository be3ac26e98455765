//! TLS of the listener: its certificate, which is read anew where its files change.
//!
//! TLS 1.2 and 1.3, HTTP/1.1. The files are looked at every two seconds. What cannot be used, as a certificate whose key
//! has not been written yet, changes nothing: the one before is served on, and the log says so once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use crate::config::TlsFiles;

const LOOK: Duration = Duration::from_secs(2);
/// Far more than a chain or a key has.
const LONGEST_FILE: u64 = 1024 * 1024;

/// Why a certificate cannot be served. The files' contents are not in here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, String),
    /// The chain is none.
    #[error("{0}: holds no certificate in PEM")]
    NoCertificate(PathBuf),
    /// The key is none.
    #[error("{0}: holds no private key in PEM")]
    NoKey(PathBuf),
    /// The two do not belong together, or are of a kind that cannot be served.
    #[error("the listener's certificate and key cannot be used: {0}")]
    Pair(String),
}

struct Loaded {
    /// Of both files.
    digest: [u8; 32],
    certificate: Arc<CertifiedKey>,
    ends_at: Timestamp,
}

/// The certificate as it is served now.
pub struct Served {
    files: TlsFiles,
    now: ArcSwap<Loaded>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.load().certificate))
    }
}

impl Served {
    /// Reads both files.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn read(files: TlsFiles) -> Result<Self, Unusable> {
        let now = ArcSwap::from_pointee(load(&files, &Contents::of(&files)?)?);
        Ok(Self { files, now })
    }

    /// When the certificate ends.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.now.load().ends_at
    }

    /// Serves what is in the files now; says whether that is another one.
    ///
    /// # Errors
    /// Names the file that cannot be used; nothing has changed then.
    pub fn read_again(&self) -> Result<bool, Unusable> {
        let found = Contents::of(&self.files)?;
        let changed = found.digest != self.now.load().digest;
        if changed {
            self.now.store(Arc::new(load(&self.files, &found)?));
        }
        Ok(changed)
    }

    /// Follows the files until the service stops.
    pub async fn follow(&self, stop: &CancellationToken) {
        let mut trouble = None;
        loop {
            metrics::gauge!("gatehouse_tls_certificate_ends_timestamp_seconds")
                .set(self.ends_at().as_duration().as_secs_f64());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let found = self.read_again();
            if let Ok(true) = found {
                tracing::info!(ends_at = %self.ends_at(), "The listener has another certificate");
            }
            let found = found.err();
            if let Some(unusable) = found.as_ref().filter(|_| found != trouble) {
                tracing::error!(
                    error.cause = %unusable,
                    "The listener's new certificate cannot be used; the one before is served on"
                );
            }
            trouble = found;
        }
    }
}

/// The settings of a listener.
///
/// # Errors
/// Where the cryptographic library lacks a version of TLS.
pub fn server_config(served: Arc<Served>) -> Result<ServerConfig, rustls::Error> {
    Ok(
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(served),
    )
}

/// Both files as they are.
struct Contents {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    digest: [u8; 32],
}

impl Contents {
    fn of(files: &TlsFiles) -> Result<Self, Unusable> {
        let (certificate, key) = (bytes_of(&files.certificate)?, bytes_of(&files.key)?);
        let both = [&certificate, &key].map(|file| Sha256::digest(file.as_slice()));
        Ok(Self {
            digest: Sha256::digest(both.concat()).into(),
            certificate,
            key,
        })
    }
}

fn load(files: &TlsFiles, contents: &Contents) -> Result<Loaded, Unusable> {
    let no_certificate = || Unusable::NoCertificate(files.certificate.clone());
    let chain =
        CertificateDer::pem_slice_iter(&contents.certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| no_certificate())?;
    let ends_at = ends_of(chain.first().ok_or_else(no_certificate)?)?;
    let key = PrivateKeyDer::from_pem_slice(&contents.key);
    let key = key.map_err(|_| Unusable::NoKey(files.key.clone()))?;
    let certificate = CertifiedKey::from_der(chain, key, &default_provider())
        .map_err(|error| Unusable::Pair(error.to_string()))?;
    Ok(Loaded {
        digest: contents.digest,
        certificate: Arc::new(certificate),
        ends_at,
    })
}

fn bytes_of(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    use std::io::Read;
    let unreadable = |error: std::io::Error| Unusable::File(path.to_owned(), error.to_string());
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn ends_of(certificate: &CertificateDer<'_>) -> Result<Timestamp, Unusable> {
    let odd = |what: String| Unusable::Pair(format!("the certificate cannot be read: {what}"));
    let certificate =
        x509_cert::Certificate::from_der(certificate).map_err(|error| odd(error.to_string()))?;
    let ends = certificate.tbs_certificate.validity.not_after;
    let seconds = i64::try_from(ends.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_err(|error| odd(error.to_string()))
}
