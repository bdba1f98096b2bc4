//! Statements and prepared statements: planned to announce their columns, planned again to give their rows.
//!
//! Not here: what may be said at all (`pipelines::catalog` verifies it), the encoding of rows ([`super::rows`]).

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::sql::{ActionCreatePreparedStatementResult, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use datafusion::dataframe::DataFrame;
use futures::TryStreamExt;
use pipelines::catalog::Visibility;
use prost::Message;
use prost::bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tonic::{Response, Status};

use crate::http::problem::{Kind, Problem};
use crate::query::Permit;

use super::handle::Handle;
use super::rows::{self, Messages};
use super::{Door, parameters, status};

/// The columns of a statement, and the ticket that gets its rows.
pub(super) async fn info(
    door: &Door,
    asker: &Visibility,
    handle: &Handle,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let (permit, deadline) = begin(door, asker)?;
    let frame = plan(door, asker, handle, deadline).await?;
    drop(permit);
    let ticket = TicketStatementQuery { statement_handle: handle.encode_to_vec().into() };
    announce(columns(&frame), &ticket, descriptor)
}

/// The rows of a statement.
pub(super) async fn run(door: &Door, asker: &Visibility, handle: &Handle) -> Result<Response<Messages>, Status> {
    let (permit, deadline) = begin(door, asker).inspect_err(|_| door.metrics.count_statement("flight", "refused"))?;
    door.metrics.count_statement("flight", "started");
    let frame = plan(door, asker, handle, deadline).await?;
    // As announced: what is executed may know better which columns are never null, and strict clients compare.
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = within(deadline, async { frame.execute_stream().await.map_err(Problem::from) }).await?;
    Ok(rows::answer(batches, schema, permit, deadline))
}

/// The columns and parameters of a statement, and the handle by which it is run.
pub(super) async fn prepare(
    door: &Door,
    asker: &Visibility,
    sql: String,
) -> Result<ActionCreatePreparedStatementResult, Status> {
    let (_permit, deadline) = begin(door, asker)?;
    let handle = Handle::new(sql);
    let frame = plan(door, asker, &handle, deadline).await?;
    let parameters = parameters::schema(&frame).map_err(status::from)?;
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: handle.encode_to_vec().into(),
        dataset_schema: message(&columns(&frame))?,
        parameter_schema: if parameters.fields().is_empty() { Bytes::new() } else { message(&parameters)? },
    })
}

/// The handle with the one row of `values` bound to it.
pub(super) async fn bind(
    handle: Handle,
    values: impl futures::Stream<Item = Result<RecordBatch, Status>> + Send,
) -> Result<Handle, Status> {
    let batches: Vec<_> = values.try_filter(|batch| std::future::ready(batch.num_rows() > 0)).try_collect().await?;
    match batches.as_slice() {
        [row] if row.num_rows() == 1 => {
            handle.bind(row.clone()).map_err(|error| status::from(Kind::Invalid.with(format!("parameters: {error}"))))
        }
        _ => {
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let detail = format!("parameters: expected one row, a column for each, found {rows} rows");
            Err(status::from(Kind::Invalid.with(detail)))
        }
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

/// A permit and the moment by which all must be done.
fn begin(door: &Door, asker: &Visibility) -> Result<(Permit, Instant), Status> {
    let permit = door.statements.take(asker).map_err(status::from)?;
    Ok((permit, Instant::now() + door.statements.timeout))
}

async fn plan(door: &Door, asker: &Visibility, handle: &Handle, deadline: Instant) -> Result<DataFrame, Status> {
    let planned = async {
        let frame = door.node.catalog.query(asker, &parameters::numbered(&handle.sql)).await?;
        match handle.parameters()? {
            Some(row) => Ok(parameters::bind(frame, &row)?),
            None => Ok(frame),
        }
    };
    within(deadline, planned).await
}

async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Status> {
    let late = |_| status::from(Kind::QueryTimeout.with("planning took longer than a query may; ask for less"));
    timeout_at(deadline, work).await.map_err(late)?.map_err(status::from)
}

fn columns(frame: &DataFrame) -> SchemaRef {
    rows::sent(frame.schema().as_arrow())
}

fn message(schema: &arrow::datatypes::Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let encoded = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    encoded.map(|IpcMessage(bytes)| bytes).map_err(|error| status::from(Kind::Internal.with(error.to_string())))
}
