//! Configuration parameters by their names: what `SET`, `RESET` and `SHOW` may be about.
//!
//! A parameter of Postgres is taken even if nothing here depends on it, so that clients get through their preliminaries; a
//! name that Postgres would not know is refused like there. So is a value that would not be kept: another encoding than
//! UTF-8, a time-out that is none. Not here: what parameters do, which the library has, and those that are what they are
//! ([`super::settings`]).

use datafusion::sql::sqlparser::ast::{ContextModifier, Expr, Ident, ObjectName, Reset, Set, Statement, Value};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};

use pipelines::catalog::zone;

use super::settings::setting;
use super::sqlstate;

/// Those of Postgres 16 that a session may set, in lower case.
const KNOWN: [&str; 162] = [
    "allow_in_place_tablespaces",
    "allow_system_table_mods",
    "application_name",
    "array_nulls",
    "backend_flush_after",
    "backslash_quote",
    "backtrace_functions",
    "bytea_output",
    "check_function_bodies",
    "client_connection_check_interval",
    "client_encoding",
    "client_min_messages",
    "commit_delay",
    "commit_siblings",
    "compute_query_id",
    "constraint_exclusion",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "createrole_self_grant",
    "cursor_tuple_fraction",
    "datestyle",
    "deadlock_timeout",
    "debug_discard_caches",
    "debug_logical_replication_streaming",
    "debug_parallel_query",
    "debug_pretty_print",
    "debug_print_parse",
    "debug_print_plan",
    "debug_print_rewritten",
    "default_statistics_target",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "default_toast_compression",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "dynamic_library_path",
    "effective_cache_size",
    "effective_io_concurrency",
    "enable_async_append",
    "enable_bitmapscan",
    "enable_gathermerge",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_incremental_sort",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_memoize",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_parallel_append",
    "enable_parallel_hash",
    "enable_partition_pruning",
    "enable_partitionwise_aggregate",
    "enable_partitionwise_join",
    "enable_presorted_aggregate",
    "enable_seqscan",
    "enable_sort",
    "enable_tidscan",
    "escape_string_warning",
    "exit_on_error",
    "extra_float_digits",
    "from_collapse_limit",
    "geqo",
    "geqo_effort",
    "geqo_generations",
    "geqo_pool_size",
    "geqo_seed",
    "geqo_selection_bias",
    "geqo_threshold",
    "gin_fuzzy_search_limit",
    "gin_pending_list_limit",
    "hash_mem_multiplier",
    "icu_validation_level",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "ignore_checksum_failure",
    "intervalstyle",
    "jit",
    "jit_above_cost",
    "jit_dump_bitcode",
    "jit_expressions",
    "jit_inline_above_cost",
    "jit_optimize_above_cost",
    "jit_tuple_deforming",
    "join_collapse_limit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lo_compat_privileges",
    "local_preload_libraries",
    "lock_timeout",
    "log_duration",
    "log_error_verbosity",
    "log_executor_stats",
    "log_lock_waits",
    "log_min_duration_sample",
    "log_min_duration_statement",
    "log_min_error_statement",
    "log_min_messages",
    "log_parameter_max_length",
    "log_parameter_max_length_on_error",
    "log_parser_stats",
    "log_planner_stats",
    "log_replication_commands",
    "log_statement",
    "log_statement_sample_rate",
    "log_statement_stats",
    "log_temp_files",
    "log_transaction_sample_rate",
    "logical_decoding_work_mem",
    "maintenance_io_concurrency",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_stack_depth",
    "min_parallel_index_scan_size",
    "min_parallel_table_scan_size",
    "parallel_leader_participation",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "password_encryption",
    "plan_cache_mode",
    "quote_all_identifiers",
    "random_page_cost",
    "recursive_worktable_factor",
    "role",
    "row_security",
    "search_path",
    "seed",
    "seq_page_cost",
    "session_authorization",
    "session_preload_libraries",
    "session_replication_role",
    "standard_conforming_strings",
    "statement_timeout",
    "stats_fetch_consistency",
    "synchronize_seqscans",
    "synchronous_commit",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_user_timeout",
    "temp_buffers",
    "temp_file_limit",
    "temp_tablespaces",
    "timezone",
    "timezone_abbreviations",
    "track_activities",
    "track_counts",
    "track_functions",
    "track_io_timing",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "work_mem",
    "xmlbinary",
];
/// Those that `SHOW` knows beside them.
const SHOWN: [&str; 2] = ["all", "catalogs"];
/// What a time-out's number may be followed by, and its milliseconds.
const TIME_UNITS: [(&str, f64); 7] =
    [("", 1.0), ("us", 0.001), ("ms", 1.0), ("s", 1e3), ("min", 6e4), ("h", 3.6e6), ("d", 8.64e7)];

/// Refuses a statement that is about a parameter that does not exist, or gives one a value that it can't have.
pub(super) fn check(statement: &Statement) -> PgWireResult<()> {
    match statement {
        Statement::Set(Set::SingleAssignment { variable, values, .. }) => {
            let name = known(variable)?;
            match (name.as_str(), values.as_slice()) {
                (_, [value]) if is_default(value) => Ok(()),
                ("client_encoding", [value]) => check_encoding(&text(value)),
                ("statement_timeout", [value]) => check_timeout(&text(value)),
                _ if KNOWN.contains(&name.as_str()) || name.contains('.') => Ok(()),
                _ => Err(sqlstate::error("55P02", format!("parameter \"{name}\" cannot be changed"))),
            }
        }
        Statement::Set(Set::SetTimeZone { value, .. }) => match value {
            value if is_default(value) || is_local(value) || zone_of(value).is_some() => Ok(()),
            value => Err(invalid("TimeZone", &text(value))),
        },
        // Taken in silence, it would seem that others' rows were shown.
        Statement::Set(Set::SetRole { role_name: Some(role), .. }) => {
            Err(sqlstate::error("42501", format!("permission denied to set role {role}")))
        }
        Statement::Set(Set::SetNames { charset_name, .. }) => check_encoding(&charset_name.value),
        Statement::Reset(reset) => match &reset.reset {
            Reset::ConfigurationParameter(variable) => known(variable).map(drop),
            Reset::ALL => Ok(()),
        },
        Statement::ShowVariable { variable } => match variable.as_slice() {
            [name] if SHOWN.contains(&name.value.to_lowercase().as_str()) => Ok(()),
            [name] => known(&ObjectName::from(vec![name.clone()])).map(drop),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// `SET` as the library takes it: of the session without saying so, to one text instead of bare words, a time-out in
/// milliseconds, the time zone in the words of the standard.
pub(super) fn plain(set: &mut Set) {
    if let Set::SetTimeZone { value, .. } = set
        && let Some(zone) = zone_of(value)
    {
        *value = Expr::value(Value::SingleQuotedString(zone));
    }
    let Set::SingleAssignment { scope, variable, values, .. } = set else { return };
    if *scope == Some(ContextModifier::Session) {
        *scope = None;
    }
    match (variable.to_string().to_lowercase().as_str(), values.as_mut_slice()) {
        ("timezone", [value]) => {
            let (local, value) = (*scope == Some(ContextModifier::Local), value.clone());
            *set = Set::SetTimeZone { local, value };
            return plain(set);
        }
        ("statement_timeout", [value]) => {
            if let Some(ms) = milliseconds(&text(value)) {
                *value = Expr::value(Value::SingleQuotedString(ms.to_string()));
            }
        }
        _ => {}
    }
    let bare = values.iter().any(|value| matches!(value, Expr::Identifier(_))) || values.len() > 1;
    if bare && !matches!(values.as_slice(), [value] if is_default(value)) {
        let words = values.iter().map(text).collect::<Vec<_>>().join(", ");
        *values = vec![Expr::value(Value::SingleQuotedString(words))];
    }
}

/// The name of a parameter of Postgres, or of one that an application made up, which has a dot in it.
fn known(variable: &ObjectName) -> PgWireResult<String> {
    let parts = variable.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.to_lowercase());
    let parts = parts.collect::<Vec<_>>();
    let name = parts.join(".");
    match parts.as_slice() {
        [part] if KNOWN.contains(&part.as_str()) || setting(part).is_some() => Ok(name),
        [_, _, ..] => Ok(name),
        _ => Err(sqlstate::error("42704", format!("unrecognized configuration parameter \"{name}\""))),
    }
}

fn check_encoding(name: &str) -> PgWireResult<()> {
    match name.to_lowercase().replace(['-', '_'], "").as_str() {
        "utf8" | "unicode" => Ok(()),
        _ => Err(invalid("client_encoding", name)),
    }
}

fn check_timeout(value: &str) -> PgWireResult<()> {
    milliseconds(value).map(drop).ok_or_else(|| invalid("statement_timeout", value))
}

/// A time-out as Postgres rounds it.
fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = value.strip_suffix(unit)?.parse::<f64>().ok()?;
    let (_, each) = TIME_UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let rounded = (number * each).round();
    (rounded <= f64::from(i32::MAX)).then_some(rounded as u64)
}

fn invalid(name: &str, value: &str) -> PgWireError {
    sqlstate::error("22023", format!("invalid value for parameter \"{name}\": \"{value}\""))
}

/// The zone that `SET TIME ZONE` names: by its name, or by hours or an interval east of Greenwich.
fn zone_of(value: &Expr) -> Option<String> {
    let zone = match value {
        value if is_default(value) || is_local(value) => None,
        Expr::Interval(interval) => zone::east(&text(&interval.value)).or_else(|| hours(&text(&interval.value))),
        Expr::Value(number) if matches!(number.value, Value::Number(..)) => hours(&text(value)),
        Expr::UnaryOp { .. } => hours(&value.to_string()),
        value => zone::named(&text(value)),
    };
    zone.as_deref().map(zone::shown)
}

fn hours(number: &str) -> Option<String> {
    let minutes = number.parse::<f64>().ok()? * 60.0;
    let whole = minutes.abs().round();
    let sign = if minutes < 0.0 { '-' } else { '+' };
    zone::east(&format!("{sign}{:02}:{:02}", (whole / 60.0).floor(), whole % 60.0))
}

fn is_local(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(Ident { value, quote_style: None, .. }) if value.eq_ignore_ascii_case("local"))
}

/// Whether it is the word `DEFAULT`.
pub(super) fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(Ident { value, quote_style: None, .. }) if value.eq_ignore_ascii_case("default"))
}

/// A value as it was written, without the quotes of a text.
pub(super) fn text(value: &Expr) -> String {
    match value {
        Expr::Value(value) => value.value.clone().into_string().unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion_postgres::pgwire::error::PgWireError;

    use super::super::dialect::Dialect;
    use super::*;

    fn check(sql: &str, expect: Option<&str>) {
        let statement = Dialect::default().parse(sql).unwrap().remove(0);
        let state = super::check(&statement).err().map(|error| match error {
            PgWireError::UserError(told) => told.code.clone(),
            other => panic!("{other}"),
        });
        assert_eq!(state.as_deref(), expect, "{sql}");
    }

    #[test]
    fn names_are_those_of_postgres_in_order() {
        assert!(KNOWN.is_sorted(), "a name that is not where one looks for it");
    }

    #[test]
    fn what_clients_set_is_taken_and_nonsense_is_not() {
        for sql in [
            "set client_encoding to 'UTF8'",
            "set client_encoding = 'utf-8'",
            "set names 'utf8'",
            "set DateStyle = ISO, MDY",
            "set datestyle to default",
            "set extra_float_digits = 3",
            "set session application_name = 'x'",
            "set local statement_timeout = '5s'",
            "set statement_timeout = 0",
            "set statement_timeout to '1.5 min'",
            "set search_path = \"$user\", public",
            "set timezone = 'UTC'",
            "set time zone 'Europe/Zurich'",
            "set IntervalStyle = iso_8601",
            "set session characteristics as transaction read only",
            "set transaction isolation level serializable",
            "set app.tenant = 'x'",
            "reset all",
            "reset statement_timeout",
            "show all",
            "show transaction isolation level",
            "show statement_timeout",
        ] {
            check(sql, None);
        }
        for sql in ["set nonsense = 1", "set local nonsense to on", "reset nonsense", "show nonsense"] {
            check(sql, Some("42704"));
        }
        check("set role none", None);
        check("set role globex", Some("42501"));
        check("set server_version = '17'", Some("55P02"));
        check("set client_encoding = 'LATIN1'", Some("22023"));
        check("set names 'latin1'", Some("22023"));
        check("set statement_timeout = 'soon'", Some("22023"));
        check("set statement_timeout = -1", Some("22023"));
        check("set time zone 'Mars/Olympus'", Some("22023"));
        check("set timezone = nowhere", Some("22023"));
    }

    #[test]
    fn bare_words_are_texts() {
        let parsed = |sql: &str| Dialect::default().parse(sql).unwrap().remove(0).to_string();
        assert_eq!(parsed("set session intervalstyle to iso_8601"), "SET intervalstyle = 'iso_8601'");
        assert_eq!(parsed("set datestyle = ISO, MDY"), "SET datestyle = 'ISO, MDY'");
        assert_eq!(parsed("set statement_timeout = default"), "SET statement_timeout = default");
        assert_eq!(parsed("set local timezone = 'UTC'"), "SET LOCAL TIME ZONE 'UTC'");
        assert_eq!(parsed("set time zone 'europe/zurich'"), "SET TIME ZONE 'Europe/Zurich'");
        assert_eq!(parsed("set time zone -3.5"), "SET TIME ZONE '<-03:30>+03:30'");
        assert_eq!(parsed("set time zone interval '+05:30' hour to minute"), "SET TIME ZONE '<+05:30>-05:30'");
        assert_eq!(parsed("set timezone = 'UTC-2'"), "SET TIME ZONE '<+02:00>-02:00'");
        assert_eq!(parsed("set statement_timeout to '1.5 min'"), "SET statement_timeout = '90000'");
        assert_eq!(parsed("set statement_timeout = 250"), "SET statement_timeout = '250'");
    }
}
