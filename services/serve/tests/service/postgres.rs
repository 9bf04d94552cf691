//! A real PostgreSQL in a temporary folder, as the oracle of what is around private queries.

use std::path::{Path, PathBuf};
use std::process::Command;

use tokio_postgres::{Client, NoTls};

use crate::support::runtime;

/// A running server; stopped when dropped.
pub(crate) struct Server {
    binaries: PathBuf,
    data: tempfile::TempDir,
    pub(crate) client: Client,
}

/// Where Debian puts a version's programs.
fn binaries() -> Option<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    all.retain(|folder| folder.join("initdb").exists());
    all.sort();
    all.pop()
}

/// As the user `postgres` where we are root, since the server refuses root.
fn command(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

impl Server {
    /// A server; `None`, with a note, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let started = Self::try_start();
        if started.is_none() {
            println!(
                "note: no PostgreSQL could be started here, so nothing is compared with it (Debian: postgresql)"
            );
        }
        started
    }

    fn try_start() -> Option<Self> {
        let binaries = binaries()?;
        let data = tempfile::tempdir().ok()?;
        std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).ok()?;
        let cluster = data.path().join("cluster");
        let quiet = |command: &mut Command| command.output().ok().filter(|output| output.status.success());
        quiet(
            command(&binaries.join("initdb"))
                .args([
                    "--auth=trust",
                    "--username=postgres",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                    "-D",
                ])
                .arg(&cluster),
        )?;
        let free = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let options = format!("-p {free} -h 127.0.0.1 -k {} -F", data.path().display());
        let log = data.path().join("log");
        // The server keeps its inherited output open, so nothing is captured.
        let started = command(&binaries.join("pg_ctl"))
            .arg("-D")
            .arg(&cluster)
            .arg("-l")
            .arg(&log)
            .args(["-w", "-o", &options, "start"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        started.ok().filter(std::process::ExitStatus::success)?;
        let dsn = format!("host=127.0.0.1 port={free} user=postgres dbname=postgres");
        let client = runtime().block_on(async {
            let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.ok()?;
            tokio::spawn(connection);
            Some(client)
        })?;
        Some(Self { binaries, data, client })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = command(&self.binaries.join("pg_ctl"))
            .arg("-D")
            .arg(self.data.path().join("cluster"))
            .args(["-m", "immediate", "stop"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
    }
}
