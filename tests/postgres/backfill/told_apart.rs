//! Failures are told apart, each with its answer: tried again, or handed up for
//! what it is.

use pgcutover::pg::backfill::Ended;
use pgcutover::pg::cadence::Control;
use pgcutover::run::fault::{Fault, Trouble};
use tokio::sync::watch;

use super::COUNT_WRITES;
use crate::chunked::{ask, finish, job, run, run_at, users, wrong};
use crate::support::{self, Database};

/// The 25th row fails with that code, the first so many times.
async fn failing(code: &str, times: u32) -> Database {
    let database = users(60).await;
    let fail = format!(
        "CREATE SEQUENCE failures;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('failures') <= {times} THEN
                 RAISE EXCEPTION 'as told' USING errcode = '{code}';
             END IF;
             RETURN new;
         END $$;
         CREATE TRIGGER fail BEFORE UPDATE ON users FOR EACH ROW WHEN (old.id = 25)
             EXECUTE FUNCTION fail()"
    );
    database.client.batch_execute(&fail).await.unwrap();
    database
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    for code in ["40P01", "40001", "55P03", "57014"] {
        let database = failing(code, 2).await;
        database.client.batch_execute(COUNT_WRITES).await.unwrap();
        let (ended, said) = run(&database, job()).await;
        assert!(matches!(ended, Ok(Ended::Done(_))), "{code}: {ended:?}");
        assert_eq!(said.lock().unwrap().last().unwrap().conflicts, 2, "{code}");
        assert_eq!(wrong(&database).await, 0);
        let twice = "SELECT count(*) FROM users WHERE writes <> 1";
        assert_eq!(ask(&database, twice).await, 0);
    }
}

#[tokio::test]
async fn what_a_person_has_to_mend_is_told_for_what_it_is() {
    for (code, trouble) in [
        ("53100", Trouble::Resources),
        ("25006", Trouble::ReadOnly),
        ("42501", Trouble::Privilege),
        ("57P01", Trouble::ConnectionLost),
        ("XX000", Trouble::Other),
    ] {
        let database = failing(code, 1).await;
        let fault = run(&database, job()).await.0.unwrap_err();
        assert_eq!(
            (fault.trouble, fault.sqlstate.as_deref()),
            (trouble, Some(code))
        );
        assert_eq!(
            wrong(&database).await,
            40,
            "{code}: what was done stays done"
        );
        let summary = finish(&database, job()).await;
        assert_eq!(
            (summary.rows_written, summary.quarantined),
            (60, 0),
            "{code}"
        );
    }
}

/// What it says when the table is changed by that SQL after three chunks.
async fn after(sql: &str) -> Fault {
    let database = users(60).await;
    let (driver, control) = watch::channel(Control::FULL);
    let client = support::connect(&database.dsn).await;
    let (change, mut changing) = tokio::sync::mpsc::unbounded_channel();
    let work = run_at(&database, job(), control, move |progress| {
        if progress.chunks == 3 {
            driver.send_modify(|control| control.go = false);
            change.send(driver.clone()).unwrap();
        }
    });
    let alter = async {
        let driver = changing.recv().await.unwrap();
        client.batch_execute(sql).await.unwrap();
        driver.send_modify(|control| control.go = true);
    };
    let ((ended, _), ()) = tokio::join!(work, alter);
    // A key that is gone is noticed when the work is taken up, or when it crawls.
    let ended = match ended {
        Ok(_) => run(&database, other()).await.0,
        fault => fault,
    };
    ended.unwrap_err()
}

fn other() -> pgcutover::pg::backfill::Job {
    pgcutover::pg::backfill::Job {
        attempt: 2,
        ..job()
    }
}

#[tokio::test]
async fn a_changed_table_is_told() {
    for sql in [
        "ALTER TABLE users DROP COLUMN new",
        "ALTER TABLE users DROP COLUMN old",
        "ALTER TABLE users ALTER COLUMN new TYPE date USING NULL",
        "ALTER TABLE users DROP CONSTRAINT users_pkey",
        "ALTER TABLE users DROP CONSTRAINT users_pkey; ALTER TABLE users ADD PRIMARY KEY (id, old)",
        "ALTER TABLE users DROP COLUMN id",
        "DROP TABLE users",
    ] {
        let fault = after(sql).await;
        assert_eq!(fault.trouble, Trouble::Changed, "{sql}: {fault:?}");
    }
}
