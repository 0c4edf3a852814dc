//! Vacuums between a backfill's chunks: what they bound, and what they give way to.

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::run::event::Percent;
use pgcutover::runbook::Vacuum;
use tokio::sync::watch;

use crate::chunked::{Said, ask, chunks, database, job, run_at, until_blocked, wrong};
use crate::support::{self, Database};

/// `users` that autovacuum leaves alone.
async fn users(rows: u32) -> Database {
    database(&format!(
        "CREATE TABLE users (id bigint PRIMARY KEY, old text, new text) WITH (autovacuum_enabled = off);
         INSERT INTO users SELECT n, repeat('u', 100) || n FROM generate_series(1, {rows}) n;
         ANALYZE users"
    ))
    .await
}

fn copy(vacuum: Option<f64>) -> Job {
    let mut job = job();
    job.spec.chunk = chunks(100, 100);
    job.spec.vacuum = vacuum.map(|dead_tuples| Vacuum { dead_tuples });
    job
}

/// Slow enough for statistics, which come once a second.
fn slowly() -> Control {
    Control {
        duty: Percent(15),
        ..Control::FULL
    }
}

/// What was said of vacuums, without repetitions.
fn words(said: &Said) -> Vec<String> {
    let said = said.lock().unwrap();
    let mut words: Vec<_> = said.iter().filter_map(|p| p.vacuum.clone()).collect();
    words.dedup();
    words
}

async fn bytes(database: &Database) -> i64 {
    ask(database, "SELECT pg_relation_size('users')").await
}

#[tokio::test]
async fn a_vacuum_between_chunks_bounds_the_growth_of_the_table() {
    let mut grown = Vec::new();
    for vacuum in [None, Some(0.1)] {
        let database = users(24_000).await;
        let before = bytes(&database).await;
        let pace = vacuum.map_or(Control::FULL, |_| slowly());
        let (_driver, control) = watch::channel(pace);
        let (ended, said) = run_at(&database, copy(vacuum), control, |_| {}).await;
        assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
        assert_eq!(wrong(&database).await, 0);
        let count = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'users'";
        let count = ask(&database, count).await;
        assert_eq!(count > 0, vacuum.is_some(), "{:?}", words(&said));
        grown.push(bytes(&database).await as f64 / before as f64);
    }
    // Every row is written once: without a vacuum the table doubles.
    assert!(grown[0] > 1.9, "{grown:?}");
    assert!(grown[1] < grown[0] - 0.25, "{grown:?}");
}

#[tokio::test]
async fn a_vacuum_that_an_old_snapshot_makes_useless_says_whose_it_is() {
    let database = users(20_000).await;
    let idle = support::connect(&database.dsn).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    idle.batch_execute(begin).await.unwrap();
    let (_driver, control) = watch::channel(slowly());
    let (ended, said) = run_at(&database, copy(Some(0.1)), control, |_| {}).await;
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
    let words = words(&said);
    let told = |word: &String| {
        word.contains("removed next to nothing")
            && word.contains("idle in transaction holds the rows back")
    };
    assert!(words.iter().any(told), "{words:?}");
}

#[tokio::test]
async fn a_vacuum_gives_its_lock_up_and_chunks_go_on() {
    let database = users(20_000).await;
    let other = support::connect(&database.dsn).await;
    let lock = "BEGIN; LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE";
    other.batch_execute(lock).await.unwrap();
    let (_driver, control) = watch::channel(slowly());
    let (ended, said) = run_at(&database, copy(Some(0.1)), control, |_| {}).await;
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
    assert_eq!(wrong(&database).await, 0);
    let words = words(&said);
    let told = |word: &String| word.contains("lock timeout");
    assert!(words.iter().any(told), "{words:?}");
}

#[tokio::test]
async fn a_pause_cancels_the_vacuum_and_chunks_stay_where_they_are() {
    let database = users(20_000).await;
    let other = support::connect(&database.dsn).await;
    let lock = "BEGIN; LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE";
    other.batch_execute(lock).await.unwrap();
    let (driver, control) = watch::channel(slowly());
    let steer = async {
        until_blocked(&database, "VACUUM").await;
        driver.send_modify(|control| control.go = false);
        let vacuums = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND query LIKE 'VACUUM%'";
        while ask(&database, vacuums).await > 0 {}
        let before = wrong(&database).await;
        other.batch_execute("COMMIT").await.unwrap();
        assert_eq!(wrong(&database).await, before, "paused");
        driver.send_modify(|control| control.go = true);
    };
    let run = run_at(&database, copy(Some(0.1)), control, |_| {});
    let ((ended, said), ()) = tokio::join!(run, steer);
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
    assert_eq!(wrong(&database).await, 0);
    let words = words(&said);
    let cancelled = words.contains(&"vacuum: cancelled, as chunks stopped".to_owned());
    assert!(cancelled, "{words:?}");
}
