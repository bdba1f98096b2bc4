//! Answering statements, of the simple and of the extended protocol.
//!
//! The extended protocol is the library's, with the plan looked at first; the simple one is done here so that it is looked
//! at too. Not here: the bounds ([`super::bounds`]), and what may be said at all ([`super::reading`]).

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::Parser;
use datafusion_postgres::arrow_pg::datatypes::df::encode_dataframe;
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::results::{FieldInfo, Response};
use datafusion_postgres::pgwire::api::stmt::QueryParser;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, Type};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::Sink;

use crate::query::Door;

use super::bounds::Bounds;
use super::place::placed;
use super::reading;
use super::session::{Asker, Session};
use super::sqlstate;
use super::views;

/// Text and plan of a prepared statement, as the library keeps them.
type Prepared = (String, Option<(Statement, LogicalPlan)>);

/// Answers the statements of a [`Session`].
pub(super) struct Statements(pub(super) Arc<Session>);

#[async_trait]
impl SimpleQueryHandler for Statements {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let asker = self.0.asker()?;
        let bounds = Bounds::begin(&self.0, asker, client, query)?;
        let work = async {
            if views::is_one(query)? {
                return Ok(vec![views::change(&self.0, query).await?]);
            }
            answers(asker, client, query, &bounds).await
        };
        let responses = bounds.within(Box::pin(work)).await?;
        bounds.answered();
        Ok(responses)
    }
}

async fn answers<C>(asker: &Asker, client: &mut C, text: &str, bounds: &Arc<Bounds>) -> PgWireResult<Vec<Response>>
where
    C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::PortalStore: PortalStore,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let statements = match PostgresCompatibilityParser::new().parse(text) {
        Ok(statements) => statements,
        Err(error) => return Err(placed(PgWireError::ApiError(Box::new(error)), text, &asker.context).await),
    };
    if statements.is_empty() {
        return Ok(vec![Response::EmptyQuery]);
    }
    let mut responses = Vec::with_capacity(statements.len());
    for statement in statements {
        match Box::pin(answer(asker, client, statement)).await {
            Ok(response) => responses.push(bounds.around(response)),
            Err(error) => return Err(placed(error, text, &asker.context).await),
        }
    }
    Ok(responses)
}

async fn answer<C>(asker: &Asker, client: &mut C, statement: Statement) -> PgWireResult<Response>
where
    C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::PortalStore: PortalStore,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    reading::check_hooked(&asker.context, &statement).await?;
    for hook in &asker.hooks {
        if let Some(response) = hook.handle_simple_query(&statement, &asker.context, client).await {
            return response;
        }
    }
    let plan = reading::plan(&asker.context, statement).await?;
    let frame = asker.context.execute_logical_plan(plan).await.map_err(sqlstate::from)?;
    let format = Arc::new(FormatOptions::from_client_metadata(client.metadata()));
    encode_dataframe(frame, &Format::UnifiedText, Some(format)).await.map(Response::Query)
}

#[async_trait]
impl ExtendedQueryHandler for Statements {
    type Statement = Prepared;
    type QueryParser = Planner;

    fn query_parser(&self) -> Arc<Planner> {
        Arc::new(Planner(Arc::clone(&self.0)))
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, rows_max: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let asker = self.0.asker()?;
        let (text, planned) = &portal.statement.statement;
        let bounds = Bounds::begin(&self.0, asker, client, text)?;
        let answer = async {
            if planned.is_none() && views::is_one(text)? {
                return views::change(&self.0, text).await;
            }
            if let Some((statement, _)) = planned {
                reading::check_hooked(&asker.context, statement).await?;
            }
            ExtendedQueryHandler::do_query(&asker.service, client, portal, rows_max).await
        };
        let response = bounds.around(bounds.within(Box::pin(answer)).await?);
        bounds.answered();
        Ok(response)
    }
}

/// Plans the statements of a [`Session`] that are to be prepared.
pub(super) struct Planner(Arc<Session>);

impl Planner {
    fn parser(&self) -> PgWireResult<&Parser> {
        self.0.asker().map(|asker| asker.parser.as_ref())
    }
}

#[async_trait]
impl QueryParser for Planner {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        if views::is_one(sql)? {
            return Ok(Some((sql.to_owned(), None)));
        }
        let asker = self.0.asker()?;
        let prepared = async {
            let prepared = asker.parser.parse_sql(client, sql, types).await?;
            if let Some((_, Some((_, plan)))) = &prepared {
                pipelines::catalog::verify(plan).map_err(sqlstate::from_catalog)?;
            }
            Ok(prepared)
        };
        match prepared.await {
            Ok(prepared) => Ok(prepared),
            Err(error) => {
                let error = placed(error, sql, &asker.context).await;
                // What is prepared is recorded when it is executed; this one never will be.
                self.0.door.queries.refuse(Door::Postgres, asker.named(), sql, &sqlstate::state(&error));
                Err(error)
            }
        }
    }

    fn get_parameter_types(&self, prepared: &Prepared) -> PgWireResult<Vec<Type>> {
        self.parser()?.get_parameter_types(prepared)
    }

    fn get_result_schema(&self, prepared: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        self.parser()?.get_result_schema(prepared, format)
    }
}
