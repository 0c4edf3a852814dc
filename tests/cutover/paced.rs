//! A standby whose replay stops: throttled, stalled, left without a lead, and
//! back at full pace; and the account of all that.

use std::time::Duration;

use pgcutover::run::event::EventKind;

use crate::program::Status;
use crate::stage::Stage;
use crate::{evidence, operator};

/// A guard that trips within seconds and never holds, and chunks enough to see it.
const TOUCHY: &[(&str, &str)] = &[
    (
        "throttle = { above = \"2s\" } ",
        "throttle = { above = \"1s\" } ",
    ),
    (
        "stall = { above = \"10s\", for = \"3s\", until_below = \"2s\" }",
        "stall = { above = \"4s\", for = \"1s\", until_below = \"1s\" }",
    ),
    (
        "hold = { above = \"60s\", for = \"30s\" }",
        "hold = { above = \"600s\" }",
    ),
];

fn slowed_by_lag(state: &'static str) -> impl Fn(&Status) -> bool {
    move |status| {
        let reason = status.backfill.as_ref().and_then(|b| b.reason.as_deref());
        status.state == state && reason == Some("replica-lag")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_stops_replaying_slows_the_backfill_and_the_account_says_so() {
    let mut stage = Stage::set(200_000, TOUCHY).await;
    let lead = stage.lead();
    stage
        .status_when("the run", |status| status.state == "NOT STARTED")
        .await;
    evidence::audit(&stage.connect().await).await;
    stage.accepted("pace 5").await;
    stage.accepted("advance expand").await;
    operator::drive_up_to(&stage, "dual-write").await;
    stage.accepted("advance dual-write").await;
    let moves = |status: &Status| status.backfill.as_ref().is_some_and(|b| b.rows_done > 0);
    stage.status_when("the backfill", moves).await;

    stage.cluster.pause_replay().unwrap();
    let throttled = |status: &Status| status.guards[0].state == "throttle";
    stage.status_when("the guard", throttled).await;
    stage.accepted("pace 40").await;
    stage
        .status_when("THROTTLED", slowed_by_lag("THROTTLED"))
        .await;
    let stalled = stage.status_when("STALLED", slowed_by_lag("STALLED")).await;
    let guard = &stalled.guards[0];
    assert_eq!((guard.unit.as_str(), guard.state.as_str()), ("s", "stall"));
    assert!(guard.reason.contains("above 4.0s"), "{guard:?}");

    lead.kill().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lead = stage.lead();
    stage
        .status_when("STALLED again", slowed_by_lag("STALLED"))
        .await;
    stage.cluster.resume_replay().unwrap();
    let recovered = |status: &Status| {
        let backfill = status.backfill.as_ref();
        backfill.is_none_or(|b| b.reason.as_deref() != Some("replica-lag"))
    };
    stage.status_when("the recovery", recovered).await;
    stage.accepted("pace 100").await;
    operator::drive_to_the_end(&stage).await;
    let written = lead.exits_with(0).await;

    let events = evidence::journal_is_whole(&stage).await;
    let summary = evidence::backfill_summary(&events);
    let lost = |why: &str| summary.lost_ms.get(why).copied().unwrap_or(0);
    assert!(lost("replica-lag") > 1000, "{summary:?}");
    assert!(lost("no lead") > 1500, "{summary:?}");
    assert!(lost("pace") > 0, "{summary:?}");
    assert!(summary.lost_ms.values().sum::<u64>() < summary.whole_ms);
    let whole = step_took(&events).as_millis() as u64;
    assert!(
        whole.abs_diff(summary.whole_ms) < 1000,
        "{whole}: {summary:?}"
    );
    assert!(
        written.contains("% replica-lag"),
        "the last line: {written}"
    );
    let paced = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::PaceChanged { .. }));
    assert!(paced.count() < 40, "on change only");
    evidence::clients_are_content(&mut stage).await;
}

/// From the first start of the backfill to its end, by the journal.
fn step_took(events: &[pgcutover::run::event::Event]) -> Duration {
    let at = |wanted: fn(&EventKind) -> bool| {
        let found = events.iter().find(|event| wanted(&event.kind));
        found.expect("it is in the journal").at
    };
    let began = at(
        |kind| matches!(kind, EventKind::StepStarted { task, .. } if task.step.as_str() == "copy"),
    );
    let ended = at(
        |kind| matches!(kind, EventKind::StepSucceeded { task, .. } if task.step.as_str() == "copy"),
    );
    Duration::try_from(ended.duration_since(began)).unwrap()
}
