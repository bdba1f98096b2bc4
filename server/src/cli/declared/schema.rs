//! `tenantry schema`: what editors check files of declarations against.

use std::fs;
use std::path::PathBuf;

use actors::kinds::KINDS;
use anyhow::Context;
use clap::Args;

use crate::cli::Ended;
use crate::cli::progress::note;
use crate::http::declared::schema_of;

/// Write JSON Schemas of all kinds, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
An editor that speaks YAML finds a schema by the file's first line:

  # yaml-language-server: $schema=./schemas/meter.json
  kind: meter
  name: tokens

A node serves the same at /schemas/KIND.json.

Example:
  tenantry schema ./schemas")]
pub(in crate::cli) struct Schema {
    /// The folder; it is made if it is not there
    folder: PathBuf,
}

impl Schema {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        fs::create_dir_all(&self.folder).with_context(|| self.folder.display().to_string())?;
        for kind in KINDS {
            let file = self.folder.join(format!("{}.json", kind.name()));
            let text = serde_json::to_string_pretty(&schema_of(*kind))?;
            fs::write(&file, text + "\n").with_context(|| file.display().to_string())?;
            note(&file.display().to_string());
        }
        Ok(Ended::Well)
    }
}
