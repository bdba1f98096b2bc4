//! The calls of Flight SQL, each: who asks, then one function of the module that knows.
//!
//! What is not here (transactions, Substrait, updates other than events) is answered by the library as unimplemented, or
//! refused with what to do instead.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::GetCatalogsBuilder;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, CommandGetCatalogs,
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate,
    DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoResult, CancelStatus, FlightDescriptor, FlightInfo, HandshakeRequest,
    HandshakeResponse, PutResult, Ticket,
};
use futures::{Stream, StreamExt, stream};
use pipelines::catalog::CatalogError;
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::http::problem::Kind;
use crate::identity::{Identity, Scope};

use super::handle::Handle;
use super::rows::{self, Messages};
use super::{Door, caller, cancel, ingest, messages, metadata, statements, status};

/// Answers the calls of all connections.
pub(super) struct Service(pub(super) Arc<Door>);

type Answers<T> = Result<Response<Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>>, Status>;
type Info = Result<Response<FlightInfo>, Status>;
type Rows = Result<Response<Messages>, Status>;

impl Service {
    fn asker<T>(request: &Request<T>) -> Result<Identity, Status> {
        caller::identify(request, Scope::Query).cloned()
    }

    fn producer<T>(request: &Request<T>) -> Result<Identity, Status> {
        caller::identify(request, Scope::Ingest).cloned()
    }

    /// Announces a list that [`Service::list`] gives: the ticket is the question.
    fn announce(&self, asked: &impl ProstMessageExt, schema: SchemaRef, request: Request<FlightDescriptor>) -> Info {
        Self::asker(&request)?;
        statements::announce(schema, asked, request.into_inner())
    }

    fn list(&self, request: &Request<Ticket>, list: impl FnOnce() -> Result<RecordBatch, Status>) -> Rows {
        Self::asker(request)?;
        list().map(rows::table)
    }

    fn refuse_update<T, R>(&self, request: &Request<T>) -> Result<R, Status> {
        Self::asker(request)?;
        Err(status::from(CatalogError::ReadOnly("an update".to_owned())))
    }
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn do_handshake(&self, request: Request<Streaming<HandshakeRequest>>) -> Answers<HandshakeResponse> {
        let greeting: Pin<Box<dyn Stream<Item = _> + Send>> =
            Box::pin(stream::iter([Ok(HandshakeResponse::default())]));
        caller::handshake(&request, greeting)
    }

    async fn get_flight_info_statement(
        &self,
        asked: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let asker = Self::asker(&request)?;
        statements::info(&self.0, &asker, &Handle::new(asked.query), request.into_inner()).await
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, request: Request<Ticket>) -> Rows {
        let asker = Self::asker(&request)?;
        statements::run(&self.0, &asker, &Handle::read(&ticket.statement_handle)?).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        asked: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let asker = Self::asker(&request)?;
        statements::prepare(&self.0, &asker, asked.query).await
    }

    /// Nothing is kept, so there is nothing to close.
    async fn do_action_close_prepared_statement(
        &self,
        _asked: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        Self::asker(&request).map(|_| ())
    }

    async fn do_action_cancel_query(
        &self,
        asked: ActionCancelQueryRequest,
        request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        cancel::encoded(&self.0.running, &Self::asker(&request)?, &asked.info)?;
        // Of the same values as the newer one, which the library shows.
        Ok(ActionCancelQueryResult { result: CancelStatus::Cancelled.into() })
    }

    async fn do_action_fallback(&self, request: Request<Action>) -> Answers<arrow_flight::Result> {
        let asker = Self::asker(&request)?;
        let action = request.into_inner();
        if action.r#type != cancel::CANCEL_FLIGHT_INFO {
            return Err(status::from(Kind::NotFound.with(format!("there is no action {:?}", action.r#type))));
        }
        cancel::request(&self.0.running, &asker, &action.body)?;
        let body = CancelFlightInfoResult::new(CancelStatus::Cancelled).encode_to_vec().into();
        Ok(Response::new(Box::pin(stream::iter([Ok(arrow_flight::Result { body })]))))
    }

    async fn list_custom_actions(&self) -> Option<Vec<Result<ActionType, Status>>> {
        Some(vec![Ok(cancel::action())])
    }

    async fn do_put_prepared_statement_query(
        &self,
        asked: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let asker = Self::asker(&request)?;
        let handle = Handle::read(&asked.prepared_statement_handle)?;
        let sent = messages::while_good(request.into_inner(), asker.gone(&self.0.node.tenants));
        let bound = statements::bind(&self.0, &asker, handle, messages::batches(sent)).await?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(bound.encode_to_vec().into()) })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        asked: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let asker = Self::asker(&request)?;
        let handle = Handle::read(&asked.prepared_statement_handle)?;
        statements::info(&self.0, &asker, &handle, request.into_inner()).await
    }

    async fn do_get_prepared_statement(&self, asked: CommandPreparedStatementQuery, request: Request<Ticket>) -> Rows {
        let asker = Self::asker(&request)?;
        statements::run(&self.0, &asker, &Handle::read(&asked.prepared_statement_handle)?).await
    }

    async fn do_put_statement_update(
        &self,
        _asked: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.refuse_update(&request)
    }

    async fn do_put_prepared_statement_update(
        &self,
        _asked: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.refuse_update(&request)
    }

    async fn do_put_statement_ingest(
        &self,
        asked: CommandStatementIngest,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let asker = Self::producer(&request)?;
        if let Err(refused) = ingest::check_target(&asked) {
            messages::discard(request.into_inner()).await;
            return Err(refused);
        }
        ingest::total(ingest::take(Arc::clone(&self.0), &asker, request.into_inner())?).await
    }

    async fn do_put_fallback(
        &self,
        mut request: Request<PeekableFlightDataStream>,
        _message: Any,
    ) -> Answers<PutResult> {
        let asker = Self::producer(&request)?;
        let first = request.get_mut().peek().await;
        let descriptor = first.and_then(|first| first.as_ref().ok()?.flight_descriptor.as_ref());
        if descriptor.is_none_or(|descriptor| descriptor.path != [ingest::EVENTS]) {
            let detail = "batches are put to the path events, or ingested into the table events";
            return Err(status::from(Kind::NotFound.with(detail)));
        }
        let answers = ingest::take(Arc::clone(&self.0), &asker, request.into_inner())?;
        let results = answers.map(|answer| {
            let json =
                serde_json::to_vec(&answer?).map_err(|error| status::from(Kind::Internal.with(error.to_string())))?;
            Ok(PutResult { app_metadata: json.into() })
        });
        Ok(Response::new(Box::pin(results)))
    }

    async fn get_flight_info_catalogs(&self, asked: CommandGetCatalogs, request: Request<FlightDescriptor>) -> Info {
        self.announce(&asked, GetCatalogsBuilder::new().schema(), request)
    }

    async fn do_get_catalogs(&self, _asked: CommandGetCatalogs, request: Request<Ticket>) -> Rows {
        self.list(&request, metadata::catalogs)
    }

    async fn get_flight_info_schemas(&self, asked: CommandGetDbSchemas, request: Request<FlightDescriptor>) -> Info {
        self.announce(&asked, asked.clone().into_builder().schema(), request)
    }

    async fn do_get_schemas(&self, asked: CommandGetDbSchemas, request: Request<Ticket>) -> Rows {
        self.list(&request, || metadata::schemas(asked))
    }

    async fn get_flight_info_tables(&self, asked: CommandGetTables, request: Request<FlightDescriptor>) -> Info {
        self.announce(&asked, asked.clone().into_builder().schema(), request)
    }

    async fn do_get_tables(&self, asked: CommandGetTables, request: Request<Ticket>) -> Rows {
        let asker = Self::asker(&request)?;
        metadata::tables(&self.0, &asker.visibility(), asked).await.map(rows::table)
    }

    async fn get_flight_info_table_types(
        &self,
        asked: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Info {
        self.announce(&asked, asked.into_builder().schema(), request)
    }

    async fn do_get_table_types(&self, asked: CommandGetTableTypes, request: Request<Ticket>) -> Rows {
        self.list(&request, || metadata::table_types(asked))
    }

    async fn get_flight_info_sql_info(&self, asked: CommandGetSqlInfo, request: Request<FlightDescriptor>) -> Info {
        self.announce(&asked, metadata::sql_info().schema(), request)
    }

    async fn do_get_sql_info(&self, asked: CommandGetSqlInfo, request: Request<Ticket>) -> Rows {
        self.list(&request, || metadata::sql_info_of(asked))
    }

    async fn get_flight_info_primary_keys(
        &self,
        asked: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        self.announce(&asked, metadata::primary_keys().schema(), request)
    }

    async fn do_get_primary_keys(&self, _asked: CommandGetPrimaryKeys, request: Request<Ticket>) -> Rows {
        self.list(&request, || Ok(metadata::primary_keys()))
    }

    async fn get_flight_info_exported_keys(
        &self,
        asked: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        self.announce(&asked, metadata::foreign_keys().schema(), request)
    }

    async fn do_get_exported_keys(&self, _asked: CommandGetExportedKeys, request: Request<Ticket>) -> Rows {
        self.list(&request, || Ok(metadata::foreign_keys()))
    }

    async fn get_flight_info_imported_keys(
        &self,
        asked: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        self.announce(&asked, metadata::foreign_keys().schema(), request)
    }

    async fn do_get_imported_keys(&self, _asked: CommandGetImportedKeys, request: Request<Ticket>) -> Rows {
        self.list(&request, || Ok(metadata::foreign_keys()))
    }

    async fn get_flight_info_cross_reference(
        &self,
        asked: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Info {
        self.announce(&asked, metadata::foreign_keys().schema(), request)
    }

    async fn do_get_cross_reference(&self, _asked: CommandGetCrossReference, request: Request<Ticket>) -> Rows {
        self.list(&request, || Ok(metadata::foreign_keys()))
    }

    /// Ours stands in [`metadata`].
    async fn register_sql_info(&self, _id: i32, _info: &SqlInfo) {}
}
