//! TLS to peers that somebody else chose: whom to trust, and what a failed handshake says.

use std::sync::{Arc, LazyLock};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::without_brackets;

/// Why there is no TLS to a peer. Its certificate's texts are not in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No certificate can be for such a name.
    #[error("no certificate can be for this host name")]
    NoServerName,
    /// Signed by nobody we trust.
    #[error("the certificate is not signed by an authority this service trusts")]
    UnknownIssuer,
    /// Not valid today.
    #[error("the certificate has expired, or is not valid yet")]
    Expired,
    /// Of another host.
    #[error("the certificate is for another host name")]
    OtherName,
    /// Wrong in another way.
    #[error("the certificate is not valid")]
    Certificate,
    /// What answers speaks something else.
    #[error("what answers at this port does not speak TLS")]
    NotTls,
    /// The peer does not like our side: versions, ciphers, or that we have no certificate.
    #[error("the server refused the TLS handshake")]
    Refused,
    /// The connection ended during the handshake.
    #[error("the connection ended during the TLS handshake")]
    Ended,
}

/// Reads the authorities of a PEM bundle.
///
/// # Errors
/// Where there is none in it, or one cannot be read.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(pem) {
        let cert = cert.map_err(|_| "is not PEM")?;
        roots
            .add(cert)
            .map_err(|_| "holds a certificate that cannot be an authority's")?;
    }
    if roots.is_empty() {
        return Err("holds no certificate");
    }
    Ok(roots)
}

/// What all handshakes have in common: the platform's authorities and the operator's own.
pub(super) fn config(own: &RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = PLATFORM.clone();
    roots.extend(own.roots.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A resumed session would skip the certificate, which a test is to look at each time.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Read once. Where the platform has none, every certificate but those of the operator's authorities is refused.
static PLATFORM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!(
            "This machine has no authorities to trust: TLS to outside services will fail"
        );
    }
    roots
});

/// The client's side of a handshake.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ClientConfig>,
    host: &str,
    stream: S,
) -> Result<TlsStream<S>, TlsError> {
    let name = ServerName::try_from(without_brackets(host).to_owned())
        .map_err(|_| TlsError::NoServerName)?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
        .map_err(|error| TlsError::of(&error).unwrap_or(TlsError::Ended))
}

impl TlsError {
    /// What an error of a connection says about TLS, where it does.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => Self::Refused,
            _ => Self::NotTls,
        })
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherName
            }
            _ => Self::Certificate,
        }
    }
}
