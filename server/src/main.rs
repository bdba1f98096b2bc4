//! The binary `tenantry`; see `server::cli` for its commands and exit codes.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
