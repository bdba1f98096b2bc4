//! `tenantry completions`: scripts that let a shell complete commands and flags.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Ended};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenantry completions bash > ~/.local/share/bash-completion/completions/tenantry
  tenantry completions zsh > ~/.zfunc/_tenantry
  tenantry completions fish > ~/.config/fish/completions/tenantry.fish")]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tenantry", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(Ended::Well)
    }
}
