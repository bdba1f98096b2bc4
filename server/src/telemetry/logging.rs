//! The node's own log: lines for people or JSON objects for machines, on standard error.
//!
//! Keys, bodies and headers are never given to it (I12): what is logged are names, numbers and errors. Not here: the
//! audit trail, which is the journal.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{self, LogFormat};

/// Why the log can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter does not parse.
    #[error("log.filter {filter:?}: {reason}; write a level, or directives such as info,engine=debug")]
    Filter {
        /// As given.
        filter: String,
        /// What does not parse.
        reason: String,
    },
    /// A process has one log.
    #[error("logging is set up already")]
    Twice,
}

/// Sets the process's log up; once.
pub fn init(options: &config::Log) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(&options.filter)
        .map_err(|error| LoggingError::Filter { filter: options.filter.clone(), reason: error.to_string() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match options.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    set.map_err(|_| LoggingError::Twice)
}
