//! A step in another database than the journal's: its receipt and the copy of
//! the lease there see to it that it is done once.

use std::time::Duration;

use pgcutover::run::event::EventKind;
use pgcutover::run::{Outcome, Place};
use serde_json::json;
use tokio::time::sleep;

use crate::servers::{self, Database};
use crate::stage::{Stage, step};

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "elsewhere"
title = "two databases"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[connections.other]
url_env = "OTHER_URL"
[[phase]]
id = "count"
[[phase.step]]
id = "add"
on = "other"
[phase.step.sql]
run = "INSERT INTO public.tally VALUES (1)"
[phase.step.undo.sql]
run = "INSERT INTO public.tally VALUES (-1)"
[[phase]]
id = "end"
[[phase.step]]
id = "question"
[phase.step.manual]
ask = "Done?"
"#;

/// The stage and its other database, which has one table.
async fn begin() -> (Stage, Database) {
    let other = servers::database().await;
    let tally = "CREATE TABLE public.tally (n int)";
    other.client.batch_execute(tally).await.unwrap();
    let mut stage = Stage::of(RUNBOOK).await;
    stage.vars.push(("OTHER_URL".to_owned(), other.dsn.clone()));
    (stage, other)
}

/// Times it was added and taken back.
async fn tally(other: &Database) -> (i64, i64) {
    let count = "SELECT count(*) FILTER (WHERE n = 1), count(*) FILTER (WHERE n = -1) FROM tally";
    let row = other.client.query_one(count, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// The lease's token in a database, once it is there.
async fn token(database: &Database) -> String {
    let token = "SELECT token FROM pgcutover.lease";
    loop {
        match database.client.query_opt(token, &[]).await {
            Ok(Some(row)) => return row.get(0),
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Killed there, on the way forward and on the way back; done once each way.
async fn killed_at(seam: &str) {
    let (mut stage, other) = begin().await;
    stage.lead_until(seam).await;
    let former = token(&other).await;
    assert_eq!(former, token(&stage.database).await, "the lease is copied");
    let advance = json!({"ask": "advance", "into": "count"});
    stage.ask_and_leave(&advance).await;
    assert_eq!(stage.ended().await, None, "{}", stage.told());

    stage.lead().await;
    stage
        .until("the step", |run| run.is_done(&step("add")))
        .await;
    assert_eq!(tally(&other).await, (1, 0), "forward, {seam}");
    assert_eq!(token(&other).await, token(&stage.database).await);
    fenced(&other, &former).await;
    stage.kill();

    stage.lead_until(seam).await;
    let back = json!({"ask": "rollback", "phase": "count", "reason": null});
    stage.ask_and_leave(&back).await;
    assert_eq!(stage.ended().await, None, "{}", stage.told());
    stage.lead().await;
    let back = |run: &pgcutover::run::Run| run.place == Place::Before(0) && run.rollback.is_none();
    stage.until("the rollback", back).await;
    assert_eq!(tally(&other).await, (1, 1), "back, {seam}");

    // Another attempt is another receipt.
    stage.ask(&["advance", "count"]).await;
    stage
        .until("the step", |run| run.is_done(&step("add")))
        .await;
    assert_eq!(tally(&other).await, (2, 1), "again, {seam}");
    told_by_receipt(&stage, seam).await;
    stage.ask(&["advance", "end"]).await;
    stage.ask(&["answer", "question"]).await;
    assert_eq!(stage.ended().await, Some(0), "{}", stage.told());
    assert_eq!(stage.run().await.unwrap().outcome, Some(Outcome::Finished));
}

/// A former lead cannot write there any more.
async fn fenced(other: &Database, former: &str) {
    let fence = "SELECT pgcutover.fence(run_id, $1) FROM pgcutover.lease";
    let error = other.client.query(fence, &[&former]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "PGC01");
}

/// What each doubt was settled by.
async fn told_by_receipt(stage: &Stage, seam: &str) {
    let journal = stage.journal().await;
    let doubts = journal.iter().filter_map(|event| match &event.kind {
        EventKind::DoubtResolved { done, how, .. } => Some((*done, how.as_str())),
        _ => None,
    });
    let wanted = match seam {
        "ddl-after-commit" => (true, "its receipt is there"),
        _ => (false, "it left no receipt"),
    };
    assert_eq!(doubts.collect::<Vec<_>>(), [wanted; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_another_database_is_done_once_wherever_its_lead_is_killed() {
    tokio::join!(
        killed_at("ddl-before-commit"),
        killed_at("ddl-after-commit")
    );
}
