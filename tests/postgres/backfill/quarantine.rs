//! Rows that fail are isolated and set aside; rows that escape are told.

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::run::again::Again;
use pgcutover::run::fault::Trouble;
use pgcutover::run::progress::BackfillStage;
use pgcutover::runbook::Writes;
use tokio::sync::watch;

use crate::chunked::{ask, finish, job, run, run_at, users, wrong};

/// Refuses the rows 7 and 23 with a constraint, 41 with a trigger.
const POISON: &str = "ALTER TABLE users ADD CHECK (new NOT IN ('u7', 'u23'));
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION E'not \\x1b[31mthis one'; END$$;
    CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW WHEN (old.id = 41)
        EXECUTE FUNCTION refuse()";

#[tokio::test]
async fn rows_that_fail_are_set_aside_and_the_others_written() {
    let database = users(60).await;
    database.client.batch_execute(POISON).await.unwrap();
    let mut tolerant = job();
    tolerant.spec.max_quarantined = 3;
    let summary = finish(&database, tolerant.clone()).await;
    assert_eq!(summary.quarantined, 3);
    assert_eq!(
        (summary.rows_visited, summary.rows_written, summary.swept),
        (60, 57, 60)
    );
    let keys = "SELECT string_agg(key[1], ',' ORDER BY at) FROM pgcutover.quarantine
        WHERE message ~ 'check constraint|not .\\[31mthis one'";
    let keys = database.client.query_one(keys, &[]).await.unwrap();
    assert_eq!(keys.get::<_, &str>(0), "7,23,41");
    assert_eq!(wrong(&database).await, 3);
}

#[tokio::test]
async fn one_failing_row_too_many_is_a_fault_and_goes_on_when_mended() {
    let database = users(60).await;
    database.client.batch_execute(POISON).await.unwrap();
    let mut strict = job();
    strict.spec.max_quarantined = 1;
    let fault = run(&database, strict.clone()).await.0.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Row);
    assert!(
        fault.message.contains("`23`") && fault.message.contains("`7`"),
        "{fault:?}"
    );
    assert_eq!(fault.sqlstate.as_deref(), Some("23514"));
    assert_eq!(
        wrong(&database).await,
        39,
        "22 rows are written and 1 is set aside"
    );
    let mend = "UPDATE users SET old = 'mended' WHERE id = 23; DROP TRIGGER refuse ON users";
    database.client.batch_execute(mend).await.unwrap();
    let summary = finish(&database, strict).await;
    assert_eq!((summary.quarantined, summary.rows_written), (1, 59));
}

#[tokio::test]
async fn a_row_whose_expression_fails_is_set_aside_and_swept_over() {
    let database = users(60).await;
    let poison = "UPDATE users SET old = 'x' WHERE id IN (17, 60)";
    database.client.batch_execute(poison).await.unwrap();
    let mut tolerant = job();
    tolerant.spec.writes = Writes::Set(vec![(
        "new".to_owned(),
        "substr(old, 2)::int::text".to_owned(),
    )]);
    tolerant.spec.filter = None;
    tolerant.spec.max_quarantined = 2;
    let summary = finish(&database, tolerant).await;
    assert_eq!(
        (summary.quarantined, summary.rows_written, summary.swept),
        (2, 58, 60)
    );
}

#[tokio::test]
async fn a_constraint_checked_at_commit_is_isolated_too() {
    let database = users(30).await;
    let deferred = "UPDATE users SET old = 'u12' WHERE id = 13;
        ALTER TABLE users ADD UNIQUE (new) DEFERRABLE INITIALLY DEFERRED";
    database.client.batch_execute(deferred).await.unwrap();
    let mut tolerant = job();
    tolerant.spec.max_quarantined = 1;
    let summary = finish(&database, tolerant).await;
    assert_eq!((summary.quarantined, summary.rows_written), (1, 29));
    assert_eq!(
        ask(&database, "SELECT key[1]::bigint FROM pgcutover.quarantine").await,
        13
    );
}

#[tokio::test]
async fn a_row_that_escapes_is_told_and_never_passed() {
    let database = users(60).await;
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, job(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.stage == BackfillStage::Sweep);
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let escape = "UPDATE users SET new = 'else' WHERE id IN (33, 34)";
    database.client.batch_execute(escape).await.unwrap();
    for _ in 0..2 {
        let fault = run(&database, job()).await.0.unwrap_err();
        assert_eq!(fault.trouble, Trouble::Unexpected);
        assert!(
            fault.message.contains("2 rows") && fault.message.contains("33, 34"),
            "{fault:?}"
        );
        assert!(fault.hint.is_some());
    }
    assert_eq!(wrong(&database).await, 2, "nothing is repaired silently");
    let done = "SELECT count(*) FROM pgcutover.checkpoint WHERE stage = 'done'";
    assert_eq!(ask(&database, done).await, 0);
}

fn tolerant() -> Job {
    let mut job = job();
    job.spec.max_quarantined = 3;
    job
}

#[tokio::test]
async fn rows_in_quarantine_are_tried_again_on_demand() {
    let database = users(60).await;
    database.client.batch_execute(POISON).await.unwrap();
    finish(&database, tolerant()).await;
    let mend = "UPDATE users SET old = 'mended' WHERE id = 23; DROP TRIGGER refuse ON users";
    database.client.batch_execute(mend).await.unwrap();
    let again = Job {
        round: 1,
        what: Again::Quarantined,
        ..tolerant()
    };
    let summary = finish(&database, again.clone()).await;
    assert_eq!(
        (
            summary.rows_visited,
            summary.rows_written,
            summary.quarantined
        ),
        (3, 2, 1)
    );
    let left = "SELECT key[1]::bigint FROM pgcutover.quarantine";
    assert_eq!(ask(&database, left).await, 7);
    let gone = "DELETE FROM users WHERE id = 7";
    database.client.batch_execute(gone).await.unwrap();
    assert_eq!(
        finish(&database, again).await.quarantined,
        0,
        "a row that is gone fails no more"
    );
}

#[tokio::test]
async fn a_wrong_transformation_is_made_again_where_it_was_wrong() {
    let database = users(100).await;
    finish(&database, job()).await;
    let spoil = "UPDATE users SET new = 'wrong' WHERE id IN (10, 11, 40, 41)";
    database.client.batch_execute(spoil).await.unwrap();
    let key = |id: &str| Some(vec![id.to_owned()]);
    let again = Job {
        round: 1,
        what: Again::Range {
            low: key("10"),
            high: key("40"),
        },
        ..job()
    };
    let summary = finish(&database, again).await;
    assert_eq!(
        (summary.rows_visited, summary.rows_written, summary.swept),
        (30, 2, 30)
    );
    let left = "SELECT sum(id)::bigint FROM users WHERE new = 'wrong'";
    assert_eq!(ask(&database, left).await, 10 + 41);
    let whole = Job { round: 2, ..job() };
    assert_eq!(finish(&database, whole).await.rows_written, 2);
}
