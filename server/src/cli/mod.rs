//! The command line: what each command takes, teaches and prints. Results go to standard output, everything else to
//! standard error, so that results can be piped.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed; the reason is on standard error |
//! | 2 | the command line or the configuration is wrong |
//! | 3 | an import ended, and some of its events were rejected |
//!
//! Not here: the work itself, which the node, the import driver and the doors do.

mod place;
mod problem;
mod remote;
mod site;
mod output;
mod table;
mod answer;
mod api;
mod definitions;
mod progress;
mod stop;
mod serve;
mod demo;
mod import;
mod remembered;
mod upload;
mod sql;
mod tenant;
mod meter;
mod plan;
mod quota;
mod alert;
mod webhook;
mod key;
mod declared;
mod completions;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pipelines::catalog::HOLDING_STACK_BYTES;

use crate::config::ConfigError;

pub use place::Place;

/// Meter the events of many tenants, enforce their quotas, and ask about both in SQL.
#[derive(Debug, Parser)]
#[command(
    name = "tenantry",
    version,
    max_term_width = 100,
    after_help = "\
First steps:
  tenantry demo                            a node with live tenants, and queries to try on it
  tenantry key create --platform --data D  a key for a data folder of your own
  tenantry serve --data D                  the node
  tenantry sql \"select * from tenants\" --url http://127.0.0.1:8080 --key KEY
  tenantry apply declared/ --url http://127.0.0.1:8080 --key KEY

Exit codes: 0 done, 1 failed, 2 wrong command line or configuration, 3 imported with rejected events."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Import(import::Import),
    Sql(sql::Sql),
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    #[command(subcommand)]
    Meter(meter::Meter),
    #[command(subcommand)]
    Plan(plan::Plan),
    #[command(subcommand)]
    Quota(quota::Quota),
    #[command(subcommand)]
    Alert(alert::Alert),
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    #[command(subcommand)]
    Key(key::Key),
    Apply(declared::apply::Apply),
    Get(declared::get::Get),
    Describe(declared::describe::Describe),
    History(declared::history::History),
    Rollback(declared::rollback::Rollback),
    Delete(declared::delete::Delete),
    Export(declared::export::Export),
    Explain(declared::explain::Explain),
    Schema(declared::schema::Schema),
    Completions(completions::Completions),
}

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    WithRejections,
}

/// Runs the process's command line; the only place that decides exit codes.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::WithRejections) => ExitCode::from(3),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done if standard error is gone too.
            let _ = writeln!(std::io::stderr(), "tenantry: {}", told(&error));
            ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Ended> {
    match cli.command {
        Command::Serve(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Sql(command) => command.run(),
        Command::Tenant(command) => command.run(),
        Command::Meter(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Quota(command) => command.run(),
        Command::Alert(command) => command.run(),
        Command::Webhook(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Apply(command) => command.run(),
        Command::Get(command) => command.run(),
        Command::Describe(command) => command.run(),
        Command::History(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Delete(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Completions(command) => command.run(),
    }
}

/// A runtime for one command; the node's threads are its own. Connections and the log share the limit on open files, and the
/// soft one is meant for shells, so the process takes what the machine allows. Prepared statements are kept and dropped here,
/// which takes a stack for the deepest of them.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.thread_name("doors").thread_stack_size(HOLDING_STACK_BYTES).enable_all().build()
}

/// The error and its causes, each said once: a cause that is in what was said before is left out.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.contains(&cause) {
            continue;
        }
        if !told.is_empty() {
            told.push_str(": ");
        }
        told.push_str(&cause);
    }
    told
}

/// `tenantry sql … | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let failed = || Err::<(), _>(std::io::Error::other("disk gone"));
        let error = failed().context("file x: disk gone").context("importing").unwrap_err();
        assert_eq!(told(&error), "importing: file x: disk gone");
    }
}
