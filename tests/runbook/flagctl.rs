//! The example's flag service answers 0, 1 and 2 as `done_when` reads them.

use std::path::Path;
use std::process::Command;

use super::root;

fn command(flags: Option<&Path>, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg(root().join("runbooks/bin/flagctl")).args(words);
    command
        .env_remove("PGCUTOVER_FLAGS")
        .envs(flags.map(|flags| ("PGCUTOVER_FLAGS", flags)));
    command
}

/// The exit code of one call.
fn flagctl(flags: Option<&Path>, words: &[&str]) -> i32 {
    let output = command(flags, words).output().unwrap();
    output.status.code().unwrap()
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
    assert_eq!(flagctl(flags, &["set", ".x", "10"]), 2, "hidden");
    assert_eq!(
        flagctl(flags, &["deploy", "new_app", "1"]),
        2,
        "not on or off"
    );
    assert_eq!(
        flagctl(flags, &["toggle", "read_new", "10"]),
        2,
        "not a command"
    );
}

#[test]
fn a_deployment_is_done_when_it_runs_and_not_when_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Some(folder.path());
    let expect = |value: &str| flagctl(flags, &["expect", "new_app.running", value]);
    let runs = |value: &str| std::fs::write(folder.path().join("new_app.running"), value).unwrap();
    runs("off");
    let mut deploy = command(flags, &["deploy", "new_app", "on"])
        .spawn()
        .unwrap();
    while flagctl(flags, &["expect", "new_app", "on"]) != 0 {
        let ended = deploy.try_wait().unwrap();
        assert!(ended.is_none(), "nothing asked for: {ended:?}");
    }
    // Each of these calls takes about as long as a look of the other one.
    for _ in 0..20 {
        assert_eq!((expect("on"), expect("off")), (1, 0));
        assert!(deploy.try_wait().unwrap().is_none(), "it does not run yet");
    }
    runs("on\n");
    assert!(deploy.wait().unwrap().success());
    assert_eq!(expect("on"), 0);
    assert_eq!(flagctl(flags, &["deploy", "new_app", "on"]), 0, "again");
}
