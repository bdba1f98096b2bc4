//! Endpoints within TLS, and those who only seem to be one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use server::webhooks::answer::{Outcome, Reason};
use server::webhooks::exchange::Exchange;
use server::webhooks::trust::Trust;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::endpoint::{self, Names, Step, Told, answer, limits, message, rules, trust};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn trust(&self) -> Trust {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, self.issuer.pem()).unwrap();
        Trust::open(Some(&file)).unwrap()
    }

    fn certify(&self, names: &[&str], years: (i32, i32)) -> TlsAcceptor {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap();
        let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], secret)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A port at which `acceptor` serves for as long as the set lives.
async fn serve(acceptor: TlsAcceptor) -> (u16, Arc<Told>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, told, mut task) = (listener.local_addr().unwrap().port(), Arc::<Told>::default(), JoinSet::new());
    let heard = Arc::clone(&told);
    task.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
            connections.spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                heard.connections.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let fine = |_| Step::Answer(answer("200 OK", "", "within TLS"));
                _ = endpoint::serve(stream, &fine, &heard).await;
            });
        }
    });
    (port, told, task)
}

fn sender(trust: Trust) -> Exchange {
    Exchange::new(rules(), limits(), trust, Names::new(|_: &str, _| Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])))
}

#[tokio::test]
async fn who_has_a_certificate_for_its_name_is_believed() {
    let authority = Authority::new();
    let (port, told, _task) = serve(authority.certify(&["hooks.example", "127.0.0.1"], (2020, 2090))).await;
    let sender = sender(authority.trust());
    for host in ["hooks.example", "HOOKS.example", "hooks.example.", "127.0.0.1", "0x7f.1"] {
        for _ in 0..2 {
            let attempt = sender.post(&message(format!("https://{host}:{port}/hook"))).await;
            assert_eq!((attempt.outcome, attempt.answer.as_str()), (Outcome::Delivered, "within TLS"), "{host}");
        }
    }
    assert_eq!((told.connections(), told.requests()), (3, 10), "one for each way to write it that means another");
}

#[tokio::test]
async fn who_has_none_is_not() {
    let authority = Authority::new();
    let wrong = Outcome::Failed(Reason::Tls);
    let cases = [
        ("an authority that nobody knows", authority.certify(&["hooks.example"], (2020, 2090)), trust()),
        ("another name", authority.certify(&["other.example"], (2020, 2090)), authority.trust()),
        ("long ago", authority.certify(&["hooks.example"], (2010, 2011)), authority.trust()),
        ("not yet", authority.certify(&["hooks.example"], (2080, 2081)), authority.trust()),
    ];
    for (what, acceptor, trust) in cases {
        let (port, told, _task) = serve(acceptor).await;
        let attempt = sender(trust).post(&message(format!("https://hooks.example:{port}/hook"))).await;
        assert_eq!((attempt.outcome, told.requests()), (wrong, 0), "{what}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut task = JoinSet::new();
    task.spawn(async move {
        for text in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    for what in ["no TLS", "nothing"] {
        let attempt = sender(authority.trust()).post(&message(format!("https://hooks.example:{port}/"))).await;
        assert_eq!(attempt.outcome, wrong, "{what}");
    }
}
