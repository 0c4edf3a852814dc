//! What can go wrong with a private server; owns the words, never the cause.

use std::path::PathBuf;

use super::binaries::INSTALL_HINT;

/// Why a private server could not be had or steered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to start; the person installs a package or names a directory.
    #[error("no Postgres server binaries (`initdb`, `postgres`) found{}\n{INSTALL_HINT}", list(.searched))]
    NoBinaries {
        /// The places looked at, in order.
        searched: Vec<PathBuf>,
    },
    /// The directory that the person named has no server in it.
    #[error("`{}` does not hold both `initdb` and `postgres`\nhint: name the directory that does, for example `--pg-bin /usr/lib/postgresql/17/bin`", .0.display())]
    NotBinaries(PathBuf),
    /// Fetching the binaries failed; the person installs the package instead.
    #[error("cannot fetch Postgres server binaries: {why}\n{INSTALL_HINT}")]
    Fetch {
        /// What the archive library said.
        why: String,
    },
    /// We are root, and there is nobody to drop to.
    #[error(
        "postgres refuses to run as root, and there is no account `postgres` or `nobody` to run it as\nhint: run as an ordinary user"
    )]
    NoAccount,
    /// No usable place for the servers' directory.
    #[error("cannot make a private directory under any of{}\nhint: set `TMPDIR` to a short, writable path; a socket's path is limited to {limit} bytes", list(.tried))]
    NoDirectory {
        /// The parents tried, in order.
        tried: Vec<PathBuf>,
        /// Bytes that the operating system leaves for the directory's path.
        limit: usize,
    },
    /// A program that prepares a server failed.
    #[error("`{program}` failed: {output}")]
    Program {
        /// The program's name.
        program: String,
        /// What it said.
        output: String,
    },
    /// The server ended, or was not ready in time; its log says why.
    #[error("the {role} did not start: {log}")]
    Start {
        /// `primary` or `standby`.
        role: &'static str,
        /// The end of its log.
        log: String,
    },
    /// The server did not end in time.
    #[error("the {role} did not stop within {seconds} s")]
    Stop {
        /// `primary` or `standby`.
        role: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A statement of our own failed.
    #[error("`{statement}` failed: {why}")]
    Sql {
        /// The statement's text.
        statement: String,
        /// The server's words with their SQLSTATE, or the connection's.
        why: String,
    },
    /// The standby did not replay what the primary had written.
    #[error("the standby did not catch up within {seconds} s")]
    Behind {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The operating system refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: says what was being done when the operating system refused.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| format!("\n  {}", path.display()))
        .collect()
}
