//! `tenantry export`: everything that is declared, as files that `apply` reads.

use std::fs;
use std::path::PathBuf;

use actors::kinds::KINDS;
use anyhow::Context;
use clap::Args;

use super::{declared, files};
use crate::cli::Ended;
use crate::cli::place::Place;
use crate::cli::progress::{counted, note};
use crate::cli::site::{IfAbsent, at};

/// Write everything that is declared to files
#[derive(Debug, Args)]
#[command(after_help = "\
The folder gets one TOML file a kind, in an order that never changes, so that it can be kept under version
control: exporting, applying and exporting again gives the same bytes.

Examples:
  tenantry export declared/ --data ./data
  tenantry export declared/ --url http://127.0.0.1:8080 --key KEY && git diff declared/")]
pub(in crate::cli) struct Export {
    /// The folder; it is made if it is not there
    folder: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Export {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        at(&self.place, IfAbsent::Refuse, |site| {
            fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
            for kind in KINDS {
                let all = declared(site, kind.name(), None)?;
                let file = self.folder.join(format!("{}.toml", kind.name()));
                let count = all.len() as u64;
                let text = if all.is_empty() { String::new() } else { files::written(kind.name(), all)? };
                fs::write(&file, text).with_context(|| file.display().to_string())?;
                note(&format!("{}: {}", file.display(), counted(count, kind.name())));
            }
            Ok(())
        })?;
        Ok(Ended::Well)
    }
}
