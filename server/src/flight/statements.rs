//! Statements and prepared statements: planned to announce their columns, planned again to give their rows.
//!
//! Not here: what may be said at all (`pipelines::catalog` verifies it), the encoding of rows ([`super::rows`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::sql::{ActionCreatePreparedStatementResult, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use futures::TryStreamExt;
use pipelines::catalog::{CatalogError, Ready, Visibility, bounds};
use pipelines::plain;
use prost::Message;
use prost::bytes::Bytes;
use tokio::time::timeout_at;
use tonic::{Response, Status};

use crate::http::problem::{Kind, Problem};
use crate::identity::Identity;
use crate::query::{self, Query};
use crate::statements;

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
    let announced = announced(door, asker, handle).await?;
    let handle = handle.numbered(door.running.number());
    let ticket = TicketStatementQuery { statement_handle: handle.encode_to_vec().into() };
    announce(announced.columns, &ticket, descriptor)
}

/// The rows of a statement.
pub(super) async fn run(door: &Door, asker: &Identity, handle: &Handle) -> Result<Response<Messages>, Status> {
    let visibility = asker.visibility();
    let named = query::Asker { visibility: &visibility, principal: asker.principal() };
    let begun = door.queries.begin(query::Door::Flight, named, &handle.sql, None).await;
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
    let ready = plan(door, visibility, handle, query, |frame| async move { Ok(Ready::new(frame).await?) }).await?;
    // As announced, since strict clients compare.
    let schema = Arc::clone(ready.schema());
    Ok((query.around(ready.rows()?), schema))
}

/// The columns and parameters of a statement, and the handle by which it is run.
pub(super) async fn prepare(
    door: &Door,
    asker: &Identity,
    sql: String,
) -> Result<ActionCreatePreparedStatementResult, Status> {
    let handle = Handle::new(sql);
    let Announced { columns, parameters } = announced(door, asker, &handle).await?;
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: handle.encode_to_vec().into(),
        dataset_schema: message(&columns)?,
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

/// What is told of a statement before it is run.
struct Announced {
    columns: SchemaRef,
    parameters: Schema,
}

/// Plans a statement to tell its columns.
async fn announced(door: &Door, asker: &Identity, handle: &Handle) -> Result<Announced, Status> {
    let visibility = asker.visibility();
    let named = query::Asker { visibility: &visibility, principal: asker.principal() };
    let begun = door.queries.prepare(query::Door::Flight, named, &handle.sql, None).await;
    let query = Arc::new(begun.map_err(status::from)?);
    let told = plan(door, &visibility, handle, &query, |frame| async move {
        Ok(Announced { columns: columns(&frame), parameters: parameters::schema(&frame)? })
    });
    match told.await {
        Ok(announced) => {
            query.finish();
            Ok(announced)
        }
        Err(problem) => {
            query.fail(problem.sqlstate());
            Err(status::from(problem))
        }
    }
}

/// Plans the statement of `query`, and does with the plan what `then` says, apart from the door's threads and within its time.
async fn plan<T: Send + 'static, F: Future<Output = Result<T, CatalogError>> + Send + 'static>(
    door: &Door,
    visibility: &Visibility,
    handle: &Handle,
    query: &Arc<Query>,
    then: impl FnOnce(DataFrame) -> F + Send + 'static,
) -> Result<T, Problem> {
    let (node, visibility, handle, held) =
        (Arc::clone(&door.node), visibility.clone(), handle.clone(), Arc::clone(query));
    let bytes_max = door.limits.parameters_bytes_max;
    let work = async move {
        let _held = held;
        let values = handle.parameters()?;
        if let Some(row) = &values {
            check_bytes(row, bytes_max)?;
        }
        let planned = async {
            bounds::check_text(&handle.sql, &GenericDialect {})?;
            let sql = parameters::numbered(&handle.sql);
            let frame = node.catalog.query(&visibility, &sql).await?;
            then(match values {
                Some(row) => parameters::bind(frame, &row)?,
                None => frame,
            })
            .await
        };
        planned.await.map_err(|error| {
            let sql = parameters::numbered(&handle.sql);
            Problem::from(statements::unplanned(&node, &visibility, &sql, error))
        })
    };
    let planned = timeout_at(query.deadline().into(), door.node.catalog.apart(work)).await;
    planned.map_err(|_| Problem::from(query.out_of_time()))??
}

fn columns(frame: &DataFrame) -> SchemaRef {
    plain::schema(frame.schema().as_arrow())
}

fn message(schema: &arrow::datatypes::Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let encoded = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    encoded.map(|IpcMessage(bytes)| bytes).map_err(|error| status::from(Kind::Internal.with(error.to_string())))
}
