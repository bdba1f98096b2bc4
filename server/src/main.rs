//! The binary `tenantry`; see `server::cli` for its commands and exit codes.

use std::process::ExitCode;

/// Columns are allocated by one thread and freed by another, batch after batch. The system's allocator locks and searches for
/// that: at half load the node took a fifth fewer events, and what was answered was seen twice as late at p99.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::cli::main()
}
