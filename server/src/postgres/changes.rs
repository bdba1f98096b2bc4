//! Settings that a session changes: `SET`, `SET LOCAL`, `RESET`, and what becomes of them when a transaction block ends.
//!
//! The library's hook carries out a `SET` by writing the client's metadata; what it does not know is written there too, so
//! that `SHOW` tells it. Here is kept what they were: when the session began, when the block began, and what the block leaves
//! behind when it commits. Invariant: outside of a block, metadata is what the next statement would see after any `COMMIT`.
//! Not here: which settings there are ([`super::parameters`]); settings with a dot, which are taken and forgotten; undoing by
//! `ROLLBACK TO`.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{ContextModifier, Expr, Ident, Reset, Set, Statement};
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::response::TransactionStatus;
use datafusion_postgres::pgwire::messages::startup::ParameterStatus;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use engine::lock::Lock;
use futures::{Sink, SinkExt};

use super::parameters::{is_default, text};
use super::settings::setting;

const TIME_ZONE: &str = "timezone";
const STATEMENT_TIMEOUT: &str = "statement_timeout";
/// Where `SET statement_timeout` leaves its value.
pub(super) const STATEMENT_TIMEOUT_MS: &str = "statement_timeout_ms";
/// Those that clients are told when they change, as they are told.
const REPORTED: [&str; 5] = ["TimeZone", "DateStyle", "IntervalStyle", "application_name", "search_path"];

type Values = HashMap<String, String>;

/// What the settings of a session were.
#[derive(Debug, Default)]
pub(super) struct Changes(Lock<Were>);

#[derive(Debug, Default)]
struct Were {
    /// When the session began; as long as there was no change, as they are.
    defaults: Option<Values>,
    in_block: bool,
    /// In the block that is open, if it has changed any.
    block: Option<Block>,
}

#[derive(Debug)]
struct Block {
    begun: Values,
    /// As they will be when it commits.
    lasting: Values,
}

/// What a statement does to settings.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// To this value.
    Set { name: String, value: String, local: bool },
    /// To what it was.
    Default { name: String, local: bool },
    /// All of them.
    DefaultAll,
}

impl Change {
    fn of(statement: &Statement) -> Option<Self> {
        let (name, values, local) = match statement {
            Statement::Set(Set::SingleAssignment { scope, variable, values, .. }) => {
                let local = *scope == Some(ContextModifier::Local);
                (variable.to_string().replace('"', "").to_lowercase(), values.as_slice(), local)
            }
            Statement::Set(Set::SetTimeZone { local, value }) => {
                (TIME_ZONE.to_owned(), std::slice::from_ref(value), *local)
            }
            Statement::Reset(reset) => {
                return Some(match &reset.reset {
                    Reset::ALL => Self::DefaultAll,
                    Reset::ConfigurationParameter(name) => {
                        Self::Default { name: name.to_string().replace('"', "").to_lowercase(), local: false }
                    }
                });
            }
            Statement::Discard { .. } => return Some(Self::DefaultAll),
            _ => return None,
        };
        match values {
            [value] if is_default(value) || (name == TIME_ZONE && is_word(value, "local")) => {
                Some(Self::Default { name, local })
            }
            values => {
                let value = values.iter().map(text).collect::<Vec<_>>().join(", ");
                Some(Self::Set { name, value, local })
            }
        }
    }
}

impl Changes {
    /// Carries `statement` out if it changes settings, whose own `SET` `hook` does; `None` if it is about something else.
    pub(super) async fn answer<C>(
        &self,
        client: &mut C,
        statement: &Statement,
        hook: impl AsyncFnOnce(&mut C, &Statement) -> Option<PgWireResult<Response>>,
    ) -> PgWireResult<Option<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let Some(change) = Change::of(statement) else { return Ok(None) };
        // Refused where everything is then.
        if client.transaction_status() == TransactionStatus::Error {
            return Ok(None);
        }
        let in_block = self.remember(client.metadata());
        let done = Response::Execution(Tag::new(if matches!(statement, Statement::Set(_)) { "SET" } else { "RESET" }));
        match change {
            Change::Set { local: true, .. } | Change::Default { local: true, .. } if !in_block => {
                let told = "SET LOCAL can only be used in transaction blocks".to_owned();
                let warning = ErrorInfo::new("WARNING".to_owned(), "25P01".to_owned(), told);
                client.send(PgWireBackendMessage::NoticeResponse(warning.into())).await?;
            }
            Change::Set { name, value, local } => {
                if let Some(answer) = hook(client, &plain(statement)).await {
                    answer?;
                }
                let key = key(&name);
                if key == name && !name.contains('.') && setting(&name).is_none() {
                    client.metadata_mut().insert(name.clone(), value);
                }
                if !local {
                    self.lasts(key, client.metadata());
                }
            }
            Change::Default { name, local } => {
                let key = key(&name);
                let mut values = client.metadata().clone();
                let default = self.default(key);
                put(&mut values, key, default);
                replace(client, values).await?;
                if !local {
                    self.lasts(key, client.metadata());
                }
            }
            Change::DefaultAll => {
                let defaults = self.default_all();
                replace(client, defaults).await?;
            }
        }
        // The rest of it is still to be done.
        Ok((!matches!(statement, Statement::Discard { .. })).then_some(done))
    }

    /// A text of statements begins. A block that failed in the very text that began it is none to the library.
    pub(super) async fn begin_text<C>(&self, client: &mut C) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match client.transaction_status() {
            TransactionStatus::Idle => self.end_block(client, false).await,
            _ => Ok(()),
        }
    }

    /// A transaction block begins. The client's own state tells that only when its whole text has been answered.
    pub(super) fn begin_block(&self) {
        self.0.lock().in_block = true;
    }

    /// Whether a block is open.
    fn remember(&self, now: &Values) -> bool {
        let mut were = self.0.lock();
        were.remember(now);
        were.in_block
    }

    fn lasts(&self, key: &str, now: &Values) {
        self.0.lock().lasts(key, now);
    }

    fn default(&self, key: &str) -> Option<String> {
        self.0.lock().defaults.as_ref().and_then(|values| values.get(key).cloned())
    }

    fn default_all(&self) -> Values {
        let mut were = self.0.lock();
        let defaults = were.defaults.clone().unwrap_or_default();
        if let Some(block) = &mut were.block {
            block.lasting.clone_from(&defaults);
        }
        defaults
    }

    /// A transaction block ends.
    pub(super) async fn end_block<C>(&self, client: &mut C, commits: bool) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let block = {
            let mut were = self.0.lock();
            were.in_block = false;
            were.block.take()
        };
        match block {
            Some(block) => replace(client, if commits { block.lasting } else { block.begun }).await,
            None => Ok(()),
        }
    }
}

impl Were {
    fn remember(&mut self, now: &Values) {
        self.defaults.get_or_insert_with(|| now.clone());
        if self.in_block {
            self.block.get_or_insert_with(|| Block { begun: now.clone(), lasting: now.clone() });
        }
    }

    /// What `key` is now outlasts the block.
    fn lasts(&mut self, key: &str, now: &Values) {
        if let Some(block) = &mut self.block {
            put(&mut block.lasting, key, now.get(key).cloned());
        }
    }
}

/// `statement` as the hook takes it: it knows no `LOCAL`.
fn plain(statement: &Statement) -> Statement {
    let mut plain = statement.clone();
    match &mut plain {
        Statement::Set(Set::SingleAssignment { scope, .. }) => *scope = None,
        Statement::Set(Set::SetTimeZone { local, .. }) => *local = false,
        _ => {}
    }
    plain
}

/// Where a setting stands in a client's metadata.
fn key(name: &str) -> &str {
    if name == STATEMENT_TIMEOUT { STATEMENT_TIMEOUT_MS } else { name }
}

fn put(values: &mut Values, key: &str, value: Option<String>) {
    match value {
        Some(value) => values.insert(key.to_owned(), value),
        None => values.remove(key),
    };
}

/// Makes `values` the client's, which is told of those that it wants to know.
async fn replace<C>(client: &mut C, values: Values) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let were = std::mem::replace(client.metadata_mut(), values);
    for name in REPORTED {
        let (was, is) = (shown(name, &were), shown(name, client.metadata()));
        if was != is {
            client.send(PgWireBackendMessage::ParameterStatus(ParameterStatus::new(name.to_owned(), is))).await?;
        }
    }
    Ok(())
}

fn shown(name: &str, values: &Values) -> String {
    let unset = || match name {
        "TimeZone" => "UTC".to_owned(),
        "DateStyle" => FormatOptions::default().date_style,
        "IntervalStyle" => FormatOptions::default().interval_style,
        _ => String::new(),
    };
    values.get(&name.to_lowercase()).cloned().unwrap_or_else(unset)
}

fn is_word(value: &Expr, word: &str) -> bool {
    matches!(value, Expr::Identifier(Ident { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;

    fn check(sql: &str, expect: Option<Change>) {
        let statement = Dialect::default().parse(sql).unwrap().remove(0);
        assert_eq!(Change::of(&statement), expect, "{sql}");
    }

    #[test]
    fn what_changes_settings_is_known() {
        let set = |name: &str, value: &str, local| {
            Some(Change::Set { name: name.to_owned(), value: value.to_owned(), local })
        };
        let default = |name: &str, local| Some(Change::Default { name: name.to_owned(), local });
        check("set statement_timeout = '5s'", set("statement_timeout", "5000", false));
        check("set local DateStyle = ISO, MDY", set("datestyle", "ISO, MDY", true));
        check("set session work_mem = '4MB'", set("work_mem", "4MB", false));
        check("set time zone 'Europe/Zurich'", set("timezone", "Europe/Zurich", false));
        check("set local timezone to 'UTC'", set("timezone", "UTC", true));
        check("set timezone to default", default("timezone", false));
        check("set time zone local", default("timezone", false));
        check("set local statement_timeout to default", default("statement_timeout", true));
        check("reset DateStyle", default("datestyle", false));
        check("reset all", Some(Change::DefaultAll));
        check("discard all", Some(Change::DefaultAll));
        check("show datestyle", None);
        check("set transaction isolation level serializable", None);
    }

    #[test]
    fn a_block_leaves_what_was_not_local() {
        let values = |value: &str| Values::from([("a".to_owned(), value.to_owned())]);
        let mut were = Were { in_block: true, ..Were::default() };
        were.remember(&values("1"));
        were.lasts("a", &values("2"));
        // What is local comes later, and is not said to last.
        were.remember(&values("3"));
        let block = were.block.take().unwrap();
        assert_eq!((block.begun, block.lasting), (values("1"), values("2")));
        were.in_block = false;
        were.remember(&values("2"));
        assert_eq!((were.defaults, were.block.is_none()), (Some(values("1")), true));
    }
}
