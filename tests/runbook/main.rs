//! Runbooks from the outside: the examples are clean, each fault is told as its
//! golden file says, the schema and the reference are current.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod broken;
mod examples;
mod flagctl;
mod mangled;
mod reference;
mod rules;
mod schema;

use std::path::{Path, PathBuf};

use pgcutover::runbook::{Files, Loaded, load};

/// The SQL files beside a runbook.
struct Beside(PathBuf);

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| "no such file".into())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Loads a runbook by its path from the crate's root.
fn load_file(path: &str, environment: Option<&str>) -> Loaded {
    let full = root().join(path);
    let text = std::fs::read_to_string(&full).unwrap();
    let beside = Beside(full.parent().unwrap().into());
    load(&text, path, &beside, environment)
}

/// Compares with a golden file; where it differs, prints both. With
/// `PGCUTOVER_BLESS` set it writes the file instead.
fn matches_golden(path: &str, text: &str) -> bool {
    let full = root().join(path);
    if std::env::var_os("PGCUTOVER_BLESS").is_some() {
        std::fs::write(&full, text).unwrap();
        return true;
    }
    let golden = std::fs::read_to_string(&full).unwrap_or_default();
    if golden != text {
        eprintln!("--- {path}\n{golden}\n+++ now\n{text}");
    }
    golden == text
}
