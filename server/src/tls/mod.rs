//! TLS for the Postgres wire and for Flight, with the certificate that is configured; the Postgres wire has one of the node's
//! own else.
//!
//! Not here: when it is required (each door says so), how the node's own is made ([`self_signed`]).

mod self_signed;

use std::path::Path;
use std::sync::Arc;

use datafusion_postgres::pgwire::tokio::TlsAcceptor;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::ServerConfig;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::crypto::ring as provider;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ring::digest;
use x509_certificate::{SignatureAlgorithm, X509Certificate};

use crate::config;

/// Folder, inside the data folder, of the certificate that the node makes itself.
const FOLDER: &str = "tls";

/// Certificate or key can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct TlsError {
    /// Which file.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What connections are encrypted with.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The hash by which a login can be bound to the certificate (RFC 5929, `tls-server-end-point`), if there is one.
    pub(crate) end_point: Option<Vec<u8>>,
}

impl Tls {
    /// For connections that agree to speak `protocol`; a certificate that is not configured is kept in `data`.
    pub(crate) fn open(options: &config::Tls, data: &Path, protocol: &str) -> Result<Self, TlsError> {
        if let Some(configured) = Self::configured(options, protocol)? {
            return Ok(configured);
        }
        let folder = data.join(FOLDER);
        let pair = self_signed::pair(&folder).map_err(|error| fail(&folder, error.to_string()))?;
        Self::load(&pair.certificate, &pair.key, protocol)
    }

    /// The same, but `None` if no certificate is configured.
    pub(crate) fn configured(options: &config::Tls, protocol: &str) -> Result<Option<Self>, TlsError> {
        if options.certificate.as_os_str().is_empty() {
            return Ok(None);
        }
        Self::load(&options.certificate, &options.key, protocol).map(Some)
    }

    fn load(certificate: &Path, key: &Path, protocol: &str) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| fail(certificate, error.to_string()))?;
        let own = chain.first().ok_or_else(|| fail(certificate, "there is no certificate in it".to_owned()))?;
        let sha256 = hexadecimal(digest::digest(&digest::SHA256, own).as_ref());
        tracing::info!(certificate = %certificate.display(), sha256, protocol, "a door speaks TLS");
        let end_point = end_point(own);
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| fail(key, error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fail(certificate, error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| fail(key, error.to_string()))?;
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), end_point })
    }
}

/// With the hash of the certificate's own signature, but never with a broken one. Other signatures have none that clients
/// agree on.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match X509Certificate::from_der(certificate).ok()?.signature_algorithm()? {
        SignatureAlgorithm::RsaSha1 | SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::EcdsaSha256 => {
            &digest::SHA256
        }
        SignatureAlgorithm::RsaSha384 | SignatureAlgorithm::EcdsaSha384 => &digest::SHA384,
        SignatureAlgorithm::RsaSha512 => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

fn fail(file: &Path, reason: String) -> TlsError {
    TlsError { file: file.display().to_string(), reason }
}

/// As other tools print fingerprints.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
