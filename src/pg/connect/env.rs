//! Owns the view on the process's surroundings that resolving needs; everything
//! else in this module is pure, given an [`Env`].

use std::io;
use std::path::{Path, PathBuf};

/// The surroundings: variables, files, and who we are.
pub trait Env {
    /// A variable; `None` where it is unset or no Unicode.
    fn var(&self, name: &str) -> Option<String>;
    /// The home directory.
    fn home(&self) -> Option<PathBuf>;
    /// The operating system's name of the effective user.
    fn user(&self) -> Option<String>;
    /// A file's content.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// What a path leads to.
    ///
    /// # Errors
    /// The system's; `NotFound` where there is nothing.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// A plain file, links followed.
    pub is_file: bool,
    /// The nine permission bits.
    pub mode: u32,
    /// Owned by root.
    pub of_root: bool,
}

/// The real surroundings.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
    }

    fn user(&self) -> Option<String> {
        whoami::username().ok()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path)?;
        Ok(Stat {
            is_file: metadata.is_file(),
            mode: metadata.mode() & 0o777,
            of_root: metadata.uid() == 0,
        })
    }
}
