//! Sparse work: the rows that match alone, by an index of their own.

use pgcutover::pg::backfill::Job;
use pgcutover::pg::cadence::Control;
use pgcutover::run::fault::Trouble;
use pgcutover::runbook::{Walk, Writes};
use tokio::sync::watch;

use crate::chunked::{ask, chunks, finish, job, run, run_at, users};
use crate::support::Database;

/// 40 rows of 4000 are to be written.
const SPARSE: &str = "UPDATE users SET new = old WHERE id % 100 > 0";
const INDEX: &str = "CREATE INDEX todo ON users (id) WHERE new IS NULL";

fn sparse() -> Job {
    let mut job = job();
    job.spec.writes = Writes::Set(vec![("new".to_owned(), "coalesce(old, '')".to_owned())]);
    job.spec.filter = Some("new IS NULL".to_owned());
    job.spec.walk = Walk::Rows;
    job.spec.chunk = chunks(5, 5);
    job
}

async fn missing(database: &Database) -> i64 {
    ask(database, "SELECT count(*) FROM users WHERE new IS NULL").await
}

#[tokio::test]
async fn only_the_rows_that_match_are_visited() {
    for workers in [1, 3] {
        let database = users(4000).await;
        database.client.batch_execute(SPARSE).await.unwrap();
        database.client.batch_execute(INDEX).await.unwrap();
        let control = Control {
            workers,
            ..Control::FULL
        };
        let (ended, said) = run_at(&database, sparse(), watch::channel(control).1, |_| {}).await;
        ended.unwrap();
        assert_eq!(missing(&database).await, 0);
        let last = said.lock().unwrap().last().unwrap().clone();
        assert_eq!((last.rows_done, last.rows_written, last.swept), (40, 40, 0));
    }
}

#[tokio::test]
async fn without_an_index_of_its_own_it_is_refused() {
    let database = users(4000).await;
    database.client.batch_execute(SPARSE).await.unwrap();
    for index in ["SELECT", "CREATE INDEX other ON users (id) WHERE new > ''"] {
        database.client.batch_execute(index).await.unwrap();
        let fault = run(&database, sparse()).await.0.unwrap_err();
        assert_eq!(fault.trouble, Trouble::Changed);
        let hint = fault.hint.unwrap();
        assert!(
            hint.contains("ON public.users (id) WHERE new IS NULL"),
            "{hint}"
        );
    }
    assert_eq!(missing(&database).await, 40, "nothing was written");
    database.client.batch_execute(INDEX).await.unwrap();
    assert_eq!(finish(&database, sparse()).await.rows_written, 40);
}
