//! From what was typed to a runbook and the places that it names.
//!
//! Owns reading files and the environment for the verbs; the meaning of what
//! is read is the runbook's and `pg::connect`'s.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli;
use crate::driver::Places;
use crate::pg::connect::{Env, ProcessEnv, ResolveError, Stat, resolve};
use crate::runbook::{Connection, Files, Loaded, Runbook, load};
use crate::store::local;

/// SQL files beside a runbook.
struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}

/// The directory that a runbook lies in.
pub(super) fn directory_of(runbook: &Path) -> PathBuf {
    let parent = runbook.parent().filter(|dir| !dir.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    std::path::absolute(parent).unwrap_or_else(|_| parent.to_owned())
}

/// Reads a runbook; its faults are in the result.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read(source: &cli::Source) -> io::Result<Loaded> {
    let path = &source.runbook;
    let text = std::fs::read_to_string(path)?;
    let files = Beside(directory_of(path));
    let name = path.display().to_string();
    Ok(load(&text, &name, &files, source.environment.as_deref()))
}

/// The process's environment, with variables that stand before its own. The
/// demo names its servers this way.
pub(super) struct Surroundings {
    /// Stand before the process's own.
    pub(super) vars: Arc<BTreeMap<String, String>>,
}

impl Surroundings {
    /// The process's own alone.
    pub(super) fn of_the_process() -> Self {
        Self {
            vars: Arc::default(),
        }
    }
}

impl Env for Surroundings {
    fn var(&self, name: &str) -> Option<String> {
        let own = self.vars.get(name).cloned();
        own.or_else(|| ProcessEnv.var(name))
    }

    fn home(&self) -> Option<PathBuf> {
        ProcessEnv.home()
    }

    fn user(&self) -> Option<String> {
        ProcessEnv.user()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        ProcessEnv.read(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        ProcessEnv.stat(path)
    }
}

/// Where everything is that a runbook names.
///
/// # Errors
/// An address that is missing or cannot be read; a standby's is optional.
pub(super) fn places(
    runbook: &Runbook,
    path: &Path,
    surroundings: &Surroundings,
) -> Result<Places, ResolveError> {
    places_of(&runbook.connections, directory_of(path), surroundings)
}

/// Where everything is that a plan names; commands with a slash are relative to
/// `runbook_dir`.
///
/// # Errors
/// As [`places`].
pub(super) fn places_of(
    connections: &[Connection],
    runbook_dir: PathBuf,
    surroundings: &Surroundings,
) -> Result<Places, ResolveError> {
    let mut targets = BTreeMap::new();
    let mut standbys = BTreeMap::new();
    for connection in connections {
        let target = resolve(&connection.source, surroundings)?;
        targets.insert(connection.id.clone(), target);
        let known = connection.standbys.iter().filter_map(|standby| {
            let target = resolve(standby.source.as_ref()?, surroundings).ok()?;
            Some((standby.id.clone(), target))
        });
        standbys.insert(connection.id.clone(), known.collect());
    }
    Ok(Places {
        targets,
        standbys,
        runbook_dir,
        vars: Arc::clone(&surroundings.vars),
        log_dir: local::directory(|name| surroundings.var(name)),
        host: whoami::hostname().unwrap_or_else(|_| "unknown host".to_owned()),
    })
}
