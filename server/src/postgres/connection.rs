//! One connection from its first byte to its last: so long for TLS and login, so long for a message that was begun and for an
//! answer that nobody reads, so long without a statement; and no longer than its key is good (I13).
//!
//! The library's own loop has none of this, and goes on reading after a login that failed. Not here: who is let in
//! ([`super::startup`]), how long messages may be ([`super::lengths`]), what is answered to them ([`super::statements`]).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler, NoopHandler, PgWireConnectionState};
use datafusion_postgres::pgwire::error::PgWireError;
use datafusion_postgres::pgwire::messages::PgWireFrontendMessage;
use datafusion_postgres::pgwire::tokio::TlsAcceptor;
use datafusion_postgres::pgwire::tokio::server::{
    MaybeTls, PgWireMessageServerCodec, negotiate_tls, process_error, process_message,
};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, copy, sink};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::{Framed, FramedParts};

use crate::http::places::Place;
use crate::silence::{Patient, Silence};

use super::cancel::CancelStatements;
use super::lengths::{Lengths, Measured};
use super::session::Session;
use super::sqlstate::{SqlStates, fatal};
use super::startup::{self, Startup};
use super::statements::{Prepared, Statements};

/// How long a client that is hung up on has to take the reason, and what it was sending is taken in meanwhile: it would see a
/// reset instead.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// Bytes that are taken in at most.
const LINGER_BYTES_MAX: u64 = 64 << 20;

/// Limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the first byte to the login.
    pub(super) handshake_max: Duration,
    /// Without a byte while the node waits for one to come or to go.
    pub(super) silence_max: Duration,
    /// Between two statements.
    pub(super) idle_max: Duration,
    pub(super) lengths: Lengths,
}

type Socket = Framed<Measured<Patient<MaybeTls>>, PgWireMessageServerCodec<Prepared>>;

/// What answers the messages of one connection.
struct Handlers {
    session: Arc<Session>,
    startup: Arc<Startup>,
    statements: Arc<Statements>,
    cancel: Arc<CancelStatements>,
    /// Nobody copies in.
    copy: Arc<NoopHandler>,
}

impl Handlers {
    fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::clone(session),
            startup: Arc::new(Startup::new(Arc::clone(session))),
            statements: Arc::new(Statements(Arc::clone(session))),
            cancel: Arc::new(CancelStatements(Arc::clone(&session.door.registry))),
            copy: Arc::new(NoopHandler),
        }
    }
}

/// Serves `stream` until its client or a limit ends it. `place` is its place among those that have not logged in.
pub(super) async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    session: Arc<Session>,
    place: Arc<Place>,
    limits: Limits,
) -> io::Result<()> {
    let deadline = Instant::now() + limits.handshake_max;
    let handlers = Handlers::new(&session);
    let began = async {
        let Some(socket) = negotiate_tls(stream, Some(tls)).await? else { return Ok(None) };
        let mut socket = patient(socket, limits);
        while !session.is_admitted() {
            match socket.next().await {
                Some(Ok(PgWireFrontendMessage::Terminate(_))) | None => return Ok(None),
                Some(Ok(message)) => {
                    if !answer(&mut socket, &handlers, message).await? {
                        return Ok(None);
                    }
                }
                Some(Err(error)) => return broken(&mut socket, error).await.map(|()| None),
            }
        }
        Ok(Some(socket))
    };
    let began = tokio::select! {
        began = timeout_at(deadline, began) => began.unwrap_or(Ok(None)),
        () = place.given_up() => Ok(None),
    };
    let Some(mut socket) = began? else { return Ok(()) };
    drop(place);
    socket.get_mut().log_in();
    let ended = tokio::select! {
        biased;
        refusal = session.key_gone() => Some(startup::refuse(&refusal)),
        ended = converse(&mut socket, &handlers, limits.idle_max) => ended?,
    };
    match ended {
        Some(reason) => hang_up(&mut socket, reason).await,
        None => Ok(()),
    }
}

fn patient(socket: Framed<MaybeTls, PgWireMessageServerCodec<Prepared>>, limits: Limits) -> Socket {
    let silence = || Silence::new(limits.silence_max, Arc::default());
    let parts = socket.into_parts();
    let stream = Measured::new(Patient::new(parts.io, silence()), limits.lengths, silence(), &parts.read_buf);
    let mut measured = FramedParts::new(stream, parts.codec);
    (measured.read_buf, measured.write_buf) = (parts.read_buf, parts.write_buf);
    Framed::from_parts(measured)
}

/// Answers messages of a client that is let in; why it is to be hung up on, if it does not leave by itself.
async fn converse(socket: &mut Socket, handlers: &Handlers, idle_max: Duration) -> io::Result<Option<PgWireError>> {
    loop {
        match timeout(idle_max, socket.next()).await {
            Err(_) => {
                let told =
                    format!("no statement for {} ms, which is the limit (postgres.idle_ms_max)", idle_max.as_millis());
                return Ok(Some(fatal("57P05", told)));
            }
            Ok(Some(Ok(PgWireFrontendMessage::Terminate(_))) | None) => return Ok(None),
            Ok(Some(Ok(message))) => {
                if !answer(socket, handlers, message).await? {
                    return Ok(None);
                }
            }
            Ok(Some(Err(error))) => return broken(socket, error).await.map(|()| None),
        }
    }
}

/// Whether the connection goes on.
async fn answer(socket: &mut Socket, handlers: &Handlers, message: PgWireFrontendMessage) -> io::Result<bool> {
    let is_cancel = matches!(message, PgWireFrontendMessage::CancelRequest(_));
    let is_extended = match socket.state() {
        PgWireConnectionState::CopyInProgress(is_extended) => is_extended,
        _ => message.is_extended_query(),
    };
    let done = process_message(
        message,
        socket,
        Arc::clone(&handlers.startup),
        Arc::clone(&handlers.statements),
        Arc::clone(&handlers.statements),
        Arc::clone(&handlers.copy),
        Arc::clone(&handlers.cancel),
    );
    let Err(mut error) = done.await else { return Ok(!is_cancel) };
    SqlStates.on_error(socket, &mut error);
    let goes_on = handlers.session.is_admitted() && !matches!(&error, PgWireError::UserError(told) if told.is_fatal());
    process_error(socket, error, is_extended).await?;
    Ok(goes_on)
}

/// What can't be read ends the connection; a message that is too long is told so.
async fn broken(socket: &mut Socket, error: PgWireError) -> io::Result<()> {
    match socket.get_ref().too_long() {
        Some(too_long) => hang_up(socket, fatal("54000", too_long.to_string())).await,
        None => Err(io::Error::other(error)),
    }
}

/// Ends the connection with `reason`, if its client takes it.
async fn hang_up(socket: &mut Socket, reason: PgWireError) -> io::Result<()> {
    let told = async {
        process_error(socket, reason, true).await?;
        copy(&mut socket.get_mut().stream().take(LINGER_BYTES_MAX), &mut sink()).await
    };
    // Who takes neither the reason nor the time is not waited for.
    timeout(LINGER_MAX, told).await.map_or(Ok(()), |ended| ended.map(|_| ()))
}
