//! Several workers: disjoint ranges, shared again when one runs dry, and any
//! number of them goes on where others stopped.

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::run::event::BackfillSummary;
use pgcutover::run::fault::Trouble;
use pgcutover::run::progress::{BackfillProgress, BackfillStage};
use pgcutover::runbook::Writes;
use tokio::sync::watch;

use super::COUNT_WRITES;
use crate::chunked::{Said, ask, chunks, database, finish, job, run_at, users, wrong};
use crate::support::Database;

const ROWS: u32 = 6000;

/// Many small chunks.
fn small() -> Job {
    let mut job = job();
    job.spec.chunk = chunks(25, 25);
    job
}

fn by(workers: u16) -> Control {
    Control {
        workers,
        ..Control::FULL
    }
}

async fn counted() -> Database {
    let database = users(ROWS).await;
    database.client.batch_execute(COUNT_WRITES).await.unwrap();
    database
}

/// Runs it to its end by that many workers, unless `hear` changes the control.
async fn finish_by(
    database: &Database,
    workers: u16,
    mut hear: impl FnMut(&BackfillProgress, &watch::Sender<Control>) + Send + Sync + 'static,
) -> (BackfillSummary, Said) {
    let (driver, control) = watch::channel(by(workers));
    let heard = move |progress: &BackfillProgress| hear(progress, &driver);
    let (ended, said) = run_at(database, small(), control, heard).await;
    match ended.unwrap() {
        Ended::Done(summary) => (summary, said),
        Ended::Stopped => panic!("stopped by nobody"),
    }
}

/// Every row is written, once, and the ranges tile the table.
async fn each_once(database: &Database, summary: &BackfillSummary) {
    let rows = u64::from(ROWS);
    assert_eq!(
        (summary.rows_visited, summary.rows_written, summary.swept),
        (rows, rows, rows)
    );
    assert_eq!(wrong(database).await, 0);
    let twice = "SELECT count(*) FROM users WHERE writes <> 1";
    assert_eq!(ask(database, twice).await, 0);
    let seams = "SELECT count(*) FROM (SELECT low, lag(high) OVER (ORDER BY low[1]::int NULLS FIRST) AS before
        FROM pgcutover.checkpoint) c WHERE low IS DISTINCT FROM before";
    assert_eq!(ask(database, seams).await, 0, "a gap or an overlap");
    let undone = "SELECT count(*) FROM pgcutover.checkpoint WHERE stage <> 'done'";
    assert_eq!(ask(database, undone).await, 0);
}

async fn ranges(database: &Database) -> i64 {
    ask(database, "SELECT count(*) FROM pgcutover.checkpoint").await
}

fn most_workers(said: &Said) -> u16 {
    let said = said.lock().unwrap();
    said.iter().map(|progress| progress.workers).max().unwrap()
}

#[tokio::test]
async fn several_workers_share_the_rows_and_write_each_once() {
    let database = counted().await;
    let (summary, said) = finish_by(&database, 3, |_, _| {}).await;
    each_once(&database, &summary).await;
    assert!(ranges(&database).await >= 3);
    assert_eq!(most_workers(&said), 3);
}

#[tokio::test]
async fn workers_come_and_go_while_it_runs() {
    let database = counted().await;
    let (summary, said) = finish_by(&database, 1, |progress, driver| {
        let wanted = match progress.chunks {
            0..10 => 1,
            10..60 => 4,
            60..100 => 1,
            _ => 16,
        };
        driver.send_modify(|control| control.workers = wanted);
    })
    .await;
    each_once(&database, &summary).await;
    let said = said.lock().unwrap();
    let at = |chunks| {
        let found = said.iter().find(|progress| progress.chunks == chunks);
        found.map(|progress| progress.workers)
    };
    assert_eq!((at(5), at(95)), (Some(1), Some(1)), "one at a time");
    let most = |chunks: std::ops::Range<u64>| {
        let within = said.iter().filter(|p| chunks.contains(&p.chunks));
        within.map(|progress| progress.workers).max().unwrap()
    };
    assert_eq!(most(10..60), 4);
    assert!(most(100..1000) > 4);
}

#[tokio::test]
async fn what_some_left_others_go_on_with() {
    let database = counted().await;
    for (workers, chunks) in [(4, 30), (1, 60), (2, 90)] {
        let (driver, control) = watch::channel(by(workers));
        let (ended, said) = run_at(&database, small(), control, move |progress| {
            driver.send_modify(|control| control.stop |= progress.chunks >= chunks);
        })
        .await;
        assert_eq!(ended.unwrap(), Ended::Stopped);
        let last = said.lock().unwrap().last().unwrap().chunks;
        let reach = chunks..chunks + u64::from(workers);
        assert!(
            reach.contains(&last),
            "each at the end of its chunk: {last}"
        );
    }
    let (summary, _) = finish_by(&database, 3, |_, _| {}).await;
    each_once(&database, &summary).await;
}

#[tokio::test]
async fn a_pause_stops_all_within_a_chunk_and_a_pace_slows_all() {
    let database = counted().await;
    let (driver, control) = watch::channel(by(3));
    let steering = driver.clone();
    let (waits, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let work = run_at(&database, small(), control, move |progress| {
        steering.send_if_modified(|control| {
            let pause = progress.chunks >= 20 && control.go;
            control.go &= !pause;
            pause
        });
        if progress.stage == BackfillStage::Waiting {
            waits.send(progress.chunks).unwrap();
        }
    });
    let look = async {
        let chunks = waiting.recv().await.unwrap();
        assert!((20..23).contains(&chunks), "{chunks}");
        let locks = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE c.relname = 'users' AND l.mode = 'RowExclusiveLock'";
        assert_eq!(ask(&database, locks).await, 0);
        driver.send_modify(|control| control.stop = true);
    };
    let ((ended, _), ()) = tokio::join!(work, look);
    assert_eq!(ended.unwrap(), Ended::Stopped);
}

#[tokio::test]
async fn a_lost_session_stops_all_at_their_chunks_and_loses_nothing() {
    let database = counted().await;
    let (driver, control) = watch::channel(by(3));
    let client = crate::support::connect(&database.dsn).await;
    let (kills, mut killing) = tokio::sync::mpsc::unbounded_channel();
    let work = run_at(&database, small(), control, move |progress| {
        if progress.chunks == 30 {
            kills.send(()).unwrap();
        }
    });
    let kill = async {
        killing.recv().await.unwrap();
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'pgcutover:backfill' LIMIT 1";
        client.batch_execute(kill).await.unwrap();
    };
    let ((ended, _), ()) = tokio::join!(work, kill);
    drop(driver);
    assert_eq!(ended.unwrap_err().trouble, Trouble::ConnectionLost);
    let (summary, _) = finish_by(&database, 2, |_, _| {}).await;
    each_once(&database, &summary).await;
}

#[tokio::test]
async fn a_table_too_small_to_share_is_not_shared() {
    let database = users(60).await;
    let (ended, _) = run_at(&database, small(), watch::channel(by(4)).1, |_| {}).await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(finish(&database, small()).await.rows_written, 60);
}

/// Four partitions and a fifth that comes, with rows in it, while it runs.
const PARTITIONED: &str = "CREATE TABLE users (region text, id bigint, old text, new text,
        PRIMARY KEY (region, id)) PARTITION BY LIST (region);
    CREATE TABLE users_de PARTITION OF users FOR VALUES IN ('de');
    CREATE TABLE users_fr PARTITION OF users FOR VALUES IN ('fr') PARTITION BY RANGE (id);
    CREATE TABLE users_fr_low PARTITION OF users_fr FOR VALUES FROM (0) TO (500);
    CREATE TABLE users_fr_high PARTITION OF users_fr DEFAULT;
    CREATE TABLE users_rest PARTITION OF users DEFAULT;
    INSERT INTO users SELECT r, n, r || n FROM unnest('{de,fr,it}'::text[]) r, generate_series(1, 1000) n;
    CREATE TABLE users_es (LIKE users INCLUDING ALL);
    INSERT INTO users_es SELECT 'es', n, 'es' || n FROM generate_series(1, 100) n;
    ANALYZE users";

#[tokio::test]
async fn partitions_are_walked_one_by_one_and_told() {
    let database = database(PARTITIONED).await;
    let mut job = small();
    job.table = crate::chunked::table("users", &[("region", "text"), ("id", "bigint")]);
    // By the table's name: in a partition that is not the partition's.
    job.spec.writes = Writes::Set(vec![("new".to_owned(), "users.old".to_owned())]);
    let (driver, control) = watch::channel(by(2));
    let client = crate::support::connect(&database.dsn).await;
    let (attach, mut attaching) = tokio::sync::mpsc::unbounded_channel();
    let work = run_at(&database, job, control, move |progress| {
        if progress.chunks == 60 {
            driver.send_modify(|control| control.go = false);
            attach.send(driver.clone()).unwrap();
        }
    });
    let change = async {
        let driver = attaching.recv().await.unwrap();
        let sql = "ALTER TABLE users ATTACH PARTITION users_es FOR VALUES IN ('es')";
        client.batch_execute(sql).await.unwrap();
        driver.send_modify(|control| control.go = true);
    };
    let ((ended, said), ()) = tokio::join!(work, change);
    let Ok(Ended::Done(summary)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(wrong(&database).await, 0);
    assert_eq!((summary.rows_visited, summary.swept), (3100, 3100));
    let said = said.lock().unwrap();
    let told = said.last().unwrap().parts.iter();
    let told: Vec<_> = told
        .map(|part| (part.name.as_str(), part.rows_done, part.done))
        .collect();
    let expected = [
        ("users_de", 1000, true),
        ("users_es", 100, true),
        ("users_fr_high", 501, true),
        ("users_fr_low", 499, true),
        ("users_rest", 1000, true),
    ];
    assert_eq!(told, expected);
    assert!(
        said.iter()
            .any(|progress| progress.parts.len() == 4 && !progress.parts[0].done)
    );
}
