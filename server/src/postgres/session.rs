//! One connection: who is asking, and the SQL session that this one may see.
//!
//! Not here: statements ([`super::statements`]) and how a connection begins ([`super::startup`]).

use std::sync::{Arc, OnceLock};

use datafusion::catalog::{CatalogProviderList, SchemaProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::{
    PgCatalogSchemaProvider, PgCatalogStaticTables, setup_pg_catalog,
};
use datafusion_postgres::hooks::QueryHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::query::ExtendedQueryHandler;
use datafusion_postgres::pgwire::api::results::Response;
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::response::TransactionStatus;
use datafusion_postgres::{DfSessionService, Parser};
use engine::lock::Lock;
use futures::Sink;
use pipelines::catalog::{CATALOG, Catalog, Visibility};
use tokio_util::sync::CancellationToken;

use crate::identity::{Identity, Refusal};
use crate::permits::Permit;
use crate::query;

use super::Door;
use super::bounds::Bounds;
use super::cancel::Registration;
use super::changes::Changes;
use super::comments::Commented;
use super::cursors::Cursors;
use super::kept::Kept;
use super::settings::WithSettings;
use super::sqlstate;
use super::typed;
use super::{commands, functions};

/// A function of the catalog that the library has its own of.
const QUOTE_IDENT: &str = "quote_ident";

/// One connection.
pub(super) struct Session {
    pub(super) door: Arc<Door>,
    asker: OnceLock<Asker>,
    /// Cancels the statement that runs now.
    running: Arc<Lock<CancellationToken>>,
}

/// Who was let in, and what this one asks with.
pub(super) struct Asker {
    /// Looked at again before each statement.
    identity: Identity,
    pub(super) visibility: Visibility,
    pub(super) context: Arc<SessionContext>,
    pub(super) parser: Arc<Parser>,
    pub(super) hooks: Vec<Arc<dyn QueryHook>>,
    pub(super) cursors: Cursors,
    pub(super) kept: Kept,
    pub(super) changes: Changes,
    _registration: Registration,
    _place: Permit,
}

impl Session {
    pub(super) fn new(door: Arc<Door>) -> Self {
        Self { door, asker: OnceLock::new(), running: Arc::default() }
    }

    /// Lets `identity` in with a SQL session of its own; `place` is its place among the sessions.
    pub(super) fn admit(
        &self,
        identity: Identity,
        place: Permit,
        registration: impl FnOnce(Arc<Lock<CancellationToken>>) -> Registration,
    ) -> PgWireResult<()> {
        let visibility = identity.visibility();
        let context = Arc::new(
            self.door
                .pg_catalog
                .session(&self.door.node.catalog, &visibility, identity.tenant())
                .map_err(sqlstate::from)?,
        );
        // In this order: a block that has failed takes no `SET` either.
        let hooks: Vec<Arc<dyn QueryHook>> = vec![Arc::new(TransactionStatementHook), Arc::new(SetShowHook)];
        let service = DfSessionService::new_with_hooks(Arc::clone(&context), hooks.clone());
        let parser = service.query_parser();
        let registration = registration(Arc::clone(&self.running));
        let kept = self.door.keeper.connection(&visibility);
        let asker = Asker {
            identity,
            visibility,
            context,
            parser,
            hooks,
            cursors: Cursors::new(Arc::clone(&self.door.idle)),
            kept,
            changes: Changes::default(),
            _registration: registration,
            _place: place,
        };
        self.asker.set(asker).map_err(|_| sqlstate::fatal("08P01", "this connection is already authenticated"))
    }

    /// Whether somebody has logged in.
    pub(super) fn is_admitted(&self) -> bool {
        self.asker.get().is_some()
    }

    /// Ends when the key of who has logged in opens nothing any more.
    pub(super) async fn key_gone(&self) -> Refusal {
        match self.asker.get() {
            Some(asker) => asker.identity.gone(&self.door.node.tenants).await,
            None => std::future::pending().await,
        }
    }

    /// Who is asking, if the key is still good; also what keeps strangers out.
    pub(super) fn asker(&self) -> PgWireResult<&Asker> {
        self.admitted().map(|(asker, _)| asker)
    }

    /// The same, by name and scopes as of now.
    pub(super) fn identity(&self) -> PgWireResult<Identity> {
        self.admitted().map(|(_, identity)| identity)
    }

    fn admitted(&self) -> PgWireResult<(&Asker, Identity)> {
        let asker = self.asker.get().ok_or_else(|| sqlstate::fatal("28000", "not authenticated"))?;
        let now = asker.identity.still(&self.door.node.tenants).map_err(|refusal| super::startup::refuse(&refusal))?;
        super::startup::may_ask(&now)?;
        Ok((asker, now))
    }

    /// What `work` gives, done apart from the door's threads. It holds `bounds`, and with them its permit, until it has ended,
    /// whether or not somebody waits for it.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        bounds: &Arc<Bounds>,
        work: impl Future<Output = PgWireResult<T>> + Send + 'static,
    ) -> PgWireResult<T> {
        let held = Arc::clone(bounds);
        let work = async move {
            let _held = held;
            work.await
        };
        self.door.node.catalog.apart(work).await.map_err(sqlstate::from_catalog)?
    }

    /// A token for the statement that begins now.
    pub(super) fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.running.lock() = token.clone();
        token
    }
}

impl Asker {
    /// What answers `statement` without a plan, if anything does: settings, transactions, what is about the session.
    pub(super) async fn answer<C>(&self, client: &mut C, statement: &Statement) -> PgWireResult<Option<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let hooked = async |client: &mut C, statement: &Statement| {
            for hook in &self.hooks {
                if let Some(answer) = hook.handle_simple_query(statement, &self.context, client).await {
                    return Some(answer);
                }
            }
            None
        };
        if let Some(response) = self.changes.answer(client, statement, hooked).await? {
            return Ok(Some(response));
        }
        let commits =
            matches!(statement, Statement::Commit { .. }) && client.transaction_status() != TransactionStatus::Error;
        match hooked(client, statement).await.transpose()? {
            Some(ended @ Response::TransactionEnd(_)) => {
                self.cursors.end_transaction();
                self.changes.end_block(client, commits).await?;
                Ok(Some(ended))
            }
            Some(response) => {
                if matches!(response, Response::TransactionStart(_)) {
                    self.changes.begin_block();
                }
                Ok(Some(response))
            }
            None => Ok(commands::answer(client, &self.cursors, &self.kept, statement).await),
        }
    }

    /// Who asks, for the record.
    pub(super) fn named(&self) -> query::Asker<'_> {
        query::Asker { visibility: &self.visibility, principal: self.identity.principal() }
    }
}

/// What Postgres clients expect to find beside the views: `pg_catalog` and its functions.
pub(crate) struct PgCatalog {
    /// Functions and planners of Postgres over those of the catalog; its tables are not used.
    template: SessionState,
    tables: Arc<PgCatalogStaticTables>,
}

impl PgCatalog {
    /// Reads the static tables once for all connections.
    pub(super) fn new(catalog: &Catalog) -> Result<Self, DataFusionError> {
        let context = catalog.session(&Visibility::Platform)?;
        // The library leaves a name as it is that begins and ends with a quote.
        let quote_ident = context.udf(QUOTE_IDENT)?;
        setup_pg_catalog(&context, CATALOG, EmptyContextProvider).map_err(|error| *error)?;
        functions::all().into_iter().for_each(|function| context.register_udf(function));
        context.register_udf(typed::member(context.udf(typed::MEMBER)?));
        context.register_udf(quote_ident.as_ref().clone());
        let template = context.state();
        Ok(Self { template, tables: Arc::new(PgCatalogStaticTables::try_new()?) })
    }

    /// A session over the views that `visibility` may see. `pg_catalog` lists those and no others, under object ids that
    /// hold for the life of the session.
    pub(super) fn session(
        &self,
        catalog: &Arc<Catalog>,
        visibility: &Visibility,
        user: &str,
    ) -> Result<SessionContext, DataFusionError> {
        let views = catalog.session(visibility)?;
        let list: Arc<dyn CatalogProviderList> = Arc::clone(views.state().catalog_list());
        let pg_catalog: Arc<dyn SchemaProvider> = Arc::new(PgCatalogSchemaProvider::try_new(
            Arc::clone(&list),
            Arc::clone(&self.tables),
            EmptyContextProvider,
        )?);
        let missing = || DataFusionError::Internal(format!("no catalog {CATALOG}"));
        let commented = Commented { plain: pg_catalog, catalog: Arc::clone(catalog), visibility: visibility.clone() };
        let pg_catalog = Arc::new(WithSettings::new(Arc::new(commented))?);
        list.catalog(CATALOG).ok_or_else(missing)?.register_schema("pg_catalog", pg_catalog)?;
        let state = SessionStateBuilder::new_from_existing(self.template.clone()).with_catalog_list(list).build();
        let context = SessionContext::new_with_state(state);
        context.register_udf(functions::session_user(user));
        Ok(context)
    }
}
