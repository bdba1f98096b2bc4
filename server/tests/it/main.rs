//! The server's integration tests, in one binary because each one links DataFusion.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that can't go on has failed, and says why it skips"
)]

mod house;
mod trace;
mod answer;
mod served;
mod ready;
mod receiver;
mod threads;
mod watch;
mod door;
mod doors;
mod crash;
mod damage;
mod old_folder;
mod torture;
mod soak;
mod bounded;
mod hostile;
mod egress;
mod full_disk;
mod real_input;
mod http;
mod clients;
mod isolation;
mod cli;
mod cli_help;
mod cli_config;
mod cli_work;
mod cli_upload;
mod cli_places;
mod cli_import;
mod cli_declared;
mod materialized;
mod postgres_psql;
mod against_postgres;
mod hang;
mod examples;
mod snippets;
