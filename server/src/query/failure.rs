//! How a statement's failure is told, at every door: SQL state, sentence, hint, and the place in the text.
//!
//! The one table of SQL states. Names in hints are those of the asker's own session, so that no other tenant's are told
//! (I6), and what others hold of the memory pool is not told either. Not here: how a door writes it.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::sqlparser::parser::ParserError;
use pipelines::catalog::{Abandoned, CATALOG, CatalogError, SCHEMA, ShortOfMemory, TooComplex, TooLarge, unnumbered};
use pipelines::views::Fault;

use super::nearest::nearest;
use super::{Busy, Exceeded};

/// Bytes of a sentence: what is quoted in it may be as long as a statement.
const TOLD_BYTES_MAX: usize = 4 << 10;
/// What the parser goes into, levels; DataFusion's setting is the same.
const NESTED_MAX: usize = 50;
/// What helps a statement that is too complex.
const SIMPLER: &str = "say it with fewer parts: a list in IN, a join, or several statements";
/// Names that a hint lists when none is near.
const NAMES_MAX: usize = 24;

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// SQL state, five characters.
    pub state: &'static str,
    /// What is the matter.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// Where in the text: characters, from 1.
    pub position: Option<usize>,
}

impl Failure {
    fn new(state: &'static str, message: impl Into<String>) -> Self {
        Self { state, message: unnumbered(&cut(message.into())), hint: None, position: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(unnumbered(&cut(hint.into())));
        self
    }

    /// The failure to plan `text` in `session`, with the place in it and the name that was probably meant.
    pub fn to_plan(error: &DataFusionError, text: &str, session: &SessionState) -> Self {
        let failure = Self { position: position(error, text), ..Self::from(error) };
        let DataFusionError::Plan(reason) = error.find_root() else { return failure };
        if let Some(table) = missing_table(reason) {
            let (schema, table) = table.rsplit_once('.').unwrap_or((SCHEMA, table));
            let schema = schema.rsplit('.').next().unwrap_or(schema);
            let known = session.catalog_list().catalog(CATALOG).and_then(|catalog| catalog.schema(schema));
            let mut names = known.map(|schema| schema.table_names()).unwrap_or_default();
            names.sort();
            return failure.meant(table, &names, "there is");
        }
        if let Some(function) = missing_function(reason) {
            let names = session.udfs().into_iter().chain(session.udafs()).chain(session.udwfs());
            let names = names.chain(session.table_functions().keys().cloned());
            return match nearest(function, names) {
                Some(name) => failure.hint(format!("did you mean \"{name}\"?")),
                None => failure.hint("SHOW FUNCTIONS lists what there is"),
            };
        }
        failure
    }

    /// The failure to read `text` as SQL.
    pub fn to_parse(error: &ParserError, text: &str) -> Self {
        let told = match error {
            ParserError::TokenizerError(told) | ParserError::ParserError(told) => told.as_str(),
            ParserError::RecursionLimitExceeded => {
                let told = format!("brackets, functions or subqueries are nested more than {NESTED_MAX} levels deep");
                return Self::new("54001", told).hint(SIMPLER);
            }
        };
        let (told, position) = match told.rsplit_once(" at Line: ") {
            Some((before, place)) => {
                let place = place.split_once(", Column: ");
                let place = place.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
                (before, place.and_then(|(line, column)| characters(text, line, column)))
            }
            None => (told, None),
        };
        let at_end = told.ends_with("found: EOF").then(|| text.chars().count() + 1);
        Self { position: position.or(at_end), ..Self::new("42601", format!("syntax error: {told}")) }
    }

    /// The hint that `wrong` is one of `names`, or which there are.
    fn meant(self, wrong: &str, names: &[String], there_is: &str) -> Self {
        if let Some(name) = nearest(wrong, names) {
            return self.hint(format!("did you mean \"{name}\"?"));
        }
        if names.is_empty() {
            return self;
        }
        let more = if names.len() > NAMES_MAX { ", …" } else { "" };
        let listed = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        self.hint(format!("{there_is} {listed}{more}"))
    }
}

impl From<&DataFusionError> for Failure {
    fn from(error: &DataFusionError) -> Self {
        let root = error.find_root();
        let told = || root.message().split(".\nThis issue was likely caused by a bug").next().unwrap_or("").to_owned();
        match root {
            DataFusionError::SQL(error, _) => Self::to_parse(error, ""),
            DataFusionError::SchemaError(schema, _) => of_schema(schema),
            DataFusionError::Plan(reason) => match (missing_table(reason), missing_function(reason)) {
                (Some(table), _) => {
                    let own = format!("{CATALOG}.{SCHEMA}.");
                    let table = table.strip_prefix(&own).unwrap_or(table);
                    Self::new("42P01", format!("relation \"{table}\" does not exist"))
                }
                (None, Some(function)) => Self::new("42883", format!("function {function} does not exist")),
                (None, None) if reason.starts_with("failed to resolve") => Self::new("3F000", told()),
                (None, None) if reason.starts_with("LIMIT must be") => Self::new("2201W", told()),
                (None, None) if reason.starts_with("OFFSET must be") => Self::new("2201X", told()),
                (None, None) => Self::new("42000", told()),
            },
            DataFusionError::NotImplemented(_) => Self::new("0A000", told()),
            DataFusionError::ResourcesExhausted(reason) if reason.contains("disk space") => {
                Self::new("53100", "the statement puts aside more than it may (query.spill_bytes_max)")
                    .hint("filter earlier, or sort and group fewer rows")
            }
            DataFusionError::ResourcesExhausted(_) => {
                let told = "the statement needs more memory than it may hold (query.statement_memory_bytes_max), or than is \
                            left for it (query.tenant_memory_bytes_max, query.memory_bytes_max)";
                Self::new("53200", told)
                    .hint("filter before joining, and join on equal columns: a join without can't put rows aside")
            }
            DataFusionError::External(inner) if inner.is::<TooLarge>() => {
                Self::new("54000", told()).hint("make it of fewer or smaller parts, or raise query.value_bytes_max")
            }
            DataFusionError::External(inner) if inner.is::<ShortOfMemory>() => {
                Self::new("53200", told()).hint("ask for less, or again when the node has less to do")
            }
            DataFusionError::ArrowError(arrow, _) => Self::new(of_arrow(arrow), arrow.to_string()),
            DataFusionError::Execution(reason) if reason.starts_with("time zone \"") => Self::new("22023", told()),
            DataFusionError::Execution(reason)
                if reason.starts_with("timestamp out of range") || reason.starts_with("interval out of range") =>
            {
                Self::new("22008", told())
            }
            DataFusionError::Execution(reason) if reason.starts_with("unrecognized configuration parameter") => {
                Self::new("42704", told())
            }
            DataFusionError::Execution(reason) if reason.contains("returned more than one row") => {
                Self::new("21000", told()).hint("aggregate in the subquery, or add LIMIT 1")
            }
            DataFusionError::Execution(_) => Self::new("22000", told()),
            DataFusionError::External(inner) if inner.is::<TooComplex>() => {
                inner.downcast_ref::<TooComplex>().map_or_else(|| Self::new("54001", told()), Self::from)
            }
            DataFusionError::External(inner) if inner.is::<Abandoned>() => Self::new("57014", told()),
            DataFusionError::External(inner) if inner.is::<Exceeded>() => {
                inner.downcast_ref::<Exceeded>().copied().map_or_else(|| Self::new("XX000", told()), Self::from)
            }
            other if other.message().starts_with("regex parse error") => Self::new("2201B", told()),
            DataFusionError::Internal(reason) if reason.starts_with("Failed to coerce types") => {
                Self::new("42883", told()).hint("cast one side to the type of the other")
            }
            _ => match Fault::of(root) {
                // Some clients send the statement again on this one.
                Some(Fault::Moved) => Self::new("40001", told()),
                Some(Fault::Damage) => Self::new("XX001", told()),
                Some(Fault::Statement) => Self::new("42P01", told()),
                Some(Fault::Bug) | None => Self::new("XX000", told()),
            },
        }
    }
}

impl From<&CatalogError> for Failure {
    fn from(error: &CatalogError) -> Self {
        match error {
            CatalogError::DataFusion(inner) => Self::from(inner),
            CatalogError::TooComplex(figure) => Self::from(figure),
            CatalogError::Crowded => Self::new("53300", error.to_string()).hint("try again in a moment"),
            CatalogError::View(_) => Self::new("0A000", error.to_string()),
            CatalogError::Zone(_) => Self::new("22023", error.to_string()),
            CatalogError::Setting(_) => Self::new("0A000", error.to_string())
                .hint("over HTTP the member time_zone beside sql sets the time zone; over Postgres SET lasts"),
            CatalogError::ReadOnly(what) => Self::new("25006", format!("SQL only reads here: {what}"))
                .hint("tenants, meters, quotas and keys are changed over the HTTP API or the command line"),
        }
    }
}

impl From<&TooComplex> for Failure {
    fn from(figure: &TooComplex) -> Self {
        Self::new("54001", figure.to_string()).hint(SIMPLER)
    }
}

impl From<&Busy> for Failure {
    fn from(busy: &Busy) -> Self {
        let hint = match busy {
            Busy::Asker { .. } => "wait for one to end",
            Busy::Node => "try again in a moment",
        };
        Self::new("53300", busy.to_string()).hint(hint)
    }
}

impl From<Exceeded> for Failure {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::Time(_) => Self::new("57014", exceeded.to_string())
                .hint("ask for less, or raise query.timeout_ms or this session's statement_timeout"),
            Exceeded::Rows(_) => {
                Self::new("54000", exceeded.to_string()).hint("add LIMIT or aggregate, or raise query.result_rows_max")
            }
            Exceeded::Bytes(_) => Self::new("54000", exceeded.to_string())
                .hint("add LIMIT or select fewer columns, or raise query.result_bytes_max"),
        }
    }
}

/// `told` up to what a sentence may have.
fn cut(mut told: String) -> String {
    if told.len() > TOLD_BYTES_MAX {
        told.truncate(told.floor_char_boundary(TOLD_BYTES_MAX));
        told.push('…');
    }
    told
}

fn of_schema(error: &SchemaError) -> Failure {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => of_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            Failure::new("42702", format!("column \"{}\" is ambiguous", field.flat_name()))
                .hint("put the name or alias of the relation in front of it")
        }
        SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => {
            Failure::new("42701", error.to_string())
        }
    }
}

fn of_column(field: &Column, valid: &[Column]) -> Failure {
    let relation_of = |column: &Column| column.relation.as_ref().map(|relation| relation.table().to_owned());
    if let Some(relation) = relation_of(field) {
        let mut relations = valid.iter().filter_map(relation_of).collect::<Vec<_>>();
        relations.dedup();
        if !relations.contains(&relation) {
            return Failure::new("42P01", format!("\"{relation}\" is not among the relations of this query"))
                .meant(&relation, &relations, "it has");
        }
    }
    let same_relation = |column: &&Column| field.relation.is_none() || relation_of(column) == relation_of(field);
    let mut names = valid.iter().filter(same_relation).map(|column| column.name.clone()).collect::<Vec<_>>();
    names.dedup();
    Failure::new("42703", format!("column \"{}\" does not exist", field.name)).meant(&field.name, &names, "there is")
}

fn of_arrow(error: &ArrowError) -> &'static str {
    match error {
        ArrowError::DivideByZero => "22012",
        ArrowError::CastError(told) | ArrowError::InvalidArgumentError(told) if out_of_range(told) => "22003",
        ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
        ArrowError::ArithmeticOverflow(_) => "22003",
        _ => "22000",
    }
}

/// Whether a number has no room in the type that it is cast to.
fn out_of_range(told: &str) -> bool {
    told.starts_with("Can't cast value") || told.contains("out of range") || told.contains("is too large to store")
}

fn missing_table(reason: &str) -> Option<&str> {
    reason.strip_prefix("table '")?.strip_suffix("' not found")
}

fn missing_function(reason: &str) -> Option<&str> {
    if let Some(rest) = reason.strip_prefix("Invalid function '") {
        return rest.split('\'').next();
    }
    reason.strip_prefix("table function '")?.strip_suffix("' not found")
}

/// Where DataFusion says that the fault lies.
fn position(error: &DataFusionError, text: &str) -> Option<usize> {
    let root = error.find_root();
    if let DataFusionError::SQL(parser, _) = root {
        return Failure::to_parse(parser, text).position;
    }
    let of_column = || match root {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                field.spans().first()
            }
            _ => None,
        },
        _ => None,
    };
    // A collection of errors is told by its first one.
    let first = error.iter().next().unwrap_or(error);
    let span = first.diagnostic().and_then(|diagnostic| diagnostic.span).or_else(of_column)?;
    characters(text, span.start.line, span.start.column)
}

/// The place of a line and column, both from 1, in characters from 1.
fn characters(text: &str, line: u64, column: u64) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let before = text.split_inclusive('\n').take(line).map(|line| line.chars().count()).sum::<usize>();
    let position = before + usize::try_from(column).ok()?;
    (1..=text.chars().count() + 1).contains(&position).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use pipelines::lake::LakeError;
    use pipelines::views::ViewError;

    async fn failure(sql: &str) -> Failure {
        let mut config = SessionConfig::new().with_default_catalog_and_schema(CATALOG, SCHEMA);
        config.options_mut().sql_parser.collect_spans = true;
        let context = SessionContext::new_with_config(config);
        context.sql("CREATE TABLE usage AS SELECT 1 AS value, 'a' AS tenant").await.unwrap();
        match context.sql(sql).await {
            Ok(frame) => Failure::from(&frame.collect().await.unwrap_err()),
            Err(error) => Failure::to_plan(&error, sql, &context.state()),
        }
    }

    async fn check(sql: &str, state: &str, hint: &str, at: &str) {
        let failure = failure(sql).await;
        assert_eq!(failure.state, state, "{sql}: {failure:?}");
        assert!(failure.hint.as_deref().unwrap_or("").contains(hint), "{sql}: {failure:?}");
        let found = failure.position.map(|at| sql.chars().skip(at - 1).collect::<String>());
        assert_eq!(found.as_deref().unwrap_or("nowhere"), at, "{sql}: {failure:?}");
    }

    #[tokio::test]
    async fn a_failure_says_where_and_what_was_meant() {
        check("selec 1", "42601", "", "selec 1").await;
        check("select 1 +", "42601", "", "").await;
        check("select 'ü', valeu from usage", "42703", "\"value\"", "valeu from usage").await;
        check("select 1\nfrom usage\nwhere 'é' = tenat", "42703", "\"tenant\"", "tenat").await;
        check("select u.valeu from usage u", "42703", "\"value\"", "u.valeu from usage u").await;
        check("select x.value from usage u", "42P01", "it has u", "x.value from usage u").await;
        check("select price from usage", "42703", "there is value, tenant", "price from usage").await;
        check("select 'ß' from usge", "42P01", "\"usage\"", "usge").await;
        check("select smu(value) from usage", "42883", "\"sum\"", "smu(value) from usage").await;
        check("select tenant from usage a, usage b", "42702", "alias", "tenant from usage a, usage b").await;
    }

    #[tokio::test]
    async fn failures_have_the_states_that_clients_know() {
        check("select 1 / (value - value) from usage", "22012", "", "nowhere").await;
        let several = "select (select a from (values (1), (2)) as v (a))";
        check(several, "21000", "aggregate in the subquery, or add LIMIT 1", "nowhere").await;
        check("select cast(tenant as int) from usage", "22P02", "", "nowhere").await;
        let read_only = Failure::from(&CatalogError::ReadOnly("DROP".into()));
        assert_eq!((read_only.state, read_only.hint.is_some()), ("25006", true));
    }

    #[test]
    fn damage_is_told_from_what_a_statement_is_to_blame_for() {
        let check = |error: LakeError, expect| {
            let error = DataFusionError::External(Box::new(ViewError::Lake(error)));
            assert_eq!(Failure::from(&error).state, expect);
        };
        check(LakeError::Damaged { file: "f".into(), reason: "r".into() }, "XX001");
        check(LakeError::Moved, "40001");
    }
}
