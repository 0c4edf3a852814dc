//! Targets for tests; owns the surroundings that they are resolved in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use pgcutover::pg::connect::{Env, ProcessEnv, ResolveError, Stat, Target, resolve};
use pgcutover::pg::session::{Purpose, Session, open};
use pgcutover::runbook::ConnectionSource;

/// Variables of a test's own, its own home, and the real files.
pub(crate) struct Surroundings {
    variables: BTreeMap<String, String>,
    home: tempfile::TempDir,
}

impl Surroundings {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            variables: BTreeMap::from([("URL".to_owned(), url.to_owned())]),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a file below the home directory; its path.
    pub(crate) fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn resolve(&self) -> Result<Target, ResolveError> {
        resolve(&ConnectionSource::UrlEnv("URL".to_owned()), self)
    }
}

impl Env for Surroundings {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some(self.home.path().to_owned())
    }

    fn user(&self) -> Option<String> {
        Some("nobody".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        ProcessEnv.read(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        ProcessEnv.stat(path)
    }
}

/// The target of that URL or DSN, with nothing else around.
pub(crate) fn target(url: &str) -> Target {
    Surroundings::new(url).resolve().unwrap()
}

/// A session there, which has to open.
pub(crate) async fn session(url: &str, purpose: Purpose) -> Session {
    open(&target(url), purpose).await.unwrap()
}
