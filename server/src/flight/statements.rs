//! Statements and prepared statements: planned to announce their columns, planned again to give their rows.
//!
//! Not here: what may be said at all (`pipelines::catalog` verifies it), the encoding of rows ([`super::rows`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::sql::{ActionCreatePreparedStatementResult, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use pipelines::catalog::{CatalogError, Visibility};
use pipelines::plain;
use prost::Message;
use prost::bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tonic::{Response, Status};

use crate::http::problem::{Kind, Problem};
use crate::identity::Identity;
use crate::query::{self, Failure, Query};

use super::handle::Handle;
use super::rows::{self, Messages};
use super::{Door, parameters, status};

/// The columns of a statement, and the ticket that gets its rows.
pub(super) async fn info(
    door: &Door,
    asker: &Identity,
    handle: &Handle,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let frame = announced(door, asker, handle).await?;
    let handle = handle.numbered(door.running.number());
    let ticket = TicketStatementQuery { statement_handle: handle.encode_to_vec().into() };
    announce(columns(&frame), &ticket, descriptor)
}

/// The rows of a statement.
pub(super) async fn run(door: &Door, asker: &Identity, handle: &Handle) -> Result<Response<Messages>, Status> {
    let visibility = asker.visibility();
    let named = query::Asker { visibility: &visibility, principal: asker.principal() };
    let begun = door.queries.begin(query::Door::Flight, named, &handle.sql);
    let query = Arc::new(begun.map_err(status::from)?);
    let fetch = door.running.begin(asker.principal(), handle);
    let stopped = rows::stopped(Arc::clone(&query), fetch, asker.gone(&door.node.tenants));
    let mut stopped = Box::pin(stopped);
    let executed = tokio::select! {
        biased;
        status = &mut stopped => return Err(status),
        executed = executed(door, &visibility, handle, &query) => executed,
    };
    match executed {
        Ok((batches, schema)) => Ok(rows::answer(batches, schema, query, stopped)),
        Err(problem) => {
            query.fail(problem.sqlstate());
            Err(status::from(problem))
        }
    }
}

async fn executed(
    door: &Door,
    visibility: &Visibility,
    handle: &Handle,
    query: &Arc<Query>,
) -> Result<(SendableRecordBatchStream, SchemaRef), Problem> {
    let deadline = query.deadline().into();
    let frame = plan(door, visibility, handle, deadline).await?;
    // As announced: what is executed may know better which columns are never null, and strict clients compare.
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = within(deadline, async { frame.execute_stream().await.map_err(Problem::from) }).await?;
    Ok((query.around(batches), schema))
}

/// The columns and parameters of a statement, and the handle by which it is run.
pub(super) async fn prepare(
    door: &Door,
    asker: &Identity,
    sql: String,
) -> Result<ActionCreatePreparedStatementResult, Status> {
    let handle = Handle::new(sql);
    let frame = announced(door, asker, &handle).await?;
    let parameters = parameters::schema(&frame).map_err(status::from)?;
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: handle.encode_to_vec().into(),
        dataset_schema: message(&columns(&frame))?,
        parameter_schema: if parameters.fields().is_empty() { Bytes::new() } else { message(&parameters)? },
    })
}

/// The handle with the one row of `values` bound to it.
pub(super) async fn bind(
    door: &Door,
    asker: &Identity,
    handle: Handle,
    values: impl futures::Stream<Item = Result<RecordBatch, Status>> + Send,
) -> Result<Handle, Status> {
    // A message of it is as large as one of events.
    let _permit = door.puts.take(&asker.visibility()).map_err(status::from)?;
    let mut values = std::pin::pin!(values);
    let mut row: Option<RecordBatch> = None;
    while let Some(batch) = values.try_next().await? {
        let rows = row.as_ref().map_or(0, RecordBatch::num_rows) + batch.num_rows();
        if rows > 1 {
            return Err(status::from(one_row(rows)));
        }
        check_bytes(&batch, door.limits.parameters_bytes_max).map_err(status::from)?;
        row = Some(batch).filter(|batch| batch.num_rows() == 1).or(row);
    }
    let row = row.ok_or_else(|| status::from(one_row(0)))?;
    handle.bind(row).map_err(|error| status::from(Kind::Invalid.with(format!("parameters: {error}"))))
}

fn one_row(rows: usize) -> Problem {
    Kind::Invalid.with(format!("parameters: expected one row, a column for each, found {rows} rows"))
}

fn check_bytes(row: &RecordBatch, bytes_max: usize) -> Result<(), Problem> {
    // Of the row, not of the message that its columns share.
    let of_column =
        |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size());
    match row.columns().iter().map(of_column).sum::<usize>() {
        bytes if bytes > bytes_max => {
            let told =
                format!("the parameters take {bytes} bytes and may take {bytes_max} (flight.parameters_bytes_max)");
            Err(Kind::TooLarge.with(told))
        }
        _ => Ok(()),
    }
}

/// Announces columns of `schema` and `ticket` for their rows.
pub(super) fn announce(
    schema: SchemaRef,
    ticket: &impl ProstMessageExt,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let ticket = Ticket::new(ticket.as_any().encode_to_vec());
    let info = FlightInfo::new()
        .try_with_schema(&schema)
        .map_err(|error| status::from(Kind::Internal.with(error.to_string())))?
        .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
        .with_descriptor(descriptor);
    Ok(Response::new(info))
}

/// A statement that is planned to tell its columns. It is recorded when it is executed; one that fails here never will be.
async fn announced(door: &Door, asker: &Identity, handle: &Handle) -> Result<DataFrame, Status> {
    let visibility = asker.visibility();
    let deadline = Instant::now() + door.queries.timeout();
    plan(door, &visibility, handle, deadline).await.map_err(|problem| {
        let named = query::Asker { visibility: &visibility, principal: asker.principal() };
        door.queries.refuse(query::Door::Flight, named, &handle.sql, problem.sqlstate());
        status::from(problem)
    })
}

async fn plan(door: &Door, visibility: &Visibility, handle: &Handle, deadline: Instant) -> Result<DataFrame, Problem> {
    let sql = parameters::numbered(&handle.sql);
    let planned = async {
        let frame = match door.node.catalog.query(visibility, &sql).await {
            Ok(frame) => frame,
            Err(CatalogError::DataFusion(error)) => {
                let session = door.node.catalog.session(visibility)?.state();
                return Err(Problem::from((&error, Failure::to_plan(&error, &sql, &session))));
            }
            Err(refused) => return Err(refused.into()),
        };
        match handle.parameters()? {
            Some(row) => {
                check_bytes(&row, door.limits.parameters_bytes_max)?;
                Ok(parameters::bind(frame, &row)?)
            }
            None => Ok(frame),
        }
    };
    within(deadline, planned).await
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let late = |_| Kind::QueryTimeout.with("planning took longer than a query may; ask for less");
    timeout_at(deadline, work).await.map_err(late)?
}

fn columns(frame: &DataFrame) -> SchemaRef {
    plain::schema(frame.schema().as_arrow())
}

fn message(schema: &arrow::datatypes::Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let encoded = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    encoded.map(|IpcMessage(bytes)| bytes).map_err(|error| status::from(Kind::Internal.with(error.to_string())))
}
