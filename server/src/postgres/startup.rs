//! How a connection begins: the API key arrives as password and decides whose rows are seen (I6).
//!
//! Every refusal here is `FATAL`, which closes the connection; the key itself is never logged (I12). Not here: what a key
//! is and how it is checked (`identity`).

use std::fmt::Debug;
use std::sync::Arc;

use actors::PLATFORM;
use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::{ClientInfo, METADATA_USER, PgWireConnectionState};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::Authentication;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::{Sink, SinkExt};
use pipelines::catalog::Visibility;

use crate::identity::{self, Refusal, Scope};

use super::Door;
use super::session::Session;
use super::sqlstate::fatal;

/// Begins the connection of a [`Session`].
pub(super) struct Startup(pub(super) Arc<Session>);

#[async_trait]
impl StartupHandler for Startup {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(ref startup) => {
                if self.0.full {
                    return Err(fatal("53300", "too many connections (postgres.connections_max); try again later"));
                }
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                self.refuse_open_wire(client)?;
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                client.send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword)).await?;
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let key = message.into_password()?.password;
                let visibility = identify(&self.0.door, &key)?;
                check_user(client, &visibility)?;
                let registry = Arc::clone(&self.0.door.registry);
                let (pid, secret) = registry.issue(&*client);
                client.set_pid_and_secret_key(pid, secret.clone());
                self.0.admit(key, visibility, |running| registry.register(pid, secret, running))?;
                let mut parameters = DefaultServerParameterProvider::default();
                parameters.is_superuser = false;
                parameters.default_transaction_read_only = true;
                finish_authentication(client, &parameters).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Startup {
    fn refuse_open_wire<C: ClientInfo>(&self, client: &C) -> PgWireResult<()> {
        let protected = client.is_secure() || client.socket_addr().ip().to_canonical().is_loopback();
        if protected || self.0.door.plaintext_remote {
            return Ok(());
        }
        Err(fatal(
            "28000",
            "the API key would cross the network in clear: connect with sslmode=require, or set \
             postgres.plaintext_remote if the network protects it",
        ))
    }
}

/// Whose rows `key` shows, if it is good now and may query.
pub(super) fn identify(door: &Door, key: &str) -> PgWireResult<Visibility> {
    let refuse = |refusal: Refusal| match refusal {
        Refusal::Scope(_) => fatal("42501", refusal.to_string()),
        other => fatal("28P01", other.to_string()),
    };
    let identity = identity::identify(&door.node.tenants, key).map_err(refuse)?;
    identity.require(Scope::Query).map_err(refuse)?;
    Ok(identity.visibility())
}

fn check_user<C: ClientInfo>(client: &C, visibility: &Visibility) -> PgWireResult<()> {
    let right = visibility.tenant().unwrap_or(PLATFORM);
    match client.metadata().get(METADATA_USER) {
        Some(user) if user == right => Ok(()),
        _ => Err(fatal("28000", format!("this key belongs to {right}: connect with user={right}"))),
    }
}
