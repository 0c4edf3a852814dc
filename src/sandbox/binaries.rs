//! Owns finding the server's binaries; never runs a server.
//!
//! In order: the directory that the person names, `PATH`, what `pg_config`
//! says, the places where packages put them (Debian's and Homebrew's versioned
//! ones are off the `PATH`), and, with the cargo feature `fetch`, a download
//! into the user's cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::Error;

/// What to do where no server is installed.
pub(super) const INSTALL_HINT: &str = "\
hint: install the server, then try again, or name its directory with `--pg-bin`
  Debian, Ubuntu:   apt install postgresql
  Fedora, RHEL:     dnf install postgresql-server
  macOS, Homebrew:  brew install postgresql@17";

/// Where packages put the binaries; `*` stands for a version.
const USUAL_PLACES: [&str; 8] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/postgresql/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
];

/// A directory that holds a server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// Finds them, in `named` alone where the person names a directory.
    ///
    /// # Errors
    /// [`Error::NotBinaries`] for a wrong `named`, else [`Error::NoBinaries`]
    /// with the places and the packages to install.
    pub fn find(named: Option<&Path>) -> Result<Self, Error> {
        if let Some(directory) = named {
            return Self::at(directory).ok_or_else(|| Error::NotBinaries(directory.to_owned()));
        }
        let mut searched = on_path();
        if let Some(found) = first(&searched) {
            return Ok(found);
        }
        // `pg_config` is asked only where `PATH` has no server: it costs a process.
        let mut further: Vec<PathBuf> = pg_config().into_iter().collect();
        further.extend(usual_places(Path::new("/")));
        if let Some(found) = first(&further) {
            return Ok(found);
        }
        searched.extend(further);
        fetch(searched)
    }

    /// The directory of the programs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The ones in `directory`, which has to hold what we need.
    pub(super) fn at(directory: &Path) -> Option<Self> {
        let whole = ["initdb", "postgres"]
            .iter()
            .all(|program| directory.join(program).is_file());
        whole.then(|| Self {
            directory: directory.to_owned(),
        })
    }
}

fn first(directories: &[PathBuf]) -> Option<Binaries> {
    directories
        .iter()
        .find_map(|directory| Binaries::at(directory))
}

fn on_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let directory = text.trim();
    (output.status.success() && !directory.is_empty()).then(|| PathBuf::from(directory))
}

/// The usual places under `root` that exist, the newest version of each first.
fn usual_places(root: &Path) -> Vec<PathBuf> {
    USUAL_PLACES
        .iter()
        .flat_map(|pattern| expand(root, pattern.trim_start_matches('/')))
        .collect()
}

fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        let path = root.join(pattern);
        return if path.is_dir() { vec![path] } else { vec![] };
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = std::fs::read_dir(root.join(parent)) else {
        return vec![];
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            // Major versions only, 9.6 and older are no longer ours.
            let version = name.strip_prefix(prefix)?.parse().ok()?;
            let directory = entry.path().join(after.trim_start_matches('/'));
            directory.is_dir().then_some((version, directory))
        })
        .collect();
    versions.sort_by(|(one, _), (other, _)| other.cmp(one));
    versions.into_iter().map(|(_, path)| path).collect()
}

#[cfg(not(feature = "fetch"))]
fn fetch(searched: Vec<PathBuf>) -> Result<Binaries, Error> {
    Err(Error::NoBinaries { searched })
}

#[cfg(feature = "fetch")]
fn fetch(_searched: Vec<PathBuf>) -> Result<Binaries, Error> {
    super::fetch::binaries()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(root: &Path, directory: &str) {
        let directory = root.join(directory);
        std::fs::create_dir_all(&directory).unwrap();
        for program in ["initdb", "postgres"] {
            std::fs::write(directory.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_version_of_a_package_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "9", "17", "16"] {
            install(root.path(), &format!("usr/lib/postgresql/{version}/bin"));
        }
        install(root.path(), "usr/pgsql-18/bin");
        let found: Vec<String> = usual_places(root.path())
            .iter()
            .map(|path| {
                path.strip_prefix(root.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(
            found,
            [
                "usr/lib/postgresql/17/bin",
                "usr/lib/postgresql/16/bin",
                "usr/lib/postgresql/15/bin",
                "usr/lib/postgresql/9/bin",
                "usr/pgsql-18/bin",
            ]
        );
    }

    #[test]
    fn homebrew_and_postgres_app_are_known() {
        let root = tempfile::tempdir().unwrap();
        for place in [
            "opt/homebrew/opt/postgresql@17/bin",
            "usr/local/opt/postgresql/bin",
            "Applications/Postgres.app/Contents/Versions/16/bin",
        ] {
            install(root.path(), place);
        }
        assert_eq!(usual_places(root.path()).len(), 3);
    }

    #[test]
    fn a_client_only_directory_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("psql"), "").unwrap();
        let error = Binaries::find(Some(root.path())).unwrap_err();
        assert!(matches!(error, Error::NotBinaries(_)), "{error}");
        assert!(error.to_string().contains("--pg-bin"), "{error}");
    }
}
