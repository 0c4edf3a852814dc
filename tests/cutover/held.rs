//! Holds from everywhere, what a lead leaves behind, and who leads.

use std::time::Duration;

use pgcutover::run::event::EventKind;
use pgcutover::sandbox::Stop;
use tokio::time::sleep;

use crate::program::{Answer, Lead, Status};
use crate::stage::Stage;
use crate::{evidence, operator};

/// A backfill under way that would take minutes.
async fn backfilling() -> (Stage, Lead) {
    let stage = Stage::set(10_000, &[]).await;
    let lead = stage.lead();
    stage
        .status_when("the run", |status| status.state == "NOT STARTED")
        .await;
    evidence::audit(&stage.connect().await).await;
    stage.accepted("pace 5").await;
    stage.accepted("advance expand").await;
    operator::drive_up_to(&stage, "dual-write").await;
    stage.accepted("advance dual-write").await;
    stage.status_when("the backfill", rows_go_by).await;
    (stage, lead)
}

fn rows_go_by(status: &Status) -> bool {
    let backfill = status.backfill.as_ref();
    status.state == "RUNNING" && backfill.is_some_and(|backfill| backfill.rows_done > 0)
}

/// Held, and nothing is written any more.
async fn rests(stage: &Stage, reason: &str) {
    let held = |status: &Status| status.state == "HELD" && says(status, reason);
    stage.status_when("HELD", held).await;
    let client = stage.connect().await;
    let before = evidence::audited(&client).await.written;
    // Longer than a chunk at this pace takes, with its pause.
    sleep(Duration::from_millis(700)).await;
    let after = evidence::audited(&client).await.written;
    assert_eq!(before, after, "rows written while held");
}

fn says(status: &Status, reason: &str) -> bool {
    status
        .hold
        .as_ref()
        .is_some_and(|hold| hold.contains(reason))
}

/// Rows are written again.
async fn goes_on(stage: &Stage) {
    let client = stage.connect().await;
    let before = evidence::audited(&client).await.written;
    crate::until("more rows", async || {
        (evidence::audited(&client).await.written > before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_comes_from_a_terminal_from_sql_and_by_signal() {
    let (stage, lead) = backfilling().await;
    let client = stage.connect().await;
    for (from, reason) in [
        ("verb", "too hot"),
        ("sql", "on call"),
        ("signal", "SIGUSR1"),
    ] {
        match from {
            "verb" => {
                let mut hold = stage.program();
                hold.args(["hold", "--reason", reason, "--url-env", crate::stage::URL]);
                assert_eq!(Answer::of(hold).await.code, Some(0));
            }
            "sql" => {
                let ask = "SELECT pgcutover.hold($1)";
                client.execute(ask, &[&reason]).await.unwrap();
            }
            _ => lead.signal("USR1"),
        }
        rests(&stage, reason).await;
        stage.accepted("release").await;
        goes_on(&stage).await;
    }
    lead.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_release_ends_a_hold_that_two_people_asked_for() {
    let (stage, lead) = backfilling().await;
    stage.accepted("hold").await;
    stage.accepted("hold").await;
    lead.signal("USR1");
    rests(&stage, "").await;
    stage.accepted("release").await;
    goes_on(&stage).await;
    lead.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_lead_leaves_a_held_run_that_another_one_resumes() {
    let (mut stage, lead) = backfilling().await;
    lead.signal("TERM");
    lead.exits_with(3).await;
    let status = stage.status().await.unwrap();
    assert_eq!((status.state.as_str(), status.lead), ("NO LEAD", None));
    let again = stage.lead();
    rests(&stage, "the lead has left").await;
    stage.accepted("release").await;
    stage.accepted("pace 100").await;
    operator::drive_to_the_end(&stage).await;
    again.exits_with(0).await;
    evidence::journal_is_whole(&stage).await;
    evidence::clients_are_content(&mut stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_whose_server_is_gone_can_be_sent_away() {
    let stage = Stage::without_clients(500, &[]).await;
    let mut lead = stage.lead();
    lead.writes("NOT STARTED").await;
    stage.cluster.primary().stop(Stop::Immediate).unwrap();
    lead.writes("RECONNECTING").await;
    // It wants to record that it holds.
    lead.signal("TERM");
    sleep(Duration::from_millis(500)).await;
    assert!(lead.is_alive());
    lead.signal("TERM");
    lead.exits_with(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_lead_and_another_one_only_by_take_over() {
    let stage = Stage::without_clients(500, &[]).await;
    let first = stage.lead();
    operator::drive_up_to(&stage, "expand").await;
    let refused = stage.lead().exits_with(1).await;
    assert!(refused.contains("`postgres` leads from"), "{refused}");
    assert!(refused.contains("hint: `pgcutover take-over`"), "{refused}");
    stage.accepted("pace 50").await;

    let second = stage.lead_by(stage.run(&["--headless", "--take-over", "shift change"]));
    let written = first.exits_with(1).await;
    assert!(written.contains("unasked"), "{written}");
    assert!(written.contains("shift change"), "{written}");
    stage.accepted("pace 60").await;
    let taken = |kind: &EventKind| matches!(kind, EventKind::LeadTaken { reason: Some(why), .. } if why.contains("shift change"));
    stage.journal_with("the take-over", taken).await;
    second.kill().await;
}
