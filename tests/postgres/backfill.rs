//! The backfill: every row once, whatever happens meanwhile.

mod broken;
mod custom;
mod into;
mod keys;
mod quarantine;
mod sparse;
mod told_apart;
mod workers;

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::plan::sql::{BackfillSql, Ends};
use pgcutover::run::event::Percent;
use pgcutover::run::progress::BackfillStage;
use pgcutover::runbook::StepId;
use tokio::sync::watch;
use tokio_postgres::SimpleQueryMessage;

use crate::chunked::{ask, finish, job, run, run_at, users, wrong};

/// Counts the writes of each row, in a column of its own.
pub(crate) const COUNT_WRITES: &str = "ALTER TABLE users ADD COLUMN writes int NOT NULL DEFAULT 0;
    CREATE FUNCTION tally() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN new.writes := old.writes + 1; RETURN new; END';
    CREATE TRIGGER tally BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION tally()";

#[tokio::test]
async fn every_row_is_written_once_and_proved() {
    let database = users(105).await;
    database.client.batch_execute(COUNT_WRITES).await.unwrap();
    let summary = finish(&database, job()).await;
    assert_eq!(wrong(&database).await, 0);
    assert_eq!(
        ask(&database, "SELECT sum(writes) FROM users WHERE writes = 1").await,
        105
    );
    assert_eq!((summary.rows_visited, summary.rows_written), (105, 105));
    assert_eq!(
        (summary.chunks, summary.swept, summary.quarantined),
        (11, 105, 0)
    );
}

#[tokio::test]
async fn an_empty_table_is_done() {
    let database = users(0).await;
    assert_eq!(finish(&database, job()).await.rows_visited, 0);
}

#[tokio::test]
async fn a_table_of_whole_chunks_is_done() {
    let database = users(30).await;
    let summary = finish(&database, job()).await;
    assert_eq!(
        (summary.rows_visited, summary.swept, summary.chunks),
        (30, 30, 3)
    );
}

#[tokio::test]
async fn what_is_done_stays_done() {
    let database = users(30).await;
    let first = finish(&database, job()).await;
    let again = finish(&database, job()).await;
    assert_eq!(again.chunks, first.chunks);
    assert!(again.took_ms >= first.took_ms, "the time of the whole step");
}

#[tokio::test]
async fn a_stop_ends_it_at_a_chunk_and_the_next_run_goes_on() {
    let database = users(100).await;
    database.client.batch_execute(COUNT_WRITES).await.unwrap();
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, said) = run_at(&database, job(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.chunks == 3);
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert_eq!(said.lock().unwrap().last().unwrap().chunks, 3);
    assert_eq!(wrong(&database).await, 70);
    let summary = finish(&database, job()).await;
    assert_eq!((summary.rows_visited, summary.chunks), (100, 10));
    assert_eq!(
        ask(&database, "SELECT max(writes)::bigint FROM users").await,
        1
    );
    assert_eq!(wrong(&database).await, 0);
}

#[tokio::test]
async fn a_pause_waits_between_two_chunks_without_a_lock() {
    let database = users(30).await;
    let (driver, control) = watch::channel(Control::FULL);
    let steering = driver.clone();
    let (waits, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let work = run_at(&database, job(), control, move |progress| {
        steering.send_if_modified(|control| {
            let pause = progress.chunks == 1 && control.go;
            control.go &= !pause;
            pause
        });
        if progress.stage == BackfillStage::Waiting {
            waits.send(progress.chunks).unwrap();
        }
    });
    let look = async {
        assert_eq!(waiting.recv().await, Some(1));
        let locks = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE c.relname = 'users' AND l.mode = 'RowExclusiveLock'";
        assert_eq!(ask(&database, locks).await, 0);
        assert_eq!(wrong(&database).await, 20);
        driver.send_modify(|control| control.stop = true);
    };
    let ((ended, _), ()) = tokio::join!(work, look);
    assert_eq!(ended.unwrap(), Ended::Stopped);
}

#[tokio::test]
async fn time_off_the_pace_is_told_by_reason() {
    let database = users(30).await;
    let (_driver, control) = watch::channel(Control {
        duty: Percent(50),
        reason: Some("replica-a lag".to_owned()),
        ..Control::FULL
    });
    let (ended, _) = run_at(&database, job(), control, |_| {}).await;
    let Ok(Ended::Done(summary)) = ended else {
        panic!("{ended:?}");
    };
    assert!(summary.lost_ms.contains_key("replica-a lag"), "{summary:?}");
}

#[tokio::test]
async fn a_checkpoint_of_another_collation_version_is_void() {
    let database = users(60).await;
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, job(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.chunks == 4);
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let upgrade = "UPDATE pgcutover.checkpoint SET identity =
        jsonb_set(identity::jsonb, '{table,key,0,version}', '\"2.99\"')::json";
    database.client.batch_execute(upgrade).await.unwrap();
    let (ended, said) = run(&database, job()).await;
    let Ok(Ended::Done(summary)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(
        (summary.rows_visited, summary.rows_written),
        (60, 20),
        "visited anew"
    );
    let first = said.lock().unwrap().first().unwrap().trouble.clone();
    assert!(first.unwrap().contains("started again"));
}

#[tokio::test]
async fn another_attempt_starts_from_the_low_end() {
    let database = users(20).await;
    finish(&database, job()).await;
    database
        .client
        .batch_execute("UPDATE users SET new = NULL")
        .await
        .unwrap();
    let again = Job {
        attempt: 2,
        ..job()
    };
    assert_eq!(finish(&database, again).await.rows_written, 20);
    let other = Job {
        step: StepId::new("other"),
        ..job()
    };
    assert_eq!(finish(&database, other).await.rows_written, 0);
}

/// The rare value's index would look cheaper than half of the key's.
#[tokio::test]
async fn a_chunk_goes_by_its_key_whatever_else_is_indexed() {
    let database = users(20_000).await;
    let tempt = "ALTER TABLE users ADD COLUMN state text NOT NULL DEFAULT 'done';
        UPDATE users SET state = 'open' WHERE id % 1000 = 0;
        CREATE INDEX users_state ON users (state); ANALYZE users";
    database.client.batch_execute(tempt).await.unwrap();
    let mut spec = job().spec;
    spec.filter = Some("state = 'open'".to_owned());
    let update = BackfillSql::new(&job().table, &spec)
        .writes(Ends::Between)
        .swap_remove(0);
    let plan = format!(
        "SET plan_cache_mode = force_custom_plan; PREPARE chunk AS {update};
         EXPLAIN EXECUTE chunk('5000', '15000')"
    );
    let lines = database.client.simple_query(&plan).await.unwrap();
    let lines = lines.iter().filter_map(|line| match line {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan = lines.collect::<Vec<_>>().join("\n");
    assert!(
        plan.contains("users_pkey") && !plan.contains("users_state"),
        "{plan}"
    );
}
