//! Locks, lost sessions, killed processes, other leads: nothing is lost, reverted
//! or written twice.

use std::time::Duration;

use pgcutover::pg::backfill::Ended;
use pgcutover::pg::cadence::Control;
use pgcutover::run::fault::Trouble;
use tokio::sync::watch;

use super::COUNT_WRITES;
use crate::chunked::{ask, chunks, finish, job, opener, run, run_at, until_blocked, users, wrong};
use crate::support::{self, Database};

/// Section 7's trap. A client holds the row that our statement wants, writes it
/// and commits: only an assignment from the target row itself sees that value.
/// The locks put it in order, no clock does.
#[tokio::test]
async fn a_concurrent_write_survives_where_a_cte_reverts_it() {
    let cte = "WITH batch AS (SELECT id, old FROM users WHERE id <= 10)
        UPDATE users SET new = batch.old FROM batch WHERE users.id = batch.id";
    let database = users(10).await;
    let copier = support::connect(&database.dsn).await;
    under_a_write(&database, async {
        copier.batch_execute(cte).await.unwrap();
    })
    .await;
    assert_eq!(
        wrong(&database).await,
        1,
        "the trap does not spring any more"
    );

    let database = users(10).await;
    under_a_write(&database, async {
        finish(&database, job()).await;
    })
    .await;
    assert_eq!(wrong(&database).await, 0);
    let kept = "SELECT count(*) FROM users WHERE id = 5 AND new = 'written meanwhile'";
    assert_eq!(ask(&database, kept).await, 1);
}

/// Runs `work` against a row that a client has written and commits as soon as
/// the work waits for it.
async fn under_a_write(database: &Database, work: impl Future<Output = ()>) {
    let writer = support::connect(&database.dsn).await;
    let write = "BEGIN; UPDATE users SET old = 'written meanwhile' WHERE id = 5";
    writer.batch_execute(write).await.unwrap();
    let commit = async {
        until_blocked(database, "UPDATE").await;
        writer.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(work, commit);
}

#[tokio::test]
async fn a_locked_row_is_tried_again_until_it_is_free() {
    let database = users(40).await;
    let holder = support::connect(&database.dsn).await;
    let lock = "BEGIN; SELECT FROM users WHERE id = 15 FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let (_driver, control) = watch::channel(Control::FULL);
    let (conflicts, mut met) = tokio::sync::mpsc::unbounded_channel();
    let mut patient = job();
    patient.spec.chunk = chunks(1, 10);
    let work = run_at(&database, patient, control, move |progress| {
        conflicts.send(progress.clone()).unwrap();
    });
    let release = async {
        let mut told = None;
        while told.is_none() {
            told = met.recv().await.unwrap().trouble;
        }
        assert!(told.unwrap().contains("lock timeout"));
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let ((ended, said), ()) = tokio::join!(work, release);
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
    assert!(said.lock().unwrap().last().unwrap().conflicts >= 1);
    assert_eq!(wrong(&database).await, 0);
}

#[tokio::test]
async fn a_stop_ends_the_wait_after_a_conflict() {
    let database = users(10).await;
    let holder = support::connect(&database.dsn).await;
    let lock = "BEGIN; SELECT FROM users WHERE id = 5 FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, job(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.trouble.is_some());
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    assert_eq!(wrong(&database).await, 10);
}

#[tokio::test]
async fn a_terminated_backend_loses_no_row_and_writes_none_twice() {
    let database = users(60).await;
    database.client.batch_execute(COUNT_WRITES).await.unwrap();
    let holder = support::connect(&database.dsn).await;
    for id in [5, 25, 45] {
        let lock = format!("BEGIN; SELECT FROM users WHERE id = {id} FOR UPDATE");
        holder.batch_execute(&lock).await.unwrap();
        let kill = async {
            until_blocked(&database, "UPDATE").await;
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'pgcutover:backfill'";
            assert_eq!(ask(&database, kill).await, 1);
        };
        let ((ended, _), ()) = tokio::join!(run(&database, job()), kill);
        let fault = ended.unwrap_err();
        assert_eq!(fault.trouble, Trouble::ConnectionLost, "{fault:?}");
        holder.batch_execute("ROLLBACK").await.unwrap();
    }
    let summary = finish(&database, job()).await;
    assert_eq!((summary.rows_visited, summary.rows_written), (60, 60));
    assert_eq!(
        ask(&database, "SELECT max(writes)::bigint FROM users").await,
        1
    );
    assert_eq!(wrong(&database).await, 0);
}

/// Says to [`victim`] where it works.
const VICTIM_DSN: &str = "PGCUTOVER_TEST_VICTIM_DSN";

#[tokio::test]
async fn killed_at_any_seam_it_goes_on_where_it_was() {
    for (seam, written) in [
        ("chunk-before-commit:3", 20),
        ("chunk-after-commit:3", 30),
        ("sweep-before-done", 60),
    ] {
        let database = users(60).await;
        database.client.batch_execute(COUNT_WRITES).await.unwrap();
        let victim = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "backfill::broken::victim", "--ignored"])
            .env(VICTIM_DSN, &database.dsn)
            .env(pgcutover::seam::VARIABLE, seam)
            .output()
            .await
            .unwrap();
        assert_eq!(
            victim.status.code(),
            None,
            "not killed at {seam}: {victim:?}"
        );
        // Its last transaction is over when its backend is.
        let backend = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'pgcutover:backfill'";
        while ask(&database, backend).await > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(wrong(&database).await, 60 - written, "{seam}");
        let summary = finish(&database, job()).await;
        assert_eq!(
            (summary.rows_visited, summary.rows_written),
            (60, 60),
            "{seam}"
        );
        let twice = "SELECT count(*) FROM users WHERE writes <> 1";
        assert_eq!(ask(&database, twice).await, 0, "{seam}");
    }
}

/// No test: the process that the test above kills.
#[tokio::test]
#[ignore = "run by another test, which kills it"]
async fn victim() {
    let dsn = std::env::var(VICTIM_DSN).unwrap();
    let (_driver, control) = watch::channel(Control::FULL);
    pgcutover::pg::backfill::run(opener(&dsn), job(), control, |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stale_lead_cannot_commit_a_chunk() {
    let database = users(30).await;
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, job(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.chunks == 1);
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let take_over = "UPDATE pgcutover.lease SET token = 'other', epoch = 2";
    database.client.batch_execute(take_over).await.unwrap();
    let fault = run(&database, job()).await.0.unwrap_err();
    assert_eq!(fault.trouble, Trouble::LeaseLost, "{fault:?}");
    assert_eq!(wrong(&database).await, 20);
}

#[tokio::test]
async fn dropping_it_cancels_the_statement() {
    let database = users(10).await;
    let holder = support::connect(&database.dsn).await;
    let lock = "BEGIN; SELECT FROM users WHERE id = 5 FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let (driver, control) = watch::channel(Control::FULL);
    let work = pgcutover::pg::backfill::run(opener(&database.dsn), job(), control, |_| {});
    let work = tokio::spawn(work);
    until_blocked(&database, "UPDATE").await;
    work.abort();
    let there = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'pgcutover:backfill'";
    while ask(&database, there).await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(driver);
}

/// What a chunk of a lost connection does whose COMMIT arrives all the same.
#[tokio::test]
async fn a_chunk_that_another_one_overtook_commits_nothing() {
    let database = users(60).await;
    let overtake = "CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN UPDATE pgcutover.checkpoint SET saves = saves + 1; RETURN new; END';
        CREATE TRIGGER overtake BEFORE UPDATE ON users FOR EACH ROW WHEN (old.id = 25)
            EXECUTE FUNCTION overtake()";
    database.client.batch_execute(overtake).await.unwrap();
    let fault = run(&database, job()).await.0.unwrap_err();
    assert_eq!(fault.trouble, Trouble::ConnectionLost, "{fault:?}");
    assert!(fault.message.contains("checkpoint"), "{fault:?}");
    assert_eq!(wrong(&database).await, 40, "two chunks of ten");
    assert_eq!(
        ask(&database, "SELECT saves FROM pgcutover.checkpoint").await,
        2
    );
}

/// The journal may be on another server, and it does not forget.
#[tokio::test]
async fn only_the_end_of_a_range_waits_for_the_disk() {
    let database = users(30).await;
    let listen = "CREATE TABLE waits (stage text, setting text);
        CREATE FUNCTION listen() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO waits VALUES (new.stage, current_setting(''synchronous_commit'')); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER listen AFTER UPDATE ON pgcutover.checkpoint
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION listen()";
    database.client.batch_execute(listen).await.unwrap();
    finish(&database, job()).await;
    let as_it_should = "SELECT count(*) FROM waits WHERE (stage = 'done') = (setting = 'on')";
    let said = ask(&database, "SELECT count(*) FROM waits").await;
    assert!(said > 4, "{said}");
    assert_eq!(ask(&database, as_it_should).await, said);
}
