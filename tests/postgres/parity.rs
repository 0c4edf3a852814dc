//! The comparison: every row, both sides in one look, and no false alarm.

use std::sync::{Arc, Mutex};

use pgcutover::pg::cadence::Control;
use pgcutover::pg::parity::{self, Ended, Job};
use pgcutover::pg::session::Purpose;
use pgcutover::run::event::ParitySummary;
use pgcutover::run::fault::{Fault, Trouble};
use pgcutover::run::progress::ParityProgress;
use pgcutover::runbook::{Parity, TableName};
use tokio::sync::watch;

use crate::chunked::{chunks, table, until_blocked, users};
use crate::support::{self, Database};
use crate::targets::session;

/// `old` against `new` in `users`, ten rows a chunk.
fn job() -> Job {
    Job {
        table: table("users", &[("id", "bigint")]),
        spec: Parity {
            table: TableName {
                schema: None,
                name: "users".to_owned(),
            },
            key: vec!["id".to_owned()],
            left: "old".to_owned(),
            right: "new".to_owned(),
            filter: None,
            chunk: chunks(10, 10),
        },
        rows_estimate: 100,
    }
}

async fn run_at(
    database: &Database,
    job: Job,
    control: watch::Receiver<Control>,
    hear: impl FnMut(ParityProgress) + Send + 'static,
) -> Result<Ended, Fault> {
    let session = session(&database.dsn, Purpose::Parity).await;
    parity::run(session, job, control, hear).await
}

async fn compare(database: &Database, job: Job) -> ParitySummary {
    let (_driver, control) = watch::channel(Control::FULL);
    match run_at(database, job, control, |_| {}).await.unwrap() {
        Ended::Done(summary) => summary,
        Ended::Stopped => panic!("stopped by nobody"),
    }
}

/// `users` with both sides equal, but for what that SQL does.
async fn compared(rows: u32, then: &str) -> Database {
    let database = users(rows).await;
    let equal = format!("UPDATE users SET new = old; {then}");
    database.client.batch_execute(&equal).await.unwrap();
    database
}

#[tokio::test]
async fn equal_sides_are_covered_completely() {
    let database = compared(105, "").await;
    let summary = compare(&database, job()).await;
    assert_eq!((summary.rows, summary.confirmed, summary.hot), (105, 0, 0));
    assert_eq!(summary.coverage, 1.0);
    assert!(summary.samples.is_empty());
    assert!(summary.wal.0.contains('/') && summary.wal.1.contains('/'));
}

#[tokio::test]
async fn every_difference_is_confirmed_and_some_are_named() {
    let differ = "UPDATE users SET new = 'else' WHERE id % 5 = 0;
        UPDATE users SET new = NULL WHERE id = 1; UPDATE users SET old = NULL WHERE id = 105";
    let database = compared(105, differ).await;
    let summary = compare(&database, job()).await;
    assert_eq!(
        (summary.confirmed, summary.hot, summary.coverage),
        (22, 0, 1.0)
    );
    assert_eq!(summary.samples.len(), 10);
    assert!(
        summary.samples.iter().all(|key| key.parse::<u32>().is_ok()),
        "{summary:?}"
    );
}

#[tokio::test]
async fn two_nulls_are_equal() {
    let database = compared(10, "UPDATE users SET old = NULL, new = NULL").await;
    assert_eq!(compare(&database, job()).await.confirmed, 0);
}

#[tokio::test]
async fn what_equality_hides_is_a_difference() {
    let database = compared(1, "").await;
    for (left, right) in [
        ("1.0::numeric", "1.00::numeric"),
        ("0.0::float8", "'-0'::float8"),
        (r#"'{"a":1}'::json"#, r#"'{"a": 1}'::json"#),
    ] {
        let mut strict = job();
        strict.spec.left = left.to_owned();
        strict.spec.right = right.to_owned();
        assert_eq!(
            compare(&database, strict).await.confirmed,
            1,
            "{left} and {right}"
        );
    }
}

#[tokio::test]
async fn rows_that_are_not_compared_do_not_count() {
    let database = compared(100, "UPDATE users SET new = 'x' WHERE id > 90").await;
    let mut some = job();
    some.spec.filter = Some("id <= 90 -- the others are known".to_owned());
    let summary = compare(&database, some).await;
    assert_eq!(
        (summary.rows, summary.confirmed, summary.coverage),
        (90, 0, 1.0)
    );
}

#[tokio::test]
async fn an_empty_table_verifies_nothing() {
    let database = compared(0, "").await;
    let summary = compare(&database, job()).await;
    assert_eq!((summary.rows, summary.coverage), (0, 0.0));
}

/// The first look has its snapshot, and waits in it for an advisory lock until
/// the row is healed: it sees the difference, the next one does not.
#[tokio::test]
async fn a_write_in_flight_is_no_difference() {
    let database = compared(10, "UPDATE users SET new = 'late' WHERE id = 3").await;
    let writer = support::connect(&database.dsn).await;
    let hold = "SELECT pg_advisory_lock(42)";
    writer.batch_execute(hold).await.unwrap();
    let (_driver, control) = watch::channel(Control::FULL);
    let mut waiting = job();
    waiting.spec.right =
        "CASE WHEN pg_advisory_xact_lock_shared(42)::text = 'x' THEN old ELSE new END".to_owned();
    let suspects = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&suspects);
    let work = run_at(&database, waiting, control, move |progress| {
        *seen.lock().unwrap() = progress.suspects;
    });
    let heal = async {
        until_blocked(&database, "advisory").await;
        let heal = "UPDATE users SET new = old WHERE id = 3; SELECT pg_advisory_unlock(42)";
        writer.batch_execute(heal).await.unwrap();
    };
    let (ended, ()) = tokio::join!(work, heal);
    let Ok(Ended::Done(summary)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(
        (summary.confirmed, summary.hot, summary.coverage),
        (0, 0, 1.0)
    );
    assert_eq!(*suspects.lock().unwrap(), 1, "the first look saw nothing");
}

#[tokio::test]
async fn a_row_that_never_rests_is_hot_and_not_verified() {
    let database = compared(10, "").await;
    // Each look sees another difference.
    let mut restless = job();
    restless.spec.right = "clock_timestamp()::text".to_owned();
    restless.spec.filter = Some("id <= 2".to_owned());
    let summary = compare(&database, restless).await;
    assert_eq!((summary.rows, summary.confirmed, summary.hot), (2, 0, 2));
    assert_eq!(summary.coverage, 0.0);
}

#[tokio::test]
async fn it_tells_how_far_it_is_and_stops_at_a_chunk() {
    let database = compared(100, "").await;
    let (driver, control) = watch::channel(Control::FULL);
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let ended = run_at(&database, job(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.rows_done == 30);
        heard.lock().unwrap().push(progress);
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let said = said.lock().unwrap();
    let done: Vec<_> = said.iter().map(|progress| progress.rows_done).collect();
    assert_eq!(done, [10, 20, 30]);
    assert_eq!(said[0].rows_total, 100);
}

#[tokio::test]
async fn an_expression_that_fails_is_a_fault_and_no_verdict() {
    let database = compared(30, "").await;
    let (_driver, control) = watch::channel(Control::FULL);
    let mut broken = job();
    broken.spec.left = "(1 / (id - 25))::text".to_owned();
    let fault = run_at(&database, broken, control, |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        (fault.trouble, fault.sqlstate.as_deref()),
        (Trouble::Row, Some("22012"))
    );
}

#[tokio::test]
async fn rows_that_a_policy_hides_are_a_fault() {
    let database = compared(30, "").await;
    let hide = format!(
        "CREATE ROLE {0}_reader LOGIN; GRANT SELECT ON users TO {0}_reader;
         ALTER TABLE users ENABLE ROW LEVEL SECURITY;
         CREATE POLICY few ON users USING (id <= 10)",
        database.name
    );
    database.client.batch_execute(&hide).await.unwrap();
    let dsn = database
        .dsn
        .replace("user=postgres", &format!("user={}_reader", database.name));
    let session = session(&dsn, Purpose::Parity).await;
    let (_driver, control) = watch::channel(Control::FULL);
    let fault = parity::run(session, job(), control, |_| {})
        .await
        .unwrap_err();
    assert_eq!(fault.trouble, Trouble::Privilege, "{fault:?}");
    let clean = format!(
        "DROP OWNED BY {0}_reader; DROP ROLE {0}_reader",
        database.name
    );
    database.client.batch_execute(&clean).await.unwrap();
}

#[tokio::test]
async fn a_lock_on_the_table_is_waited_out() {
    let database = compared(30, "").await;
    let holder = support::connect(&database.dsn).await;
    let (driver, control) = watch::channel(Control::FULL);
    let pausing = driver.clone();
    let (chunks, mut chunk) = tokio::sync::mpsc::unbounded_channel();
    let work = run_at(&database, job(), control, move |progress| {
        pausing.send_modify(|control| control.go = progress.rows_done > 10);
        chunks.send(progress.rows_done).unwrap();
    });
    let wait = async {
        assert_eq!(chunk.recv().await, Some(10));
        let lock = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
        holder.batch_execute(lock).await.unwrap();
        driver.send_modify(|control| control.go = true);
        until_blocked(&database, "image").await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (ended, ()) = tokio::join!(work, wait);
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
}
