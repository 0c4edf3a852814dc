//! The example runbook with its SQL and its flag service, as built in.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Name, content, and whether it is a program.
const FILES: &[(&str, &str, bool)] = &[
    (
        "rename-column.toml",
        include_str!("../../../runbooks/rename-column.toml"),
        false,
    ),
    (
        "sql/dual-write.sql",
        include_str!("../../../runbooks/sql/dual-write.sql"),
        false,
    ),
    (
        "sql/dual-write.undo.sql",
        include_str!("../../../runbooks/sql/dual-write.undo.sql"),
        false,
    ),
    (
        "sql/contract.sql",
        include_str!("../../../runbooks/sql/contract.sql"),
        false,
    ),
    (
        "bin/flagctl",
        include_str!("../../../runbooks/bin/flagctl"),
        true,
    ),
];

/// Writes them into a directory; where the runbook is.
pub(super) fn write(directory: &Path) -> io::Result<PathBuf> {
    for (name, content, program) in FILES {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
        if *program {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(directory.join(FILES[0].0))
}
