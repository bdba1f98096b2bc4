//! TLS from PEM files, for the Postgres wire and for Flight, which shows the same certificate.
//!
//! Not here: when it is required (each door says so).

use std::path::Path;
use std::sync::Arc;

use datafusion_postgres::pgwire::tokio::TlsAcceptor;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::ServerConfig;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::crypto::ring;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::pem::PemObject;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::PostgresError;

/// An acceptor for the certificate chain and key in the two files that agrees to speak `protocol`; `None` if no files are
/// named.
pub(crate) fn acceptor(certificate: &Path, key: &Path, protocol: &[u8]) -> Result<Option<TlsAcceptor>, PostgresError> {
    if certificate.as_os_str().is_empty() {
        return Ok(None);
    }
    let fail = |file: &Path, reason: String| PostgresError::Tls { file: file.display().to_string(), reason };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail(certificate, error.to_string()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| fail(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| fail(key, error.to_string()))?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
