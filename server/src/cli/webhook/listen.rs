//! `tenantry webhook listen`: a receiver that verifies messages and prints them, to try endpoints with.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use clap::Args;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::cli::{Ended, runtime, stop};
use crate::webhooks::secret::Secret;
use crate::webhooks::signature::{ID, SIGNATURE, Secrets, TIMESTAMP};

/// Receive messages, verify them, and print one line for each
#[derive(Debug, Args)]
#[command(after_help = "\
Lines are the message's webhook-id, `verified` or why it is not believed, and its body. A node sends to this
machine only if it is told so: tenantry serve --set webhooks.networks=127.0.0.0/8 --set webhooks.plaintext=true

Examples:
  tenantry webhook listen --secret whsec_...
  tenantry webhook listen --status 500 --address 127.0.0.1:9001     an endpoint that takes nothing")]
pub(in crate::cli) struct Listen {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    address: SocketAddr,
    /// What messages are signed with; several times while one is rotated
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// What to answer with
    #[arg(long, default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..600))]
    status: u16,
    /// How long to listen [default: until Ctrl-C]
    #[arg(long)]
    seconds: Option<u64>,
}

struct Receiver {
    secrets: Option<Secrets>,
    status: StatusCode,
}

impl Listen {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let secrets: Vec<Secret> = self.secret.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        let secrets = if secrets.is_empty() { None } else { Some(Secrets::new(secrets)?) };
        let receiver = Arc::new(Receiver { secrets, status: StatusCode::from_u16(self.status)? });
        runtime()?.block_on(async {
            let listener = TcpListener::bind(self.address).await;
            let listener = listener.with_context(|| format!("can't listen at {}", self.address))?;
            writeln!(std::io::stderr(), "listening at http://{}", listener.local_addr()?)?;
            let router = Router::new().fallback(receive).with_state(receiver);
            let ends = async {
                match self.seconds {
                    Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                    // Without signals it goes on until it is killed.
                    None => drop(stop::asked().await),
                }
            };
            tokio::select! {
                served = axum::serve(listener, router) => served.map_err(anyhow::Error::from),
                () = ends => Ok(()),
            }
        })?;
        Ok(Ended::Well)
    }
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok()).unwrap_or("");
    let sent = (header(ID), header(TIMESTAMP), header(SIGNATURE));
    let verified = match &receiver.secrets {
        None => "not verified: give --secret".to_owned(),
        Some(secrets) => match secrets.verify(sent, &body, Timestamp::now().as_second()) {
            Ok(()) => "verified".to_owned(),
            Err(disbelief) => disbelief.to_string(),
        },
    };
    // Nobody may be reading any more.
    let _ = writeln!(std::io::stdout(), "{}\t{verified}\t{}", sent.0, String::from_utf8_lossy(&body));
    receiver.status
}
