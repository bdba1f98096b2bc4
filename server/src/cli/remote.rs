//! A running node, over its HTTP API, within TLS if its URL says so.
//!
//! Not here: what is asked ([`super::api`]).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use datafusion_postgres::pgwire::tokio::tokio_rustls::rustls::crypto::ring as provider;
use ureq::Agent;
use ureq::http::Request as HttpRequest;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::api::Request;
use super::problem::Problem;
use super::site::{broken_off, seconds};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence of a node that is asked something: statements may take long, and a definition computes its history.
const SILENCE_MAX: Duration = Duration::from_secs(600);
/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Where distributions keep the certificates that they trust.
const MACHINE_TRUSTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A node that answers HTTP.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    agent: Agent,
    base: String,
    key: String,
}

impl Remote {
    /// The node at `url`, asked with `key`; within TLS its certificate is from who `ca` names, or whom this machine trusts.
    ///
    /// # Errors
    /// If `url` is neither an `http://` nor an `https://` one, or there are no certificates to trust.
    pub(super) fn new(url: &str, key: &str, ca: Option<&Path>) -> anyhow::Result<Self> {
        let tls = match url {
            url if url.starts_with("https://") => trusted(ca)?,
            url if url.starts_with("http://") => TlsConfig::default(),
            _ => anyhow::bail!("--url {url}: expected http://HOST:PORT or https://HOST:PORT"),
        };
        // Statuses carry problems, which are read here rather than by the library.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(SILENCE_MAX))
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base: url.trim_end_matches('/').to_owned(), key: key.to_owned() })
    }

    /// Asks for `request` and gives the answer's bytes to `take` as they come.
    ///
    /// # Errors
    /// A [`Problem`] if it is refused; anything else if the node can't be reached, the answer breaks off or `take` fails.
    pub(super) fn ask(
        &self,
        request: &Request,
        take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let builder = HttpRequest::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.base, request.path))
            .header("authorization", format!("Bearer {}", self.key));
        let answered = match &request.body {
            None => self.agent.run(builder.body(())?),
            Some(body) => self.agent.run(builder.header(CONTENT_TYPE, request.media).body(body.as_slice())?),
        };
        let unreachable = |error| {
            let reason = match error {
                ureq::Error::Io(error) => error.to_string(),
                other => other.to_string(),
            };
            anyhow::anyhow!("no answer from {}: {reason}; is the node running there?", self.base)
        };
        let answered = answered.map_err(unreachable)?;
        let status = answered.status();
        let retry_after = seconds(answered.headers().get(RETRY_AFTER));
        let mut body = answered.into_body().into_reader();
        if !status.is_success() {
            let mut told = Vec::new();
            body.read_to_end(&mut told).map_err(|error| broken_off(&error))?;
            return Err(Problem::read(status.as_u16(), retry_after, &told).into());
        }
        let mut bytes = vec![0; READ_BYTES];
        loop {
            match body.read(&mut bytes).map_err(|error| broken_off(&error))? {
                0 => return Ok(()),
                read => take(&bytes[..read])?,
            }
        }
    }
}

/// Trusts the certificates in the file `ca`, or those that this machine keeps.
fn trusted(ca: Option<&Path>) -> anyhow::Result<TlsConfig> {
    let file =
        match ca {
            Some(file) => file.to_owned(),
            None => MACHINE_TRUSTS.iter().map(PathBuf::from).find(|file| file.exists()).context(
                "this machine keeps no certificates that it trusts where they are looked for; give --ca FILE",
            )?,
        };
    let pem = std::fs::read(&file).with_context(|| format!("--ca {}", file.display()))?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    if certificates.is_empty() {
        anyhow::bail!("--ca {}: there is no certificate in it", file.display());
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(Arc::new(provider::default_provider()))
        .build())
}
