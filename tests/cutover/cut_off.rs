//! A server that ends our sessions, restarts, or is away for a while: it is
//! said, work stalls, goes on, and finishes.

use std::time::{Duration, Instant};

use pgcutover::run::event::EventKind;
use pgcutover::sandbox::Stop;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::program::Lead;
use crate::stage::Stage;
use crate::{evidence, operator, until};

/// A backfill under way, slow enough to be met there.
async fn backfilling(rows: i64) -> (Stage, Lead) {
    let stage = Stage::set(rows, &[]).await;
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

fn rows_go_by(status: &crate::program::Status) -> bool {
    let backfill = status.backfill.as_ref();
    status.state == "RUNNING" && backfill.is_some_and(|backfill| backfill.rows_done > 0)
}

/// To the end, with all that has to be true there.
async fn finishes(mut stage: Stage, lead: Lead) {
    operator::drive_to_the_end(&stage).await;
    lead.exits_with(0).await;
    let audit = evidence::audited(&stage.connect().await).await;
    assert_eq!(audit.committed, audit.distinct, "rows written twice");
    evidence::journal_is_whole(&stage).await;
    evidence::clients_are_content(&mut stage).await;
}

/// Ends our session of that name as soon as it is seen; looks every millisecond,
/// from inside the server, because some live that short.
async fn terminate(client: &Client, name: &str) {
    let look = format!(
        "DO $$ BEGIN
            FOR look IN 1..60000 LOOP
                PERFORM pg_stat_clear_snapshot();
                PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'pgcutover:{name}' AND state <> 'starting';
                IF found THEN RETURN; END IF;
                PERFORM pg_sleep(0.001);
            END LOOP;
            RAISE EXCEPTION 'no session pgcutover:{name}';
        END $$"
    );
    client.batch_execute(&look).await.unwrap();
}

fn is_restored(kind: &EventKind) -> bool {
    matches!(kind, EventKind::LinkRestored { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_our_sessions_may_be_ended() {
    let (stage, lead) = backfilling(10_000).await;
    let client = stage.connect().await;
    for name in ["backfill", "mon", "ctl"] {
        terminate(&client, name).await;
        stage.status_when("rows after that", rows_go_by).await;
    }
    terminate(&client, "lead").await;
    stage.journal_with("the link's return", is_restored).await;
    lead.writes("RECONNECTING").await;
    stage.accepted("pace 20").await;
    terminate(&client, "parity").await;
    operator::drive_up_to(&stage, "contract").await;
    // Asks whether the old clients have gone.
    terminate(&client, "observer").await;
    operator::drive_up_to(&stage, "contract").await;
    evidence::columns_agree(&client).await;

    // A reader in the way, so that there is a step to be met.
    let mut reader = stage.connect().await;
    let reading = reader.transaction().await.unwrap();
    reading
        .batch_execute("SELECT FROM users LIMIT 1")
        .await
        .unwrap();
    stage.verb("advance contract").await;
    terminate(&client, "step").await;
    drop(reading);
    finishes(stage, lead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_the_backfill_is_survived() {
    let (stage, lead) = backfilling(10_000).await;
    for how in [Stop::Fast, Stop::Immediate] {
        stage.cluster.primary().restart(how).unwrap();
        stage.status_when("rows after that", rows_go_by).await;
    }
    stage.journal_with("the link's return", is_restored).await;
    lead.writes("RECONNECTING").await;
    stage.accepted("pace 100").await;
    finishes(stage, lead).await;
}

/// `PGCUTOVER_OUTAGE_S` makes it longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_for_a_while_is_waited_for() {
    let seconds = std::env::var("PGCUTOVER_OUTAGE_S").map_or(8, |text| text.parse().unwrap());
    let (stage, mut lead) = backfilling(10_000).await;
    let primary = stage.cluster.primary();
    primary.stop(Stop::Fast).unwrap();
    let stopped = Instant::now();
    lead.writes("RECONNECTING").await;
    let answer = stage.verb("status").await;
    assert_eq!(answer.code, Some(1), "{answer:?}");
    sleep(Duration::from_secs(seconds).saturating_sub(stopped.elapsed())).await;
    assert!(lead.is_alive(), "{}", lead.written());
    primary.start().unwrap();
    stage.journal_with("the link's return", is_restored).await;
    let outages: Vec<u64> = until("the outage", async || {
        let events = stage.journal().await;
        let outages = events.into_iter().filter_map(|event| match event.kind {
            EventKind::LinkRestored { outage_ms, .. } => Some(outage_ms),
            _ => None,
        });
        Some(outages.collect())
    })
    .await;
    assert!(outages[0] >= seconds * 1000, "{outages:?}");
    // Unknown for a minute, a guard has held: a person releases it.
    let status = stage
        .status_when("news", |now| now.state != "NO LEAD")
        .await;
    if status.hold.is_some() {
        stage.accepted("release").await;
    }
    stage.accepted("pace 100").await;
    finishes(stage, lead).await;
}
