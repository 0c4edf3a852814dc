//! Owns the files in the flags' directory: reads what an external command sets,
//! and writes what runs because of it; never decides anything.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How much of the reading uses the new column.
#[derive(Debug)]
pub(super) struct ReadFlag {
    path: PathBuf,
}

impl ReadFlag {
    /// The file `read_new` in `directory`.
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join("read_new"),
        }
    }

    /// 0 to 100; 0 where there is no file. An error says what is wrong with it:
    /// a flag that nobody understands is not the same as one that is off.
    pub(super) fn percent(&self) -> Result<u8, String> {
        let Some(text) = read(&self.path)? else {
            return Ok(0);
        };
        match text.trim().parse() {
            Ok(percent @ 0..=100) => Ok(percent),
            _ => Err(format!("read flag: `{}` is no percentage", text.trim())),
        }
    }
}

/// Whether one version of the application is to run, and whether it does.
#[derive(Debug)]
pub(super) struct AppFlag {
    wanted: PathBuf,
    running: PathBuf,
    default: bool,
}

impl AppFlag {
    /// The files `NAME` and `NAME.running` in `directory`; without the first
    /// one `default` is wanted.
    pub(super) fn in_directory(directory: &Path, name: &str, default: bool) -> Self {
        Self {
            wanted: directory.join(name),
            running: directory.join(format!("{name}.running")),
            default,
        }
    }

    /// Whether it is to run. An error says what is wrong with the file.
    pub(super) fn wanted(&self) -> Result<bool, String> {
        match read(&self.wanted)?.as_deref().map(str::trim) {
            None => Ok(self.default),
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(text) => Err(format!(
                "{}: `{text}` is neither `on` nor `off`",
                self.wanted.display()
            )),
        }
    }

    /// Writes whether it runs; a reader never sees half of it.
    pub(super) fn announce(&self, runs: bool) -> Result<(), String> {
        let draft = self.running.with_extension("draft");
        std::fs::write(&draft, if runs { "on\n" } else { "off\n" })
            .and_then(|()| std::fs::rename(&draft, &self.running))
            .map_err(|error| format!("{}: {error}", self.running.display()))
    }
}

/// The file's text; nothing where there is no file.
fn read(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(text) => Ok(Some(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_means_zero_and_nonsense_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let flag = ReadFlag::in_directory(directory.path());
        assert_eq!(flag.percent(), Ok(0));
        for (text, percent) in [("0", 0), ("10\n", 10), ("100", 100)] {
            std::fs::write(directory.path().join("read_new"), text).unwrap();
            assert_eq!(flag.percent(), Ok(percent));
        }
        for text in ["", "101", "-1", "on"] {
            std::fs::write(directory.path().join("read_new"), text).unwrap();
            assert!(flag.percent().is_err(), "{text}");
        }
    }

    #[test]
    fn an_application_runs_by_its_flag_and_nonsense_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let on_by_default = AppFlag::in_directory(directory.path(), "old_app", true);
        let flag = AppFlag::in_directory(directory.path(), "new_app", false);
        assert_eq!(
            (on_by_default.wanted(), flag.wanted()),
            (Ok(true), Ok(false))
        );
        for (text, wanted) in [("on\n", true), ("off", false)] {
            std::fs::write(directory.path().join("new_app"), text).unwrap();
            assert_eq!(flag.wanted(), Ok(wanted));
        }
        for text in ["", "1", "ON"] {
            std::fs::write(directory.path().join("new_app"), text).unwrap();
            assert!(flag.wanted().is_err(), "{text}");
        }
    }
}
