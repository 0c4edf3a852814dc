//! Commands, with real small ones.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::process::KEPT;
use super::*;
use crate::runbook::{ExecExpect, StepId};

fn sh(script: &str) -> Exec {
    command_of(&["sh", "-c", script])
}

fn command_of(run: &[&str]) -> Exec {
    Exec {
        run: run.iter().map(|word| (*word).to_owned()).collect(),
        timeout: Duration::from_secs(20),
        env: Vec::new(),
        expect: ExecExpect::default(),
    }
}

fn here() -> Surroundings {
    Surroundings {
        directory: std::env::temp_dir(),
        vars: Arc::new([("PGCUTOVER_NAMED".to_owned(), "ours".to_owned())].into()),
        run: RunId("run-1".to_owned()),
        step: StepId::new("flag"),
        idempotency_key: "run-1:flag:1".to_owned(),
    }
}

async fn outcome(exec: &Exec) -> Outcome {
    perform(
        exec,
        &here(),
        watch::Sender::new(Stop::No).subscribe(),
        &|_| {},
    )
    .await
}

async fn output(exec: &Exec) -> String {
    run(exec, &here(), &|_| {}).await.unwrap().output
}

async fn fault(exec: &Exec) -> Fault {
    match outcome(exec).await {
        Outcome::NotDone(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_sees_what_it_is_told_and_nothing_else() {
    let mut exec = command_of(&["env"]);
    exec.env = ["CARGO_MANIFEST_DIR", "PGCUTOVER_NAMED", "PGCUTOVER_NOT_SET"]
        .map(str::to_owned)
        .to_vec();
    let seen = output(&exec).await;
    let names: Vec<&str> = seen
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    for name in [
        "PATH",
        "CARGO_MANIFEST_DIR",
        "PGCUTOVER_RUN",
        "PGCUTOVER_STEP",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(seen.contains("PGCUTOVER_IDEMPOTENCY_KEY=run-1:flag:1\n"));
    assert!(seen.contains("PGCUTOVER_NAMED=ours\n"));
    // Cargo sets it for tests; nobody named it.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    assert!(!names.contains(&"CARGO_PKG_NAME") && !names.contains(&"PGCUTOVER_NOT_SET"));
}

#[tokio::test]
async fn the_expected_exit_code_and_output_are_done() {
    let mut exec = sh("echo switched to 10; exit 3");
    exec.expect = ExecExpect {
        exit: 3,
        output: Some("to 10".to_owned()),
    };
    let outcome = self::outcome(&exec).await;
    assert!(
        matches!(outcome, Outcome::Done(Summary::Exec { exit: 3, .. })),
        "{outcome:?}"
    );
    exec.expect.output = Some("to 100".to_owned());
    assert!(
        fault(&exec)
            .await
            .message
            .contains("without the expected `to 100`")
    );
}

#[tokio::test]
async fn a_failure_says_the_last_line_clean() {
    let exec = sh("echo fine; printf 'no such \\033[31mflag\\n\\n' >&2; exit 2");
    let fault = fault(&exec).await;
    assert_eq!(
        fault.message,
        "`sh` exited with 2: no such \u{FFFD}[31mflag"
    );
    assert_eq!(fault.trouble, Trouble::Unexpected);
    assert_eq!(
        self::fault(&sh("kill -9 $$")).await.message,
        "`sh` was ended by a signal"
    );
}

#[tokio::test]
async fn a_program_that_is_not_there_has_done_nothing() {
    let fault = fault(&command_of(&["pgcutover-no-such-program"])).await;
    assert!(fault.message.contains("did not start"), "{fault}");
    assert!(matches!(
        run(&command_of(&[]), &here(), &|_| {}).await,
        Err(ExecError::NotStarted { .. })
    ));
}

#[tokio::test]
async fn a_relative_path_begins_at_the_runbook() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let tool = directory.path().join("bin/tool");
    std::fs::create_dir(tool.parent().unwrap()).unwrap();
    std::fs::write(&tool, "#!/bin/sh\npwd\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let surroundings = Surroundings {
        directory: directory.path().to_owned(),
        ..here()
    };
    let finished = run(&command_of(&["bin/tool"]), &surroundings, &|_| {})
        .await
        .unwrap();
    let inside = directory.path().canonicalize().unwrap();
    assert_eq!(finished.output.trim(), inside.to_str().unwrap());
}

#[tokio::test]
async fn a_timeout_ends_the_whole_group_and_leaves_a_doubt() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let mut exec = sh(&format!(
        "sleep 1000 & echo $! $$ > '{}'; wait",
        pids.display()
    ));
    exec.timeout = Duration::from_millis(500);
    let outcome = self::outcome(&exec).await;
    assert!(
        matches!(&outcome, Outcome::Unknown(fault) if fault.message.contains("killed")),
        "{outcome:?}"
    );
    all_end(&std::fs::read_to_string(pids).unwrap()).await;
}

#[tokio::test]
async fn a_dropped_command_ends_with_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let exec = sh(&format!(
        "sleep 1000 & echo $! $$ > '{}'; echo up; wait",
        pids.display()
    ));
    let (up, mut is_up) = tokio::sync::mpsc::unbounded_channel();
    let surroundings = here();
    let said = move |line| drop(up.send(line));
    tokio::select! {
        _ = run(&exec, &surroundings, &said) => panic!("it cannot end by itself"),
        line = is_up.recv() => assert_eq!(line.as_deref(), Some("up")),
    }
    all_end(&std::fs::read_to_string(pids).unwrap()).await;
}

#[tokio::test]
async fn a_hold_lets_a_command_end_and_a_cancel_leaves_a_doubt() {
    let stop = watch::Sender::new(Stop::AtSafePoint);
    let held = perform(&sh("exit 0"), &here(), stop.subscribe(), &|_| {}).await;
    assert!(matches!(held, Outcome::Done(_)), "{held:?}");
    let (listen, cancel) = (stop.subscribe(), move |_| {
        stop.send_replace(Stop::Now);
    });
    let outcome = perform(&sh("echo up; sleep 1000"), &here(), listen, &cancel).await;
    assert!(
        matches!(&outcome, Outcome::Unknown(fault) if fault.trouble == Trouble::Interrupted),
        "{outcome:?}"
    );
}

/// Waits until none of these processes runs; a zombie does not.
async fn all_end(pids: &str) {
    assert_eq!(pids.split_whitespace().count(), 2);
    let runs = |pid: &str| {
        let ps = std::process::Command::new("ps")
            .args(["-o", "stat=", "-p", pid])
            .output()
            .unwrap();
        let state = String::from_utf8(ps.stdout).unwrap();
        !state.trim().is_empty() && !state.trim().starts_with('Z')
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while pids.split_whitespace().any(runs) {
        assert!(Instant::now() < deadline, "still running: {pids}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn output_is_bounded_and_its_newest_part_kept() {
    let exec = sh("i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done");
    let newest = Mutex::new(String::new());
    let finished = run(&exec, &here(), &|line| *newest.lock().unwrap() = line)
        .await
        .unwrap();
    assert!(finished.output.len() <= KEPT);
    assert!(finished.output.ends_with("line 29999\n"));
    assert_eq!(finished.last_line, "line 29999");
    assert_eq!(*newest.lock().unwrap(), "line 29999");
}

#[tokio::test]
async fn a_process_left_running_does_not_keep_the_command_waiting() {
    let exec = sh("sleep 5 & echo done");
    let began = Instant::now();
    let finished = run(&exec, &here(), &|_| {}).await.unwrap();
    assert_eq!(
        (finished.exit, finished.last_line.as_str()),
        (Some(0), "done")
    );
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_probe_answers_by_its_exit_code_or_not_at_all() {
    for (script, found) in [
        ("exit 0", Found::Done),
        ("exit 1", Found::NotDone),
        ("exit 2", Found::Never),
        ("kill -9 $$", Found::Never),
    ] {
        assert_eq!(probe(&sh(script), &here()).await.0, found, "{script}");
    }
    let (found, how) = probe(&command_of(&["pgcutover-no-such-program"]), &here()).await;
    assert!(
        found == Found::Never && how.contains("did not start"),
        "{how}"
    );
}
