//! Python and node with the clients' packages, Go's programs, the JDBC driver: made once, in the user's cache folder, under a
//! lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Python's clients, pinned; the last is one that ibis needs and does not name.
const PACKAGES: [&str; 9] = [
    "psycopg[binary]==3.3.9",
    "SQLAlchemy==2.1.9",
    "pandas==3.1.1",
    "adbc-driver-postgresql==1.13.0",
    "pyarrow==26.0.1",
    "asyncpg==0.32.0",
    "pyodbc==5.5.0",
    "ibis-framework[postgres]==12.0.0",
    "packaging==26.4",
];
/// Says in its name what is in the folder: another set of packages goes to another.
const VENV: &str = "python-2";
/// Of dbt, which wants other versions of what clients want too. Later ones fetch a parser from elsewhere while they are
/// installed.
const DBT: [&str; 2] = ["dbt-core==1.10.23", "dbt-postgres==1.9.1"];
const DBT_VENV: &str = "dbt-1";
/// Node's clients, pinned.
const MODULES: [&str; 3] = ["pg@8.23.1", "pg-cursor@2.22.0", "postgres@3.4.9"];
const NODE: &str = "node-1";
/// Where Debian puts libraries, in a folder for each kind of machine.
const LIBRARIES: &str = "/usr/lib";
/// Of the prober of the HTTP API, which wants other versions of what clients want too.
const PROBER: [&str; 1] = ["schemathesis==4.32.5"];
const PROBER_VENV: &str = "schemathesis-1";
const JDBC: &str = "postgresql-42.7.8.jar";
const JDBC_SHA256: &str = "2a32a9dcbc42d67a50ad3a0de5efd102c8d2be46720045f2cbd6689f160ab7c7";
/// Fetches and checks a file; Python has what the house's own HTTP client is built without.
const FETCH: &str = "import hashlib, sys, urllib.request
data = urllib.request.urlopen(sys.argv[1]).read()
assert hashlib.sha256(data).hexdigest() == sys.argv[2], 'another file than was pinned'
open(sys.argv[3], 'wb').write(data)";

/// Whether `program` is there.
pub(crate) fn has(program: &str) -> bool {
    let argument = match program {
        "java" => "-version",
        "go" => "version",
        _ => "--version",
    };
    let found = Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success());
    found || missing(&format!("{program} is not installed"))
}

/// A Python that has the clients' packages.
pub(crate) fn python() -> Option<PathBuf> {
    venv(VENV, &PACKAGES)
}

/// A Python that has schemathesis.
pub(super) fn prober() -> Option<PathBuf> {
    venv(PROBER_VENV, &PROBER)
}

/// A Python that has dbt.
pub(super) fn dbt() -> Option<PathBuf> {
    venv(DBT_VENV, &DBT)
}

fn venv(name: &str, packages: &[&str]) -> Option<PathBuf> {
    if !has("python3") {
        return None;
    }
    let (folder, _lock) = locked();
    let venv = folder.join(name);
    let (python, done) = (venv.join("bin/python"), venv.join("complete"));
    let made = done.exists()
        || (run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))
            && run(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(packages))
            && fs::write(&done, "").is_ok());
    (made || missing("Python's packages can't be installed")).then_some(python)
}

/// Node, which finds the clients' modules.
pub(super) fn node() -> Option<Command> {
    if !has("node") || !has("npm") {
        return None;
    }
    let (folder, _lock) = locked();
    let home = folder.join(NODE);
    let done = home.join("complete");
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
    let made = done.exists()
        || (run(Command::new("npm").args(install).arg(&home).args(MODULES)) && fs::write(&done, "").is_ok());
    let mut node = Command::new("node");
    node.env("NODE_PATH", home.join("node_modules"));
    (made || missing("node's packages can't be installed")).then_some(node)
}

/// The program of the folder `name` beside this file. Whether it is to be made again Go knows.
pub(super) fn go(name: &str) -> Option<PathBuf> {
    if !has("go") {
        return None;
    }
    let (folder, _lock) = locked();
    let program = folder.join(name);
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).current_dir(script(name)).env("CGO_ENABLED", "0");
    (run(&mut build) || missing("Go's modules can't be fetched or compiled")).then_some(program)
}

/// The ODBC driver, if there is a manager to load it.
pub(super) fn odbc() -> Option<PathBuf> {
    let folders = fs::read_dir(LIBRARIES).into_iter().flatten().flatten().map(|entry| entry.path());
    let managed = folders.filter(|folder| folder.join("libodbc.so.2").exists());
    let driver = managed.map(|folder| folder.join("odbc/psqlodbcw.so")).find(|driver| driver.exists());
    if driver.is_none() {
        missing("psqlODBC is not installed");
    }
    driver
}

/// The JDBC driver, if there is a Java to run it.
pub(crate) fn jdbc() -> Option<PathBuf> {
    if !has("java") || !has("python3") {
        return None;
    }
    let (folder, _lock) = locked();
    let jar = folder.join(JDBC);
    let url = "https://repo1.maven.org/maven2/org/postgresql/postgresql/42.7.8/postgresql-42.7.8.jar";
    let made = jar.exists() || {
        let unfinished = jar.with_extension("unfinished");
        run(Command::new("python3").args(["-c", FETCH, url, JDBC_SHA256]).arg(&unfinished))
            && fs::rename(&unfinished, &jar).is_ok()
    };
    (made || missing("the JDBC driver can't be fetched")).then_some(jar)
}

/// A file beside this one.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name)
}

/// The folder of what clients need, locked against others who make some of it.
pub(crate) fn locked() -> (PathBuf, File) {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = cache.unwrap_or_else(std::env::temp_dir).join("tenantry/clients");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    (folder, lock)
}

/// Whether a command ended well; says what it complained of otherwise.
pub(crate) fn run(command: &mut Command) -> bool {
    let output = command.output().unwrap();
    if !output.status.success() {
        println!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// Says why a test skips.
pub(crate) fn missing(what: &str) -> bool {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what} and CI=true");
    println!("skipped: {what}");
    false
}
