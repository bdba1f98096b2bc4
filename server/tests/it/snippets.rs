//! What the pages for readers show is what happens: every `console` and `sh` block of the README and of the book is run, a page
//! at a time and in order, by one shell with the built binary on its PATH. What a `console` block shows is compared; what an
//! `sh background` block starts goes on until the page ends.
//!
//! CONTRIBUTING.md says how blocks are written. Not here: the page "Connect your tool" (`clients`) and the examples
//! (`examples`).

use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::tools;
use crate::examples::EXAMPLES;

const TENANTRY: &str = env!("CARGO_BIN_EXE_tenantry");
/// What the pages' commands need beside the binary.
const PROGRAMS: [&str; 3] = ["bash", "curl", "psql"];
/// The ports that pages name, which are a node's defaults; each page is run with free ones in their place.
const PORTS: [(&str, &str); 3] =
    [("8080", "TENANTRY_HTTP_ADDRESS"), ("5433", "TENANTRY_POSTGRES_ADDRESS"), ("8815", "TENANTRY_FLIGHT_ADDRESS")];
/// Longest run of one page, seconds, on a slow machine that does more than this.
const PAGE_S_MAX: &str = "300";
/// Stands for what varies: within a line for any text, as a line for any lines.
const VARIES: &str = "…";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The README and the pages of the book: name from the root, text.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries
        .map(|name| format!("docs/{}", name.to_string_lossy()))
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
        .collect();
    names.sort_unstable();
    names.insert(0, "README.md".to_owned());
    names.into_iter().map(|name| (name.clone(), fs::read_to_string(root().join(&name)).unwrap())).collect()
}

/// A command of a page, and what the page shows of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    /// Where it stands in the page, from 1.
    line: usize,
    command: String,
    /// Nothing if the page does not show what it says.
    shown: Vec<String>,
    code: i32,
    /// Whether it goes on until the page ends.
    is_background: bool,
}

/// The commands of all blocks of a page.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, _)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<(&str, usize)> = lines.by_ref().take_while(|(line, _)| *line != "```").collect();
        match language {
            "console" => steps.extend(console(&block)),
            "sh" | "sh background" => {
                let text: Vec<&str> = block.iter().map(|(line, _)| *line).collect();
                let is_background = language != "sh";
                let command = match is_background {
                    true => text.join("\n"),
                    false => format!("set -e\n{}\nset +e", text.join("\n")),
                };
                let line = block.first().map_or(0, |(_, line)| *line);
                steps.push(Step { line, command, is_background, ..Step::default() });
            }
            _ => {}
        }
    }
    steps
}

fn console(block: &[(&str, usize)]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (text, line) in block {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step { line: *line, command: command.to_owned(), ..Step::default() });
            continue;
        }
        let step = steps.last_mut().unwrap_or_else(|| panic!("line {line}: a console block begins with a command"));
        if let Some(code) = text.strip_prefix("exit code ") {
            step.code = code.parse().unwrap_or_else(|_| panic!("line {line}: not an exit code"));
        } else if step.shown.is_empty() && (step.command.ends_with('\\') || text.starts_with("> ")) {
            step.command.push('\n');
            step.command.push_str(text.strip_prefix("> ").unwrap_or(text));
        } else {
            step.shown.push((*text).to_owned());
        }
    }
    steps
}

/// Whether `told` is what is `shown`.
fn is_shown(shown: &[&str], told: &[&str]) -> bool {
    match shown.split_first() {
        None => told.is_empty(),
        Some((&VARIES, rest)) => (0..=told.len()).any(|skipped| is_shown(rest, &told[skipped..])),
        Some((line, rest)) => {
            told.split_first().is_some_and(|(first, others)| is_line(line, first) && is_shown(rest, others))
        }
    }
}

fn is_line(shown: &str, told: &str) -> bool {
    let parts: Vec<&str> = shown.split(VARIES).collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == told };
    let Some(mut rest) = told.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The lines of `text` without spaces at their ends and without empty ones behind the last.
fn trimmed(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

/// Free ports, one for each of [`PORTS`].
fn free_ports() -> [u16; 3] {
    let held = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Puts what a page's commands call into `folder`: the binary, and a cargo that has built it already.
fn programs(folder: &Path, ports: [u16; 3]) {
    fs::create_dir(folder).unwrap();
    let [http, postgres, flight] = ports.map(|port| format!("127.0.0.1:{port}"));
    // The file that a command's output goes to stands for a terminal, where answers are words; in a pipe they are JSON. SQL is
    // 20 ms behind events, on a busy machine more.
    let tenantry = format!(
        "#!/bin/sh\nwords=yes\ncase \"$1 ${{2:-}}\" in\n\
         'demo '*) words=; shift; set -- demo --http {http} --postgres {postgres} --flight {flight} \"$@\" ;;\n\
         'sql '*) words=; sleep 0.3 ;;\n\
         'serve '*|'import '*|'export '*|'explain '*|'schema '*|'completions '*|-*) words= ;;\n\
         'tenant export'|'webhook listen') words= ;;\nesac\n\
         case \" $* \" in *' --format '*|*' --help '*) words= ;; esac\n\
         if [ -n \"$words\" ] && [ -f /dev/stdout ]; then set -- \"$@\" --format text; fi\n\
         exec '{TENANTRY}' \"$@\"\n"
    );
    let cargo = "#!/bin/sh\ncase \"$*\" in\n\
         'run --release -- '*) shift 3; exec tenantry \"$@\" ;;\n\
         'build --release'|'test --workspace') ;;\n\
         *) echo \"not a command that pages show: cargo $*\" >&2; exit 1 ;;\nesac\n";
    for (name, text) in [("tenantry", tenantry.as_str()), ("cargo", cargo)] {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Runs the commands of a page.
///
/// # Errors
/// The first that does not do what the page shows.
fn run(name: &str, page: &str) -> Result<usize, String> {
    let ports = free_ports();
    let page =
        PORTS.iter().zip(ports).fold(page.to_owned(), |page, ((port, _), free)| page.replace(port, &free.to_string()));
    let steps = steps(&page);
    let folder = tempfile::tempdir().unwrap();
    let (bin, home, told) = (folder.path().join("bin"), folder.path().join("home"), folder.path().join("told"));
    programs(&bin, ports);
    fs::create_dir(&home).unwrap();
    fs::create_dir(&told).unwrap();
    let (output, code) = (|at: usize| told.join(format!("{at}.txt")), |at: usize| told.join(format!("{at}.code")));

    // What goes on in the background is a process group of its own, of which nothing is left behind.
    let mut script = "trap 'for job in $(jobs -p); do kill -- -$job; done 2>/dev/null; wait' EXIT\n".to_owned();
    script.push_str("trap 'exit 143' TERM\n");
    for (at, step) in steps.iter().enumerate() {
        let (output, code, expect) = (output(at), code(at), step.code);
        let (output, code) = (output.display(), code.display());
        let command = &step.command;
        if step.is_background {
            // It is there when it says so, or when the demo tells of its first events; the first key that it printed is KEY.
            writeln!(script, ": >'{output}'\nset -m\n{{\n{command}\n}} >'{output}' 2>&1 &\nset +m").unwrap();
            writeln!(
                script,
                "until grep -qE '(^| )ready[ :]| events/s ' '{output}'; do kill -0 $! || exit 1; sleep 0.1; done"
            )
            .unwrap();
            writeln!(script, "key=$(grep -oE 'tn_[0-9a-f_]+' '{output}' | head -n 1); KEY=${{key:-${{KEY:-}}}}")
                .unwrap();
            writeln!(script, "echo 0 >'{code}'").unwrap();
            continue;
        }
        writeln!(script, "{{\n{command}\n}} >'{output}' 2>&1\ncode=$?\necho $code >'{code}'").unwrap();
        writeln!(script, "[ $code = {expect} ] || exit 1").unwrap();
    }
    let file = folder.path().join("page.sh");
    fs::write(&file, script).unwrap();

    let mut command = Command::new("timeout");
    command.args(["-k", "10", PAGE_S_MAX, "bash"]).arg(&file).current_dir(&home);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_") || name.starts_with("PG")) {
        command.env_remove(name);
    }
    for ((_, setting), port) in PORTS.iter().zip(ports) {
        command.env(setting, format!("127.0.0.1:{port}"));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", bin.display())).env("HOME", &home);
    let status = command.status().expect("timeout is there");

    for (at, step) in steps.iter().enumerate() {
        let place = format!("{name}:{}: {}", step.line, step.command);
        let said = fs::read_to_string(output(at)).unwrap_or_default();
        let Ok(ended) = fs::read_to_string(code(at)) else {
            return Err(format!("{place}\nit did not end ({status}); it said\n{said}"));
        };
        let shown: Vec<&str> = step.shown.iter().map(|line| line.trim_end()).collect();
        if ended.trim() != step.code.to_string() || !(shown.is_empty() || is_shown(&shown, &trimmed(&said))) {
            return Err(format!("{place}\nexit code {}, the page says {}; it said\n{said}", ended.trim(), step.code));
        }
    }
    Ok(steps.len())
}

#[test]
fn every_page_does_what_it_shows() {
    if !PROGRAMS.iter().all(|program| tools::has(program)) {
        return;
    }
    let (mut commands, mut wrong) = (0, Vec::new());
    for (name, page) in pages() {
        match run(&name, &page) {
            Ok(ran) => commands += ran,
            Err(told) => wrong.push(told),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(commands > 40, "{commands} commands: too few");
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for (name, _) in pages().into_iter().skip(1).filter(|(name, _)| name != "docs/SUMMARY.md") {
        let file = name.trim_start_matches("docs/");
        assert!(summary.contains(&format!("]({file})")), "docs/SUMMARY.md does not name {file}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut pages = pages();
    let mut names = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"]
        .map(str::to_owned)
        .to_vec();
    names.extend(EXAMPLES.map(|name| format!("examples/{name}/README.md")));
    for name in names {
        let text = fs::read_to_string(root().join(&name)).unwrap();
        pages.push((name, text));
    }
    let mut links = 0;
    for (name, text) in pages {
        let page = root().join(&name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.contains(char::is_whitespace) {
                continue;
            }
            let beside = page.parent().expect("a file is in a folder").join(file);
            assert!(beside.exists(), "{name} links to {target}, which is not there");
            links += 1;
        }
    }
    assert!(links > 20, "{links} links: too few");
}

#[test]
fn what_a_page_shows_is_read() {
    let page = "a\n```console\n$ one \\\n  two\n> three\nshown …\nexit code 3\n$ four\n```\n```toml\n$ no\n```\n```sh\nfive\n```\n";
    let step = |line, command: &str, shown: &[&str], code| Step {
        line,
        command: command.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
        code,
        is_background: false,
    };
    let expect = [
        step(3, "one \\\n  two\nthree", &["shown …"], 3),
        step(8, "four", &[], 0),
        step(14, "set -e\nfive\nset +e", &[], 0),
    ];
    assert_eq!(steps(page), expect);
}

#[test]
fn what_differs_from_a_page_is_found() {
    let check = |shown: &str, told: &str| is_shown(&trimmed(shown), &trimmed(told));
    assert!(check("a\nb", "a \nb\n\n"));
    assert!(check("a … c …", "a b c d"));
    assert!(check("…\nlast", "first\nsecond\nlast"));
    assert!(check("took … ms", "took  ms"));
    assert!(!check("a", "a\nb"));
    assert!(!check("a … c", "a b c d"));
    assert!(!check("a…a", "a"));
    assert!(!check("…\nlast", "last\nfirst"));
    assert!(!check("", "a"));
}
