//! Answering statements, of the simple and of the extended protocol.
//!
//! The extended protocol is the library's, with the plan looked at first; the simple one is done here so that it is looked
//! at too. Not here: the bounds ([`super::bounds`]), and what may be said at all ([`super::reading`]).

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, ParamValues};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{Query, Statement};
use datafusion_postgres::Parser;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler, send_describe_response};
use datafusion_postgres::pgwire::api::results::{DescribePortalResponse, FieldInfo, Response};
use datafusion_postgres::pgwire::api::stmt::{QueryParser, StoredStatement};
use datafusion_postgres::pgwire::api::store::{Entry, PortalStore};
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, Type};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Parse, ParseComplete, Sync as PgSync, TARGET_TYPE_BYTE_PORTAL,
};
use datafusion_postgres::pgwire::messages::response::ReadyForQuery;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::{Sink, SinkExt};

use pipelines::catalog::ViewStatement;

use super::bounds::Bounds;
use super::kept::{self, Kind};
use super::place::placed;
use super::reading::{self, Read};
use super::results::{Columns, Reader};
use super::session::{Asker, Session};
use super::{commands, copy, cursors, dialect, results, sqlstate, texts, told, views};

/// A prepared statement.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Text and plan, as the library keeps them; no plan for what is no query.
    kept: (String, Option<(Statement, LogicalPlan)>),
    /// The columns by which it is described.
    columns: Option<DFSchemaRef>,
    /// What it changes, if it is about materialized views.
    change: Option<ViewStatement>,
}

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
        let bounds = Bounds::begin(&self.0, asker, client, query).await?;
        let work = async {
            match reading::read(&self.0, &bounds, query).await? {
                Read::Change(change) => Ok(vec![views::change(&self.0, change).await?]),
                Read::Statements(statements) => self.answers(asker, client, query, statements, &bounds).await,
            }
        };
        let responses = bounds.within(Box::pin(work)).await?;
        bounds.answered();
        Ok(responses)
    }
}

impl Statements {
    async fn answers<C>(
        &self,
        asker: &Asker,
        client: &mut C,
        text: &str,
        statements: Vec<Statement>,
        bounds: &Arc<Bounds>,
    ) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if statements.is_empty() {
            return Ok(vec![Response::EmptyQuery]);
        }
        asker.changes.begin_text(client).await?;
        let mut responses = Vec::with_capacity(statements.len());
        for statement in statements {
            match Box::pin(self.answer(asker, client, statement, bounds)).await {
                Ok(response) => responses.push(bounds.around(response)),
                Err(error) => return Err(placed(error, text, &self.0, bounds).await),
            }
        }
        Ok(responses)
    }

    async fn answer<C>(
        &self,
        asker: &Asker,
        client: &mut C,
        statement: Statement,
        bounds: &Arc<Bounds>,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        reading::check_hooked(&self.0, bounds, &statement).await?;
        if let Some(response) = asker.answer(client, &statement).await? {
            return Ok(response);
        }
        reading::turn_to(&asker.context, client);
        let planned =
            |query: Query, reader| reading::planned(&self.0, bounds, Statement::Query(Box::new(query)), reader);
        let options = FormatOptions::from_client_metadata(client.metadata());
        if let Some((query, layout)) = copy::read(&self.0.door.dialect, &statement)? {
            return copy::send(client, planned(query, Reader::Client).await?, &layout, options).await;
        }
        match statement {
            Statement::Declare { stmts } => {
                let (declare, query) = cursors::declared(&stmts)?;
                asker.cursors.declare(declare, planned(query.clone(), Reader::Cursor).await?, &asker.kept)
            }
            Statement::Fetch { name, direction, .. } => {
                asker.cursors.fetch(&name.value, &direction, &Format::UnifiedText, options)
            }
            Statement::Close { cursor } => asker.cursors.close(&cursor),
            statement => {
                let planned = reading::planned(&self.0, bounds, statement, Reader::Client).await?;
                results::encode(planned, &Format::UnifiedText, options).map(Response::Query)
            }
        }
    }
}

#[async_trait]
impl ExtendedQueryHandler for Statements {
    type Statement = Prepared;
    type QueryParser = Planner;

    fn query_parser(&self) -> Arc<Planner> {
        Arc::new(Planner(Arc::clone(&self.0)))
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let kept = &self.0.asker()?.kept;
        let name = message.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        match StoredStatement::parse(client, &message, self.query_parser()).await? {
            Some(prepared) => {
                let (text, planned) = &prepared.statement.kept;
                kept.keep(Kind::Statement, &name, kept::bytes_of(text, planned.as_ref().map(|(_, plan)| plan)))?;
                client.portal_store().put_statement(Arc::new(prepared));
            }
            None => {
                kept.keep(Kind::Statement, &name, 0)?;
                client.portal_store().put_empty_statement(&name);
            }
        }
        client.send(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let kept = &self.0.asker()?.kept;
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        if message.target_type == TARGET_TYPE_BYTE_PORTAL {
            client.portal_store().rm_portal(name);
            kept.forget(Kind::Portal, name);
        } else {
            client.portal_store().rm_statement(name);
            kept.forget(Kind::Statement, name);
        }
        client.send(PgWireBackendMessage::CloseComplete(CloseComplete::new())).await?;
        Ok(())
    }

    async fn on_sync<C>(&self, client: &mut C, _message: PgSync) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        client.portal_store().rm_portal(DEFAULT_NAME);
        // Whoever is not let in keeps nothing.
        if let Ok(asker) = self.0.asker() {
            asker.kept.forget(Kind::Portal, DEFAULT_NAME);
        }
        let ready = ReadyForQuery::new(client.transaction_status());
        client.send(PgWireBackendMessage::ReadyForQuery(ready)).await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let kept = &self.0.asker()?.kept;
        let name = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let bytes = message.parameters.iter().flatten().map(|value| value.len()).sum();
        // Before they are read: what is made of them is several times as large.
        kept.keep(Kind::Portal, message.portal_name.as_deref().unwrap_or(DEFAULT_NAME), bytes)?;
        match client.portal_store().get_statement(name) {
            Some(Entry::Value(statement)) => {
                let wire = self.query_parser().get_parameter_types(&statement.statement)?;
                let portal = texts::bind(message, statement, &wire)?;
                client.portal_store().put_portal(Arc::new(portal));
            }
            Some(Entry::Empty) => {
                if !message.parameters.is_empty() {
                    return Err(sqlstate::error("08P01", "an empty statement takes no parameters"));
                }
                client.portal_store().put_empty_portal(message.portal_name.as_deref().unwrap_or(DEFAULT_NAME));
            }
            None => return Err(PgWireError::StatementNotFound(name.to_owned())),
        }
        client.send(PgWireBackendMessage::BindComplete(BindComplete::new())).await?;
        Ok(())
    }

    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        // A cursor is a portal to clients, but not to pgwire.
        if message.target_type == TARGET_TYPE_BYTE_PORTAL
            && let Some(name) = &message.name
            && let Ok(LogicalPlan::EmptyRelation(cursor)) = self.0.asker()?.cursors.plan(name)
        {
            let columns = Columns::new(cursor.schema.as_arrow(), &Format::UnifiedText, None)?;
            return send_describe_response(client, &DescribePortalResponse::new(columns.described().to_vec())).await;
        }
        self._on_describe(client, message).await
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, _rows_max: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let asker = self.0.asker()?;
        let bounds = Bounds::begin(&self.0, asker, client, &portal.statement.statement.kept.0).await?;
        let answer = Box::pin(self.answer_prepared(asker, client, portal, &bounds));
        let response = bounds.around(bounds.within(answer).await?);
        bounds.answered();
        Ok(response)
    }
}

impl Statements {
    async fn answer_prepared<C>(
        &self,
        asker: &Asker,
        client: &mut C,
        portal: &Portal<Prepared>,
        bounds: &Arc<Bounds>,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        if let Some(change) = &prepared.change {
            return views::change(&self.0, change.clone()).await;
        }
        let Some((statement, plan)) = &prepared.kept.1 else { return Ok(Response::EmptyQuery) };
        reading::check_hooked(&self.0, bounds, statement).await?;
        asker.changes.begin_text(client).await?;
        if let Some(response) = asker.answer(client, statement).await? {
            return Ok(response);
        }
        reading::turn_to(&asker.context, client);
        let values = values(asker, portal, plan)?;
        let planned = |reader| reading::bound(&self.0, bounds, plan.clone(), values, reader);
        let options = FormatOptions::from_client_metadata(client.metadata());
        if let Some((_, layout)) = copy::read(&self.0.door.dialect, statement)? {
            return copy::send(client, planned(Reader::Client).await?, &layout, options).await;
        }
        let format = &portal.result_column_format;
        match statement {
            Statement::Declare { stmts } => {
                let (declare, _) = cursors::declared(stmts)?;
                asker.cursors.declare(declare, planned(Reader::Cursor).await?, &asker.kept)
            }
            Statement::Fetch { name, direction, .. } => asker.cursors.fetch(&name.value, direction, format, options),
            Statement::Close { cursor } => asker.cursors.close(cursor),
            _ => results::encode(planned(Reader::Client).await?, format, options).map(Response::Query),
        }
    }
}

/// The parameters that came with the portal.
fn values(asker: &Asker, portal: &Portal<Prepared>, plan: &LogicalPlan) -> PgWireResult<ParamValues> {
    let wire = asker.parser.get_parameter_types(&portal.statement.statement.kept)?;
    let types = parameter_types(plan).map_err(sqlstate::from)?;
    let inferred = (1..=wire.len()).map(|number| types.get(&format!("${number}")).and_then(Option::as_ref));
    let inferred = inferred.collect::<Vec<_>>();
    // Without any type the library leaves a NULL out, and the parameters behind it move up.
    let known = |((wire, inferred), value): ((Type, &Option<_>), &Option<_>)| match (inferred, value) {
        (None, None) if wire == Type::UNKNOWN => Type::TEXT,
        _ => wire,
    };
    let wire = wire.into_iter().zip(&inferred).zip(&portal.parameters).map(known).collect::<Vec<_>>();
    let wire = wire.iter().map(Some).collect::<Vec<_>>();
    deserialize_parameters_with_server_types(portal, &inferred, &wire)
}

/// What `plan` wants its parameters to be; of one that is only cast, what it is cast to.
fn parameter_types(plan: &LogicalPlan) -> Result<HashMap<String, Option<DataType>>> {
    let mut types = plan.get_parameter_types()?;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|expression| {
                if let Expr::Cast(cast) = expression
                    && let Expr::Placeholder(parameter) = cast.expr.as_ref()
                {
                    let known = types.entry(parameter.id.clone()).or_default();
                    known.get_or_insert_with(|| cast.field.data_type().clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(types)
}

/// Plans the statements of a [`Session`] that are to be prepared.
pub(super) struct Planner(Arc<Session>);

impl Planner {
    fn parser(&self) -> PgWireResult<&Parser> {
        self.0.asker().map(|asker| asker.parser.as_ref())
    }

    /// What stands for `statement` until it is executed: its columns are what it is described by, its parameters those
    /// that may come with it.
    async fn plan<C>(&self, client: &C, statement: &Statement, bounds: &Arc<Bounds>) -> PgWireResult<LogicalPlan>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let asker = self.0.asker()?;
        reading::turn_to(&asker.context, client);
        for hook in &asker.hooks {
            if let Some(plan) = hook.handle_extended_parse_query(statement, &asker.context, client).await {
                return plan;
            }
        }
        if commands::tag(statement).is_some() {
            return Ok(LogicalPlan::default());
        }
        let query = |query: &Query| Statement::Query(Box::new(query.clone()));
        if let Some((copied, _)) = copy::read(&self.0.door.dialect, statement)? {
            return reading::plan(&self.0, bounds, query(&copied)).await;
        }
        match statement {
            Statement::Declare { stmts } => reading::plan(&self.0, bounds, query(cursors::declared(stmts)?.1)).await,
            Statement::Fetch { name, .. } => asker.cursors.plan(&name.value),
            Statement::Close { .. } => Ok(LogicalPlan::default()),
            statement => reading::plan(&self.0, bounds, statement.clone()).await,
        }
    }
}

#[async_trait]
impl QueryParser for Planner {
    type Statement = Prepared;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let asker = self.0.asker()?;
        let bounds = Bounds::prepare(&self.0, asker, client, sql).await?;
        let prepared = async {
            let mut statements = match reading::read(&self.0, &bounds, sql).await? {
                Read::Change(change) => {
                    return Ok(Some(Prepared { kept: (sql.to_owned(), None), columns: None, change: Some(change) }));
                }
                Read::Statements(statements) => statements,
            };
            let planned = async {
                if statements.len() > 1 {
                    let told = "a prepared statement is one statement; send them one by one";
                    return Err(sqlstate::error("42601", told));
                }
                let Some(mut statement) = statements.pop() else { return Ok(None) };
                dialect::declare(&mut statement, types);
                let plan = self.plan(client, &statement, &bounds).await?;
                let columns = reading::columns(&self.0, &bounds, plan.clone()).await?;
                let kept = (statement.to_string(), Some((statement, plan)));
                Ok(Some(Prepared { kept, columns: Some(columns), change: None }))
            };
            match planned.await {
                Ok(prepared) => Ok(prepared),
                Err(error) => Err(placed(error, sql, &self.0, &bounds).await),
            }
        };
        let prepared = bounds.within(Box::pin(prepared)).await?;
        bounds.answered();
        Ok(prepared)
    }

    fn get_parameter_types(&self, prepared: &Prepared) -> PgWireResult<Vec<Type>> {
        let mut types = self.parser()?.get_parameter_types(&prepared.kept)?;
        if let Some((statement, _)) = &prepared.kept.1 {
            told::tell(statement, &mut types);
        }
        Ok(types)
    }

    fn get_result_schema(&self, prepared: &Prepared, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        match (&prepared.kept.1, &prepared.columns) {
            (None | Some((Statement::Declare { .. } | Statement::Copy { .. }, _)), _) | (_, None) => Ok(Vec::new()),
            (_, Some(columns)) => {
                let format = format.unwrap_or(&Format::UnifiedText);
                Columns::new(columns.as_arrow(), format, None).map(|columns| columns.described().to_vec())
            }
        }
    }
}
