//! A PostgreSQL of the machine's own packages: a cluster in a folder that goes with the test, on a socket that nobody else has.
//!
//! It keeps nothing: no fsync, no port, no service of the system. PostgreSQL refuses to run as root, so under root the folder
//! belongs to `nobody`, and the server runs as that.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::runtime::Handle;
use tokio_postgres::{Client, Config, NoTls};

use crate::clients::tools;

/// Where Debian's package puts a version's programs.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The superuser of the cluster, and its database.
const USER: &str = "postgres";
/// Who runs the server if root does not: uid and gid of Debian's `nobody`.
const NOBODY: (u32, u32) = (65534, 65534);

/// See the module.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Cluster {
    /// A running one; `None` if the machine has no PostgreSQL, which is said.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            tools::missing("PostgreSQL's server is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY.0), Some(NOBODY.1)).unwrap();
        }
        let cluster = Self { folder, programs };
        let made = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"];
        cluster.run(cluster.command("initdb").args(made));
        // Texts are ordered by their bytes and the zone is UTC, as in the node.
        let socket = cluster.folder.path().display();
        let settings =
            format!("-k '{socket}' -c listen_addresses='' -c fsync=off -c timezone=UTC -c shared_buffers=32MB");
        let log = cluster.folder.path().join("log");
        cluster.run(cluster.command("pg_ctl").arg("--wait").arg("--log").arg(log).args(["-o", &settings, "start"]));
        Some(cluster)
    }

    /// A connection to it.
    pub(super) fn connect(&self, runtime: &Handle) -> Client {
        let mut config = Config::new();
        config.host_path(self.folder.path()).user(USER).dbname(USER);
        let (client, connection) = runtime.block_on(config.connect(NoTls)).unwrap();
        // It ends with the client.
        runtime.spawn(connection);
        client
    }

    /// One of PostgreSQL's programs, for the cluster's data.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("--pgdata").arg(self.folder.path().join("data")).current_dir(self.folder.path());
        if is_root() {
            command.uid(NOBODY.0).gid(NOBODY.1);
        }
        command
    }

    /// Runs `command` to its end. Its words go to a file: the server that it starts would hold a pipe open.
    fn run(&self, command: &mut Command) {
        let said = self.folder.path().join("said");
        let file = fs::File::create(&said).unwrap();
        let status = command.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        assert!(status.success(), "{command:?}: {}", fs::read_to_string(said).unwrap());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self.command("pg_ctl").args(["--wait", "--mode", "immediate", "--silent", "stop"]).status();
        if !stopped.is_ok_and(|status| status.success()) {
            println!("PostgreSQL in {} did not stop", self.folder.path().display());
        }
    }
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.flatten();
    let number = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).filter(|folder| folder.join("bin/initdb").exists());
    newest.max_by_key(|folder| number(folder)).map(|folder| folder.join("bin"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
