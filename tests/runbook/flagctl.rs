//! The example's flag service answers 0, 1 and 2 as `done_when` reads them.

use std::path::Path;
use std::process::Command;

use super::root;

/// The exit code of one call.
fn flagctl(flags: Option<&Path>, words: &[&str]) -> i32 {
    let mut command = Command::new("sh");
    command.arg(root().join("runbooks/bin/flagctl")).args(words);
    command
        .env_remove("PGCUTOVER_FLAGS")
        .envs(flags.map(|flags| ("PGCUTOVER_FLAGS", flags)));
    command.output().unwrap().status.code().unwrap()
}

#[test]
fn a_flag_reads_as_it_was_set_and_trouble_is_neither_yes_nor_no() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Some(folder.path());
    assert_eq!(
        flagctl(flags, &["expect", "read_new", "10"]),
        1,
        "not set yet"
    );
    assert_eq!(flagctl(flags, &["set", "read_new", "10"]), 0);
    assert_eq!(flagctl(flags, &["expect", "read_new", "10"]), 0);
    assert_eq!(flagctl(flags, &["expect", "read_new", "100"]), 1);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "a half-written file stays behind");

    assert_eq!(
        flagctl(None, &["expect", "read_new", "10"]),
        2,
        "no directory named"
    );
    let gone = folder.path().join("gone");
    assert_eq!(
        flagctl(Some(&gone), &["expect", "read_new", "10"]),
        2,
        "directory gone"
    );
    assert_eq!(
        flagctl(Some(&gone), &["set", "read_new", "10"]),
        2,
        "cannot write"
    );
    assert_eq!(flagctl(flags, &["set", "../x", "10"]), 2, "not a name");
    assert_eq!(
        flagctl(flags, &["toggle", "read_new", "10"]),
        2,
        "not a command"
    );
}
