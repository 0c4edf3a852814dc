//! Owns which operating system account the servers run as; never changes our own.
//!
//! Postgres refuses to run as root, so root drops to `postgres` or `nobody`.
//! The servers' directory then belongs to that account with mode 0700, and
//! root still reaches its sockets.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::error::Error;

/// The account of the servers, and of whatever prepares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    /// The user and group to drop to; absent where we are not root.
    drop_to: Option<(u32, u32)>,
}

impl Account {
    /// Our own, or an unprivileged one when we are root.
    pub(super) fn for_servers() -> Result<Self, Error> {
        if id(&["-u"]) != Some(0) {
            return Ok(Self { drop_to: None });
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
            .map(|ids| Self { drop_to: Some(ids) })
            .ok_or(Error::NoAccount)
    }

    /// Our own, whoever we are.
    pub(super) fn our_own() -> Self {
        Self { drop_to: None }
    }

    /// User and group to drop to, as text; empty where it is our own.
    pub(super) fn ids(self) -> (String, String) {
        let text = |(uid, gid): (u32, u32)| (uid.to_string(), gid.to_string());
        self.drop_to.map(text).unwrap_or_default()
    }

    /// Whether it is not our own.
    #[cfg(feature = "fetch")]
    pub(super) fn is_another(self) -> bool {
        self.drop_to.is_some()
    }

    /// A command to run as this account, in a process group of its own so that
    /// a Ctrl-C in our terminal is ours alone. It sees no `PG*` variable: the
    /// server would take some of them for settings.
    pub(super) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.drop_to {
            command.uid(uid).gid(gid);
        }
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command.process_group(0).stdin(Stdio::null());
        command
    }

    /// Hands what we made over to this account.
    pub(super) fn own(self, path: &Path) -> Result<(), Error> {
        match self.drop_to {
            None => Ok(()),
            Some((uid, gid)) => chown(path, Some(uid), Some(gid))
                .map_err(Error::io(format!("hand `{}` over", path.display()))),
        }
    }

    /// Writes a file that belongs to this account.
    pub(super) fn write(self, path: &Path, text: &str) -> Result<(), Error> {
        std::fs::write(path, text).map_err(Error::io(format!("write `{}`", path.display())))?;
        self.own(path)
    }
}

/// Runs a command to its end; an error carries what it printed.
pub(super) fn run(command: &mut Command) -> Result<Output, Error> {
    let program = Path::new(command.get_program())
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let output = command
        .output()
        .map_err(Error::io(format!("run `{program}`")))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    Err(Error::Program {
        program,
        output: String::from_utf8_lossy(&said).trim().to_owned(),
    })
}

/// What `id` answers: the standard library cannot ask who we are.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
