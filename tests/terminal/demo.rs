//! `pgcutover demo` in a terminal, and everything it makes in a directory of
//! its own, which has to be empty again when the demo has ended.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::PATIENCE;
use crate::screen::Screen;

/// The size that everything has to work at.
pub(crate) const SMALL: (u16, u16) = (80, 24);

/// A demo on a screen.
pub(crate) struct Demo {
    screen: Screen,
    home: TempDir,
}

impl Demo {
    /// Starts one with so many rows.
    pub(crate) fn start(rows: u64) -> Self {
        Self::with(rows, &[], &[], SMALL)
    }

    /// Starts one, and waits for the dashboard.
    pub(crate) fn with(
        rows: u64,
        options: &[&str],
        variables: &[(&str, &str)],
        size: (u16, u16),
    ) -> Self {
        // Socket paths are short: not below the build's directory.
        let home = tempfile::Builder::new()
            .prefix("pgc-")
            .tempdir_in("/tmp")
            .unwrap();
        // The servers' account makes its directory in here.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgcutover"));
        command
            .args(["demo", "--rows", &rows.to_string()])
            .args(options)
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env("LANG", "C.UTF-8")
            .envs(variables.iter().copied());
        if let Some(directory) = std::env::var_os("PGCUTOVER_TEST_PG_BIN") {
            command.arg("--pg-bin").arg(directory);
        }
        let screen = Screen::start(&command, size);
        screen.shows("SPACE hold");
        Self { screen, home }
    }

    /// Opens the advance card and confirms it.
    pub(crate) fn advances(&mut self, into: &str) {
        self.press("a");
        self.confirms(&format!("advance into {into}"));
    }

    /// From NOT STARTED into the backfill.
    pub(crate) fn advances_into_the_backfill(&mut self) {
        self.shows("NOT STARTED");
        self.advances("expand");
        self.shows("Ready for dual-write");
        self.advances("dual-write");
        // A small one may be over before the next frame: what follows begins by itself.
        self.waits("the backfill", |text| {
            text.contains("BACKFILL") || text.contains("VERIFY")
        });
    }

    /// Runs a statement on the demo's standby, found by its socket.
    pub(crate) fn on_the_standby(&self, statement: &str) {
        let sockets = sockets(self.home.path());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            for (directory, port) in sockets {
                let dsn = format!("host={directory} port={port} user=postgres dbname=app");
                let (client, connection) = tokio_postgres::connect(&dsn, NoTls).await.unwrap();
                tokio::spawn(connection);
                let row = client.query_one("SELECT pg_is_in_recovery()", &[]).await;
                if row.unwrap().get(0) {
                    client.batch_execute(statement).await.unwrap();
                }
            }
        });
    }

    /// Signs; again where the state has changed meanwhile.
    pub(crate) fn signs(&mut self) {
        loop {
            self.shows("s signs");
            self.press("s");
            self.confirms("sign for a seat");
            self.waits("an answer", |text| {
                text.contains("sign: accepted") || text.contains("sign refused")
            });
            if self.text().contains("sign: accepted") {
                return;
            }
        }
    }

    /// Waits for the end with this exit code: no file and no server is left.
    pub(crate) fn ends_without_a_trace(&mut self, code: u32) {
        let ended = self.screen.ends();
        let home = self.home.path();
        let left: Vec<_> = fs::read_dir(home)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        let servers = processes_of(&home.display().to_string());
        assert!(servers.is_empty(), "still there: {servers:?}");
        assert_eq!(ended, code, "{}", self.screen.text());
    }
}

impl Drop for Demo {
    /// Whoever takes the servers away is another process: the directory is not
    /// taken from under it.
    fn drop(&mut self) {
        self.screen.kill();
        let deadline = Instant::now() + PATIENCE;
        let home = self.home.path();
        while fs::read_dir(home).is_ok_and(|mut files| files.next().is_some()) {
            if Instant::now() > deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Deref for Demo {
    type Target = Screen;

    fn deref(&self) -> &Screen {
        &self.screen
    }
}

impl DerefMut for Demo {
    fn deref_mut(&mut self) -> &mut Screen {
        &mut self.screen
    }
}

/// The directories and ports of the servers' sockets below a directory.
fn sockets(home: &Path) -> Vec<(String, String)> {
    let clusters = fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for cluster in clusters.filter(|path| path.is_dir()) {
        for entry in fs::read_dir(&cluster).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(port) = name.strip_prefix(".s.PGSQL.")
                && !port.ends_with(".lock")
            {
                found.push((cluster.display().to_string(), port.to_owned()));
            }
        }
    }
    found
}

/// Command lines that name this directory.
fn processes_of(directory: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| {
        let line = fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(directory)).collect()
}
