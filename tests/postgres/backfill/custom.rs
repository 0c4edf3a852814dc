//! The author's own SQL over the chunks of a table.

use pgcutover::pg::backfill::Job;
use pgcutover::pg::cadence::Control;
use pgcutover::run::fault::Trouble;
use pgcutover::runbook::{Custom, Writes};
use tokio::sync::watch;

use crate::chunked::{ask, chunks, database, finish, job, run, run_at, table};

const TALLY: &str =
    "CREATE TABLE users (region text, id int, visits int NOT NULL, PRIMARY KEY (region, id));
    INSERT INTO users SELECT r, n, n FROM unnest('{de,fr}'::text[]) r, generate_series(1, 100) n;
    CREATE TABLE tally (region text, id int, visits int, PRIMARY KEY (region, id));
    CREATE TABLE calls (at timestamptz DEFAULT clock_timestamp(), n bigint)";

/// Two statements, of which the second is not idempotent: a chunk happens once.
fn custom() -> Job {
    let mut job = job();
    job.table = table("users", &[("region", "text"), ("id", "integer")]);
    job.table.set = Vec::new();
    job.spec.filter = None;
    job.spec.chunk = chunks(15, 15);
    job.spec.writes = Writes::Custom(Custom {
        statements: vec![
            "INSERT INTO tally SELECT u.region, u.id, u.visits FROM users u JOIN users v USING (region, id)
                WHERE pgcutover.chunk(u) AND pgcutover.chunk(v) ON CONFLICT DO NOTHING".to_owned(),
            "INSERT INTO calls (n) SELECT count(*) FROM users WHERE pgcutover.chunk()".to_owned(),
        ],
        escaped: "NOT EXISTS (SELECT FROM tally t WHERE (t.region, t.id, t.visits)
            = (users.region, users.id, users.visits))".to_owned(),
    });
    job
}

#[tokio::test]
async fn every_row_is_in_one_chunk() {
    let database = database(TALLY).await;
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, custom(), control, move |progress| {
        driver.send_modify(|control| control.stop |= progress.chunks == 5);
    })
    .await;
    ended.unwrap();
    let summary = finish(&database, custom()).await;
    assert_eq!((summary.rows_visited, summary.swept), (200, 200));
    assert_eq!(ask(&database, "SELECT count(*) FROM tally").await, 200);
    assert_eq!(
        ask(&database, "SELECT sum(n)::bigint FROM calls").await,
        200
    );
}

#[tokio::test]
async fn a_row_that_it_did_not_write_has_escaped() {
    let database = database(TALLY).await;
    let skip = "CREATE RULE skip AS ON INSERT TO tally WHERE new.id = 31 DO INSTEAD NOTHING";
    database.client.batch_execute(skip).await.unwrap();
    let fault = run(&database, custom()).await.0.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Unexpected);
    assert!(fault.message.contains("(de, 31)"), "{fault:?}");
}
