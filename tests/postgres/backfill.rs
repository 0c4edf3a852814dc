//! The backfill: every row once, whatever happens meanwhile.

use std::time::Duration;

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::plan::sql::{BackfillSql, Ends};
use pgcutover::run::event::Percent;
use pgcutover::run::fault::Trouble;
use pgcutover::run::progress::BackfillStage;
use pgcutover::runbook::StepId;
use proptest::prelude::*;
use tokio::sync::watch;
use tokio_postgres::SimpleQueryMessage;

use crate::chunked::{
    ask, chunks, database, finish, job, opener, run, run_at, table, until_blocked, users, wrong,
};
use crate::support::{self, Database};

/// Counts the writes of each row, in a column of its own.
const COUNT_WRITES: &str = "ALTER TABLE users ADD COLUMN writes int NOT NULL DEFAULT 0;
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
            .args(["--exact", "backfill::victim", "--ignored"])
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
    tolerant.spec.set = vec![("new".to_owned(), "substr(old, 2)::int::text".to_owned())];
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
    let update = BackfillSql::new(&job().table, &spec).update(Ends::Between);
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

#[tokio::test]
async fn hostile_names_and_keys_are_only_data() {
    let database = database(
        r#"CREATE TABLE "we""ird; --" ("k' ""y" text PRIMARY KEY, old text, new text);
        INSERT INTO "we""ird; --" SELECT k, k FROM unnest(ARRAY['', ' ', '''', '"', E'\n', 'NULL', '{a,b}', '\']) k"#,
    )
    .await;
    let mut odd = job();
    odd.table = table("we\"ird; --", &[("k' \"y", "text")]);
    odd.spec.chunk = chunks(1, 1);
    assert_eq!(finish(&database, odd).await.rows_written, 8);
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

/// A key set: its column types and the SQL of its rows, from one number each.
fn keys() -> impl Strategy<Value = (&'static [(&'static str, &'static str)], &'static str)> {
    prop_oneof![
        Just((&[("a", "bigint")][..], "SELECT n * 7 - 3000 AS a")),
        Just((&[("a", "uuid")][..], "SELECT md5(n::text)::uuid AS a")),
        Just((
            &[("a", "text")][..],
            r#"SELECT (chr(65 + n % 58) || CASE n % 3 WHEN 0 THEN 'é' WHEN 1 THEN '-' ELSE ' ' END || n)
                COLLATE "C" AS a"#
        )),
        Just((
            &[("a", "text")][..],
            "SELECT upper(substr(md5(n::text), 1, 3)) || chr(200 + n % 40) || n AS a"
        )),
        Just((
            &[("a", "integer"), ("b", "text"), ("c", "date")][..],
            "SELECT n % 3 AS a, md5((n / 2)::text) AS b, date '2024-02-27' + n AS c"
        )),
        Just((
            &[("a", "numeric"), ("b", "uuid")][..],
            "SELECT -n / 3.0 AS a, md5(n::text)::uuid AS b"
        )),
        Just((
            &[("a", "timestamp with time zone")][..],
            "SELECT to_timestamp(n / 7.0) AS a"
        )),
        Just((
            &[("a", "double precision")][..],
            "SELECT n / 3.0::float8 AS a"
        )),
        Just((
            &[("a", "bytea")][..],
            "SELECT decode(md5(n::text), 'hex') AS a"
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_set_of_keys_is_walked_completely_and_once(
        (key, select) in keys(),
        numbers in prop::collection::btree_set(0_i32..2000, 0..120),
        size in 1_u32..50,
        stop_at in 1_u64..8,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(walk(key, select, numbers.into_iter().collect(), size, stop_at));
    }
}

async fn walk(key: &[(&str, &str)], select: &str, numbers: Vec<i32>, size: u32, stop_at: u64) {
    let columns: Vec<&str> = key.iter().map(|(name, _)| *name).collect();
    let columns = columns.join(", ");
    let database = database(&format!(
        "CREATE TABLE users AS SELECT k.*, n::text AS old, NULL::text AS new
            FROM unnest('{{{}}}'::int[]) n CROSS JOIN LATERAL ({select}) k;
         ALTER TABLE users ADD PRIMARY KEY ({columns}); {COUNT_WRITES}",
        numbers
            .iter()
            .map(i32::to_string)
            .collect::<Vec<_>>()
            .join(","),
    ))
    .await;
    let mut walked = job();
    walked.table = table("users", key);
    walked.spec.chunk = chunks(size, size);
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, walked.clone(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.chunks == stop_at);
    })
    .await;
    ended.unwrap();
    let summary = finish(&database, walked).await;
    let rows = numbers.len() as u64;
    assert_eq!(
        (summary.rows_visited, summary.rows_written, summary.swept),
        (rows, rows, rows)
    );
    assert_eq!(wrong(&database).await, 0);
    let twice = "SELECT count(*) FROM users WHERE writes <> 1";
    assert_eq!(ask(&database, twice).await, 0);
}
