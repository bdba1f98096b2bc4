//! Help that teaches: every command says what it does and shows how it is used.

use crate::cli::{expect, stdout};

const COMMANDS: [&str; 12] =
    ["serve", "demo", "import", "sql", "tenant", "meter", "plan", "quota", "alert", "webhook", "key", "completions"];

#[test]
fn every_command_explains_itself_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    let help = stdout(&expect(folder.path(), &["--help"], 0));
    assert!(help.contains("Exit codes"), "{help}");
    for command in COMMANDS {
        assert!(help.contains(&format!("  {command} ")), "{command} is not in the help:\n{help}");
        let own = stdout(&expect(folder.path(), &[command, "--help"], 0));
        assert!(own.contains("Examples:") && own.contains(&format!("tenantry {command}")), "{own}");
    }
}

#[test]
fn completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&expect(folder.path(), &["completions", shell], 0));
        assert!(script.contains("azure-functions"), "{shell} does not complete the formats of import");
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    expect(folder.path(), &["imprt"], 2);
    expect(folder.path(), &["sql", "select 1", "--url", "http://h", "--data", "d"], 2);
    expect(folder.path(), &["quota", "set", "acme", "tokens"], 2);
}
