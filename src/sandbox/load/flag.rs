//! Owns reading the read flag; never sets it, an external command does.

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
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            read => read.map_err(|error| format!("read flag: {error}"))?,
        };
        match text.trim().parse() {
            Ok(percent @ 0..=100) => Ok(percent),
            _ => Err(format!("read flag: `{}` is no percentage", text.trim())),
        }
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
}
