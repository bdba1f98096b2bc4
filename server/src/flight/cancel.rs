//! Cancelling a statement that is being fetched: the action `CancelFlightInfo`, and Flight SQL's older `CancelQuery`.
//!
//! Both bring the announcement that the statement was fetched by; the handle of a prepared statement that was fetched without
//! one will do as well. Who fetches sees `CANCELLED`; who cancels what does not run (any more) sees `NOT_FOUND`. Not here: how
//! rows stop ([`super::rows`]).

use arrow_flight::sql::{Any, Command};
use arrow_flight::{ActionType, CancelFlightInfoRequest, FlightInfo};
use prost::Message;
use tonic::Status;

use crate::http::problem::Kind;
use crate::identity::Identity;

use super::handle::Handle;
use super::running::Running;
use super::status;

/// The name of the action.
pub(super) const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// The action, for the list of actions.
pub(super) fn action() -> ActionType {
    let description = "Ends a statement whose rows are being fetched.\n\
                       Request Message: CancelFlightInfoRequest\nResponse Message: CancelFlightInfoResult";
    ActionType { r#type: CANCEL_FLIGHT_INFO.to_owned(), description: description.to_owned() }
}

/// Cancels what `asker` fetches by the tickets in `request`, a `CancelFlightInfoRequest`.
pub(super) fn request(running: &Running, asker: &Identity, request: &[u8]) -> Result<(), Status> {
    let request = CancelFlightInfoRequest::decode(request).map_err(|error| malformed(&error))?;
    info(running, asker, &request.info.unwrap_or_default())
}

/// The same for a `FlightInfo`.
pub(super) fn encoded(running: &Running, asker: &Identity, bytes: &[u8]) -> Result<(), Status> {
    info(running, asker, &FlightInfo::decode(bytes).map_err(|error| malformed(&error))?)
}

fn info(running: &Running, asker: &Identity, info: &FlightInfo) -> Result<(), Status> {
    let mut found = false;
    for ticket in info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.as_ref()) {
        found |= running.cancel(asker.principal(), &handle(&ticket.ticket)?);
    }
    match found {
        true => Ok(()),
        false => Err(status::from(Kind::NotFound.with("no statement of this key is being fetched by this ticket"))),
    }
}

fn handle(ticket: &[u8]) -> Result<Handle, Status> {
    let command = Any::decode(ticket).map_err(|error| malformed(&error))?;
    match Command::try_from(command) {
        Ok(Command::TicketStatementQuery(ticket)) => Handle::read(&ticket.statement_handle),
        Ok(Command::CommandPreparedStatementQuery(prepared)) => Handle::read(&prepared.prepared_statement_handle),
        _ => Err(status::from(Kind::Invalid.with("not a ticket of a statement"))),
    }
}

fn malformed(error: &prost::DecodeError) -> Status {
    status::from(Kind::Malformed.with(error.to_string()))
}
