//! The certificate of a node that was given none: made at its first start, signed by itself, kept in the data folder.
//!
//! Clients can't check it against an authority, but can be given it (`sslrootcert`), and SCRAM binds a login to it. Not
//! here: what is done with it ([`super::tls`]).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair};

/// Names under which a client on the same machine may check it; of others the node knows nothing.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The key is its owner's only.
const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;

/// PEM files of a certificate and its key.
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The pair in `folder`, made now unless it is there.
pub(super) fn pair(folder: &Path) -> io::Result<Pair> {
    let pair = Pair { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
    if pair.certificate.exists() && pair.key.exists() {
        return Ok(pair);
    }
    let (certificate, key) = generate().map_err(io::Error::other)?;
    fs::create_dir_all(folder)?;
    // The certificate comes last: one that is there has its key beside it, whenever the node was stopped.
    match fs::remove_file(&pair.certificate) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    put(&pair.key, KEY_MODE, &key)?;
    put(&pair.certificate, CERTIFICATE_MODE, &certificate)?;
    Ok(pair)
}

fn generate() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(NAMES.map(str::to_owned))?;
    parameters.distinguished_name.push(DnType::CommonName, "tenantry, signed by itself");
    Ok((parameters.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Puts a whole file in place, never half of one.
fn put(path: &Path, mode: u32, content: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_pair_is_made_once_and_its_key_is_the_owners_only() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tls");
        let first = pair(&folder).unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let (certificate, key) = (read(&first.certificate), read(&first.key));
        assert_eq!(fs::metadata(&first.key).unwrap().permissions().mode() & 0o777, KEY_MODE);
        pair(&folder).unwrap();
        assert_eq!((read(&first.certificate), read(&first.key)), (certificate.clone(), key.clone()));

        fs::remove_file(&first.key).unwrap();
        pair(&folder).unwrap();
        assert!(read(&first.certificate) != certificate && read(&first.key) != key, "half a pair is none");
    }
}
