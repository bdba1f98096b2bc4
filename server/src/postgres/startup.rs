//! How a connection begins: with a proof of an API key, which decides whose rows are seen (I6).
//!
//! The user is a tenant, or `platform`, and the password one of its keys. A key is proved by SCRAM, which never sends it. A
//! tenant that has a key from before there were verifiers is asked for the key itself until that is rotated.
//!
//! Every refusal here is `FATAL`, which closes the connection; keys are never logged (I12). Not here: what a key is and how
//! it is checked (`identity`), SCRAM's messages ([`super::scram`]).

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use datafusion_postgres::pgwire::api::{ClientInfo, METADATA_USER, PgWireConnectionState};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::{Authentication, PasswordMessageFamily};
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use engine::lock::Lock;
use futures::{Sink, SinkExt};

use crate::identity::{self, Identity, Refusal, Scope};
use crate::permits::Full;

use super::scram::{self, Challenge, SCRAM, SCRAM_PLUS};
use super::session::Session;
use super::settings::SERVER_VERSION;
use super::sqlstate::fatal;

/// Begins the connection of a [`Session`].
pub(super) struct Startup {
    session: Arc<Session>,
    login: Lock<Login>,
}

/// What the client has to send next.
#[derive(Debug, Default)]
enum Login {
    /// Nothing: it has not begun, or is through.
    #[default]
    Closed,
    /// Its key.
    Key,
    /// The begin of a SCRAM exchange.
    First,
    /// Its proof.
    Proof(Challenge),
}

impl Startup {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, login: Lock::default() }
    }
}

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
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                self.refuse_open_wire(client)?;
                client.set_state(PgWireConnectionState::AuthenticationInProgress);
                let question = self.ask(client);
                client.send(PgWireBackendMessage::Authentication(question)).await?;
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let expected = std::mem::take(&mut *self.login.lock());
                match expected {
                    Login::Closed => return Err(fatal("08P01", "nothing was asked for")),
                    Login::Key => {
                        let key = message.into_password()?.password;
                        let identity = identity::identify(&self.session.door.node.tenants, &key);
                        let identity = identity.map_err(|refusal| refuse(&refusal))?;
                        check_user(client, &identity)?;
                        self.admit(client, identity).await?;
                    }
                    Login::First => {
                        let challenge = self.challenge(client, message)?;
                        let text = challenge.message().to_owned().into();
                        *self.login.lock() = Login::Proof(challenge);
                        client.send(PgWireBackendMessage::Authentication(Authentication::SASLContinue(text))).await?;
                    }
                    Login::Proof(challenge) => {
                        let answer = challenge.answer(&message.into_sasl_response()?.data).map_err(refuse_exchange)?;
                        let tenants = &self.session.door.node.tenants;
                        let proved = identity::prove(tenants, user(client), answer.message.as_bytes(), &answer.proof);
                        let (identity, signature) = proved.map_err(|refusal| refuse(&refusal))?;
                        let signed = Authentication::SASLFinal(scram::signed(&signature).into());
                        client.feed(PgWireBackendMessage::Authentication(signed)).await?;
                        self.admit(client, identity).await?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Startup {
    fn refuse_open_wire<C: ClientInfo>(&self, client: &C) -> PgWireResult<()> {
        let protected = client.is_secure() || client.socket_addr().ip().to_canonical().is_loopback();
        if protected || self.session.door.plaintext_remote {
            return Ok(());
        }
        Err(fatal(
            "28000",
            "the connection is not encrypted: connect with sslmode=require, or set postgres.plaintext_remote if the \
             network protects it",
        ))
    }

    /// What the client is asked for: a proof, also of a user that there is not, unless the user has a key that is too old.
    fn ask<C: ClientInfo>(&self, client: &C) -> Authentication {
        let (login, question) = if self.session.door.node.tenants.takes_proofs(user(client)) {
            let plus = self.end_point(client).map(|_| SCRAM_PLUS);
            (Login::First, Authentication::SASL(plus.into_iter().chain([SCRAM]).map(str::to_owned).collect()))
        } else {
            (Login::Key, Authentication::CleartextPassword)
        };
        *self.login.lock() = login;
        question
    }

    fn challenge<C: ClientInfo>(&self, client: &C, message: PasswordMessageFamily) -> PgWireResult<Challenge> {
        let first = message.into_sasl_initial_response()?;
        let mut random = [0; 18];
        getrandom::fill(&mut random)
            .map_err(|error| fatal("58000", format!("the machine has no randomness: {error}")))?;
        let salt = actors::scram::salt(user(client));
        let data = first.data.unwrap_or_default();
        Challenge::new(&first.auth_method, &data, self.end_point(client), salt, random).map_err(refuse_exchange)
    }

    /// To what a proof on this connection can be bound.
    fn end_point<C: ClientInfo>(&self, client: &C) -> Option<&[u8]> {
        self.session.door.end_point.as_deref().filter(|_| client.is_secure())
    }

    async fn admit<C>(&self, client: &mut C, identity: Identity) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        may_ask(&identity)?;
        let place = self.session.door.sessions.take(&identity.visibility()).map_err(no_room)?;
        let registry = Arc::clone(&self.session.door.registry);
        let (pid, secret) = registry.issue(&*client);
        client.set_pid_and_secret_key(pid, secret.clone());
        self.session.admit(identity, place, |running| registry.register(pid, secret, running))?;
        let mut parameters = DefaultServerParameterProvider::default();
        parameters.server_version = SERVER_VERSION.to_owned();
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        finish_authentication(client, &parameters).await
    }
}

/// Refuses a key that may not query.
pub(super) fn may_ask(identity: &Identity) -> PgWireResult<()> {
    identity.require(Scope::Query).map_err(|refusal| fatal("42501", refusal.to_string()))
}

/// A caller without a good key.
pub(super) fn refuse(refusal: &Refusal) -> PgWireError {
    fatal("28P01", refusal.to_string())
}

/// There are as many sessions as there may be.
fn no_room(full: Full) -> PgWireError {
    let told = match full {
        Full::Tenant(limit) => format!(
            "too many connections: {limit} of this tenant are open, which is its share (postgres.tenant_connections_max)"
        ),
        Full::Node(_) => "too many connections (postgres.connections_max); try again later".to_owned(),
    };
    fatal("53300", told)
}

fn refuse_exchange(error: scram::ScramError) -> PgWireError {
    fatal("28000", error.to_string())
}

fn user<C: ClientInfo>(client: &C) -> &str {
    client.metadata().get(METADATA_USER).map_or("", String::as_str)
}

fn check_user<C: ClientInfo>(client: &C, identity: &Identity) -> PgWireResult<()> {
    let right = identity.tenant();
    if user(client) == right {
        return Ok(());
    }
    Err(fatal("28000", format!("this key belongs to {right}: connect with user={right}")))
}
