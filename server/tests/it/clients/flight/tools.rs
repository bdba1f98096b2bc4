//! The drivers, fetched once into the user's cache folder, at fixed versions.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const PYTHON_PACKAGES: [&str; 3] = ["adbc-driver-flightsql==1.13.0", "adbc-driver-manager==1.13.0", "pyarrow==26.0.1"];
const JDBC_DRIVER: &str = "flight-sql-jdbc-driver";
const JDBC_VERSION: &str = "18.3.0";
/// What copies a jar out of a Maven repository, at a fixed version too.
const MAVEN_COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// The Python that has the drivers; `None`, said on stderr, where it can't be had, which is a failure if `CI=true`.
pub(super) fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    found("adbc-driver-flightsql", PYTHON.get_or_init(make_environment))
}

/// The jar of the JDBC driver; the same holds.
pub(super) fn jdbc() -> Option<&'static Path> {
    static JAR: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    found("the Flight SQL JDBC driver", JAR.get_or_init(fetch_jar))
}

fn fetch_jar() -> Result<PathBuf, String> {
    let folder = cache()?.join("flight-jdbc");
    let jar = folder.join(format!("{JDBC_DRIVER}-{JDBC_VERSION}.jar"));
    run(Command::new("java").arg("-version"))?;
    if !jar.exists() {
        run(Command::new("mvn").args(["--quiet", "--batch-mode", MAVEN_COPY]).args([
            format!("-Dartifact=org.apache.arrow:{JDBC_DRIVER}:{JDBC_VERSION}"),
            format!("-DoutputDirectory={}", folder.display()),
        ]))?;
    }
    Ok(jar)
}

fn found(what: &str, made: &'static Result<PathBuf, String>) -> Option<&'static Path> {
    match made {
        Ok(path) => Some(path),
        Err(reason) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{what} can't be had and CI=true: {reason}");
            eprintln!("skipped: {what} can't be had: {reason}");
            None
        }
    }
}

fn cache() -> Result<PathBuf, String> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(base.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("tenantry"))
}

/// A virtual environment; a half-made one has no mark and is made anew.
fn make_environment() -> Result<PathBuf, String> {
    let folder = cache()?.join("flight-python");
    let (python, mark) = (folder.join("bin/python"), folder.join("packages"));
    let wanted = PYTHON_PACKAGES.join("\n");
    if std::fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PYTHON_PACKAGES))?;
    std::fs::write(&mark, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
