//! What a ticket or the handle of a prepared statement says: the statement and the values bound to it.
//!
//! It is no secret and no permission: whoever presents it is asked for a key and gets it planned over its own views (I6).

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use arrow_flight::utils::batches_to_flight_data;
use prost::Message;
use tonic::Status;

use crate::http::problem::{Kind, Problem};

use super::{messages, status};

/// A statement on its way through the client.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Handle {
    /// As it was written.
    #[prost(string, tag = "1")]
    pub(super) sql: String,
    /// Schema and one row, a column a parameter; empty if none are bound.
    #[prost(message, repeated, tag = "2")]
    parameters: Vec<FlightData>,
    /// Tells a ticket from others of the same statement; 0 for a prepared statement, which any number of calls may fetch.
    #[prost(uint64, tag = "3")]
    number: u64,
}

impl Handle {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }

    /// Reads what [`Handle::encode_to_vec`] wrote, as far as clients let it be.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Status> {
        let unknown = "not a handle of a statement: prepare it again";
        Self::decode(bytes).map_err(|_| status::from(Kind::Invalid.with(unknown)))
    }

    /// The same statement with the values of `row` bound.
    pub(super) fn bind(self, row: RecordBatch) -> Result<Self, ArrowError> {
        let parameters = batches_to_flight_data(&row.schema(), vec![row])?;
        Ok(Self { parameters, ..self })
    }

    /// The same statement in a ticket of its own.
    pub(super) fn numbered(&self, number: u64) -> Self {
        Self { number, ..self.clone() }
    }

    /// The bound row, if there is one.
    pub(super) fn parameters(&self) -> Result<Option<RecordBatch>, Problem> {
        Ok(messages::all(&self.parameters)?.pop().filter(|row| row.num_rows() == 1))
    }
}
