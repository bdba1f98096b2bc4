//! `tenantry meter`: what is counted.

use std::path::PathBuf;

use clap::Subcommand;

use super::Ended;
use super::api::{At, Request, path, run};
use super::definitions::define;

/// Define what is counted
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A meter counts the events of one type. A file has one or many, in TOML or JSON:

  [[meter]]
  name = \"tokens\"
  event_type = \"llm.completion\"
  value = \"$.usage.tokens\"
  aggregation = \"sum\"                     # count, sum, min, max, avg, latest, unique_count, ...
  dimensions = [{ name = \"model\", path = \"$.model\" }]
  window = { tumbling = { size_s = 60 } }   # or sliding, session, calendar

A new or changed meter counts the past as well. Its view in SQL is meter_NAME.

Examples:
  tenantry meter define meters.toml --data ./data
  tenantry meter list --url http://127.0.0.1:8080 --key KEY")]
pub(super) enum Meter {
    /// All meters
    List {
        #[command(flatten)]
        place: At,
    },
    /// One meter
    Show {
        /// Its name
        meter: String,
        #[command(flatten)]
        place: At,
    },
    /// Define the meters in a file, or change those that are there
    Define {
        /// TOML, or JSON if its name ends in .json
        file: PathBuf,
        #[command(flatten)]
        place: At,
    },
    /// Remove a meter and its views; events stay
    Remove {
        /// Its name
        meter: String,
        #[command(flatten)]
        place: At,
    },
}

impl Meter {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        match self {
            Self::List { place } => run(&place, Request::get(path(&["meters"])))?,
            Self::Show { meter, place } => run(&place, Request::get(path(&["meters", &meter])))?,
            Self::Define { file, place } => {
                define(&place, &file, "meter", |name, definition| Request::put(path(&["meters", name]), definition))?;
            }
            Self::Remove { meter, place } => run(&place, Request::delete(path(&["meters", &meter])))?,
        }
        Ok(Ended::Well)
    }
}
