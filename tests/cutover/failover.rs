//! The primary is killed and its standby promoted: the lead goes on there by
//! itself, held, says what the standby never had, and repeats no command.

use std::path::Path;

use pgcutover::run::event::{EventKind, Ground, Task};
use pgcutover::runbook::StepId;

use crate::program::{Lead, Status};
use crate::stage::{Edit, Stage};
use crate::{evidence, operator, until};

/// Commands write down that they ran, and how often; nothing is left to a soak.
const COUNTED: &[Edit] = &[
    (
        "flagctl = { text = \"flagctl\" }",
        "flagctl = { text = \"./counted\" }",
    ),
    // The promoted one has no standby, so its lag is unknown: that soaks nothing.
    ("resets_on = [\"replica-lag\"]", "resets_on = []"),
    (
        "stall = \"5s\", hold = \"60s\"",
        "stall = \"1h\", hold = \"1h\"",
    ),
];

/// `flagctl`, counting what changes something, and deploying itself.
const SCRIPT: &str = r#"#!/bin/sh
[ "$1" = expect ] || echo "$*" >> runs
[ "$1" = deploy ] && flagctl set "$2.running" "$3"
[ "$1" = deploy ] && set -- set "$2" "$3"
exec flagctl "$@"
"#;

/// A stage whose address names both servers, as for a failover one has to.
async fn stage(rows: i64) -> Stage {
    let mut stage = Stage::without_clients(rows, COUNTED).await;
    let (primary, standby) = (stage.cluster.primary(), stage.cluster.standby().unwrap());
    let directory = primary.socket_dir().display();
    stage.address = format!(
        "host={directory},{directory} port={},{} dbname=app user=postgres \
         target_session_attrs=read-write connect_timeout=2",
        primary.port(),
        standby.port(),
    );
    let script = stage.home().join("counted");
    std::fs::write(&script, SCRIPT).unwrap();
    executable(&script);
    stage
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// How often a command ran.
fn runs(stage: &Stage, command: &str) -> usize {
    let runs = std::fs::read_to_string(stage.home().join("runs")).unwrap_or_default();
    runs.lines().filter(|line| *line == command).count()
}

/// The standby stops taking WAL: what comes now, it will never have.
fn cut_replication(stage: &Stage) {
    stage.cluster.catch_up().unwrap();
    stage.cluster.stop_receiving().unwrap();
}

/// As for an operator: the old one is surely dead before the new one lives.
fn fail_over(stage: &Stage) {
    stage.cluster.primary().kill().unwrap();
    stage.cluster.promote().unwrap();
}

/// By its doubts it is IN DOUBT as well.
fn held(status: &Status) -> bool {
    status.hold.is_some()
}

async fn moved(stage: &mut Stage, lead: &Lead) -> Status {
    stage.dsn = stage.cluster.standby().unwrap().dsn("app");
    lead.writes("on timeline 2 now").await;
    stage
        .status_when("the hold on the other server", held)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_goes_on_from_its_checkpoint_on_the_promoted_standby() {
    let mut stage = stage(20_000).await;
    let lead = stage.lead();
    stage
        .status_when("the run", |status| status.state == "NOT STARTED")
        .await;
    stage.accepted("pace 5").await;
    stage.accepted("advance expand").await;
    operator::drive_up_to(&stage, "dual-write").await;
    stage.accepted("advance dual-write").await;
    let rows = |status: &Status| status.backfill.as_ref().map_or(0, |b| b.rows_done);
    stage
        .status_when("the backfill", |status| rows(status) > 500)
        .await;
    stage.cluster.catch_up().unwrap();
    fail_over(&stage);
    moved(&mut stage, &lead).await;
    let client = stage.connect().await;
    let query = "SELECT sum(rows_visited)::bigint, max(chunks) FROM pgcutover.checkpoint";
    let before: i64 = client.query_one(query, &[]).await.unwrap().get(0);
    assert!(before >= 500, "{before}");
    stage.accepted("release").await;
    stage.accepted("pace 100").await;
    operator::drive_to_the_end(&stage).await;
    lead.exits_with(0).await;
    let events = evidence::journal_is_whole(&stage).await;
    let summary = evidence::backfill_summary(&events);
    assert_eq!(
        summary.rows_visited, 20_000,
        "from the checkpoint, no row twice"
    );
    let moved = events.iter().any(|event| {
        matches!(&event.kind, EventKind::LeadTaken { ground: Ground::Moved, reason: Some(why), .. }
            if why.contains("timeline 2"))
    });
    assert!(moved, "the journal says that the server is another one");
    evidence::nothing_is_left(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_events_the_standby_never_had_is_in_doubt_and_runs_once() {
    let mut stage = stage(1_000).await;
    let lead = stage.lead();
    operator::drive_up_to(&stage, "read-switch").await;
    cut_replication(&stage);
    stage.accepted("advance read-switch").await;
    let ten = Task::forward(StepId::new("flag-10"));
    stage
        .journal_with(
            "flag-10",
            |kind| matches!(kind, EventKind::StepSucceeded { task, .. } if *task == ten),
        )
        .await;
    assert_eq!(runs(&stage, "set read_new 10"), 1);
    fail_over(&stage);
    let status = moved(&mut stage, &lead).await;
    let hold = status.hold.unwrap();
    assert!(hold.contains("has lost events"), "{hold}");
    assert!(hold.contains("in doubt"), "{hold}");
    let journal = stage.journal().await;
    let lost = journal.iter().find_map(|event| match &event.kind {
        EventKind::TailLost { lost } => Some(lost.clone()),
        _ => None,
    });
    let lost = lost.expect("what was unsaid is listed");
    let entered = lost.iter().any(|event| {
        matches!(&event.kind, EventKind::PhaseEntered { phase, .. } if phase.as_str() == "read-switch")
    });
    assert!(entered, "{lost:?}");
    let doubted = |step: &str| {
        let task = Task::forward(StepId::new(step));
        journal.iter().any(
            |event| matches!(&event.kind, EventKind::StepInDoubt { task: t, .. } if *t == task),
        )
    };
    assert!(doubted("deploy-new") && doubted("flag-10"));
    stage.accepted("release").await;
    operator::drive_to_the_end(&stage).await;
    lead.exits_with(0).await;
    evidence::journal_is_whole(&stage).await;
    evidence::nothing_is_left(&stage).await;
    for command in ["deploy new_app on", "set read_new 10", "set read_new 100"] {
        assert_eq!(runs(&stage, command), 1, "{command}");
    }
}

/// The same, where the lead is dead too: its next start finds out.
#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_starts_again_after_a_failover_finds_out_what_was_lost() {
    let mut stage = stage(1_000).await;
    let lead = stage.lead();
    operator::drive_up_to(&stage, "read-switch").await;
    cut_replication(&stage);
    stage.accepted("advance read-switch").await;
    until("flag-10", async || {
        (runs(&stage, "set read_new 10") == 1).then_some(())
    })
    .await;
    lead.kill().await;
    fail_over(&stage);
    let lead = stage.lead();
    stage.dsn = stage.cluster.standby().unwrap().dsn("app");
    let status = stage.status_when("the hold", held).await;
    let hold = status.hold.unwrap();
    assert!(hold.contains("on timeline 2 now"), "{hold}");
    assert!(hold.contains("has lost events"), "{hold}");
    stage.accepted("release").await;
    operator::drive_to_the_end(&stage).await;
    lead.exits_with(0).await;
    assert_eq!(runs(&stage, "set read_new 10"), 1, "not repeated");
    evidence::nothing_is_left(&stage).await;
}
