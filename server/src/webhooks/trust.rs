//! Whose certificates are believed: those of whom this machine trusts, or of whom the operator names.
//!
//! Not here: which name a certificate has to be for (`connection`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where distributions keep the certificates that they trust.
const MACHINE_TRUSTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Endpoints whose sessions are taken up again.
const SESSIONS: usize = 1024;

/// There is nobody to trust.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct TrustError {
    /// Where they were looked for.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

/// How endpoints are recognised.
#[derive(Debug, Clone)]
pub struct Trust(pub(super) Arc<ClientConfig>);

impl Trust {
    /// Believes nobody: then messages can go without TLS only.
    pub fn nobody() -> Self {
        Self::of(RootCertStore::empty())
    }

    /// Believes those whose certificates are in the file `ca`, or those whom this machine trusts.
    ///
    /// # Errors
    /// If the file can't be read, or holds no certificate.
    pub fn open(ca: Option<&Path>) -> Result<Self, TrustError> {
        let machine = || MACHINE_TRUSTS.iter().map(PathBuf::from).find(|file| file.exists());
        let file = ca.map(Path::to_owned).or_else(machine).unwrap_or_else(|| MACHINE_TRUSTS[0].into());
        let fail = |reason: String| TrustError { file: file.display().to_string(), reason };
        let mut roots = RootCertStore::empty();
        let found = CertificateDer::pem_file_iter(&file).map_err(|error| fail(error.to_string()))?;
        // One that can't be read, in a bundle of many, is no reason to believe none.
        let (added, _) = roots.add_parsable_certificates(found.flatten());
        if added == 0 {
            return Err(fail("there is no certificate in it".to_owned()));
        }
        Ok(Self::of(roots))
    }

    fn of(roots: RootCertStore) -> Self {
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has what these versions need")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Self(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_trust_has_to_be_somebody() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nobody").unwrap();
        assert_eq!(Trust::open(Some(&empty)).unwrap_err().reason, "there is no certificate in it");
        assert!(Trust::open(Some(&folder.path().join("missing.pem"))).is_err());
    }
}
