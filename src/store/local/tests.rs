//! The local log against torn lines, refusing disks and journals that differ.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;

use super::*;
use crate::run::event::{Actor, EventKind};

fn run() -> RunId {
    RunId("0192-aa".into())
}

/// Events 1 to n; `branch` tells two histories apart.
fn history(n: i64, branch: &str) -> Vec<Event> {
    let event = |seq| Event {
        seq: Seq(seq),
        at: Timestamp::from_microsecond(seq).unwrap(),
        kind: EventKind::Held {
            by: Actor::Engine,
            reason: "\u{0}\u{1b}[2J\n\"".into(),
        },
        hash: format!("{branch}{seq}"),
    };
    (1..=n).map(event).collect()
}

fn open(directory: &tempfile::TempDir) -> LocalLog {
    LocalLog::open(directory.path(), &run()).unwrap()
}

/// What a new reader finds.
fn found(directory: &tempfile::TempDir) -> Vec<Event> {
    scan(&open(directory).file).unwrap().0
}

#[test]
fn what_is_written_is_found_again_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&directory);
    log.write(&history(2, "a"));
    log.write(&history(3, "a"));
    assert_eq!(log.trouble(), None);
    drop(log);
    assert_eq!(found(&directory), history(3, "a"));
}

#[test]
fn a_torn_last_line_is_cut_and_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&directory);
    log.write(&history(3, "a"));
    let (path, length) = (log.path().to_owned(), log.good);
    drop(log);
    let file = OpenOptions::new().write(true).open(path).unwrap();
    for cut in 1..20 {
        file.set_len(length - cut).unwrap();
        assert_eq!(found(&directory), history(2, "a"), "{cut} bytes short");
    }
    let mut log = open(&directory);
    log.write(&history(3, "a"));
    drop(log);
    assert_eq!(found(&directory), history(3, "a"));
}

#[test]
fn a_log_that_is_behind_catches_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&directory);
    log.write(&history(1, "a"));
    assert_eq!(log.resume(&history(3, "a")).unwrap(), []);
    drop(log);
    assert_eq!(found(&directory), history(3, "a"));
}

#[test]
fn a_journal_that_is_behind_is_told_what_was_unsaid_until_it_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&directory);
    log.write(&history(3, "a"));
    for _ in 0..2 {
        // Nothing is forgotten before it is accepted, not even over a restart.
        let unsaid = log.resume(&history(1, "a")).unwrap();
        assert_eq!(unsaid, history(3, "a")[1..]);
        drop(log);
        log = open(&directory);
    }
    log.resume(&history(1, "a")).unwrap();
    log.write(&history(2, "a"));
    log.accept_loss();
    log.write(&history(3, "a"));
    assert_eq!(log.trouble(), None);
    drop(log);
    assert_eq!(found(&directory), history(3, "a"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn another_history_of_the_same_length_is_told_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&directory);
    let mut ours = history(1, "a");
    ours.extend(history(3, "b").split_off(1));
    log.write(&history(3, "a"));
    assert_eq!(log.resume(&ours).unwrap(), history(3, "a")[1..]);
    log.accept_loss();
    drop(log);
    assert_eq!(found(&directory), ours);
}

#[test]
fn a_stopped_lead_does_not_keep_the_next_one_out() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(&directory);
    let second = open(&directory);
    assert_ne!(first.path(), second.path());
    let first_path = first.path().to_owned();
    drop((first, second));
    assert_eq!(open(&directory).path(), first_path);
}

#[test]
fn nobody_else_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("state");
    let log = LocalLog::open(&inner, &run()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(log.path()), 0o600);
}

#[test]
fn lines_wait_while_the_disk_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&directory);
    let read_only = File::open(log.path()).unwrap();
    let writable = std::mem::replace(&mut log.file, read_only);
    log.write(&history(1, "a"));
    assert!(log.trouble().is_some());
    log.file = writable;
    log.write(&history(2, "a"));
    assert_eq!(log.trouble(), None);
    drop(log);
    assert_eq!(found(&directory), history(2, "a"));
}

#[test]
fn a_runs_id_cannot_name_another_place() {
    let directory = tempfile::tempdir().unwrap();
    for id in ["../x", "", "a/b", "a\0"] {
        let opened = LocalLog::open(directory.path(), &RunId(id.into()));
        assert!(matches!(opened, Err(OpenError::NotAnId(_))), "{id}");
    }
}

#[test]
fn its_place_follows_the_environment() {
    let with = |xdg: Option<&str>, home: Option<&str>| {
        directory(|name| {
            let value = if name == "HOME" { home } else { xdg };
            value.map(str::to_owned)
        })
    };
    assert_eq!(with(Some("/s"), Some("/h")), Some("/s/pgcutover".into()));
    assert_eq!(
        with(Some("s"), Some("/h")),
        Some("/h/.local/state/pgcutover".into())
    );
    assert_eq!(with(None, None), None);
}
