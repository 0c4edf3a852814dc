//! Copies into other tables: each row where it belongs and nowhere else, and none
//! that was deleted meanwhile comes back.

use std::sync::atomic::{AtomicU32, Ordering};

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::plan::{SetColumn, Table};
use pgcutover::run::fault::Trouble;
use pgcutover::run::progress::BackfillStage;
use pgcutover::runbook::{Existing, TableName, Target, Writes};
use proptest::prelude::*;
use tokio::sync::watch;

use crate::chunked::{ask, chunks, database, finish, job, run, run_at, table, until_blocked};
use crate::support::{self, Database};

/// Users, some of whom have a mail address, and all of whom have a name. The
/// dual-write upserts and deletes.
const SPLIT: &str = "CREATE TABLE users (tenant int, id bigint, email text, name text NOT NULL,
        PRIMARY KEY (tenant, id));
    INSERT INTO users SELECT n % 3, n, CASE WHEN n % 4 > 0 THEN 'u' || n || '@example.org' END, 'User ' || n
        FROM generate_series(1, 200) n;
    CREATE TABLE emails (user_id bigint, org int, address varchar(80) NOT NULL, PRIMARY KEY (org, user_id));
    CREATE TABLE names (tenant int, id bigint, name text, loud text, UNIQUE (tenant, id));
    CREATE FUNCTION split() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF tg_op <> 'INSERT' THEN
            DELETE FROM emails WHERE org = old.tenant AND user_id = old.id;
            DELETE FROM names n WHERE n.tenant = old.tenant AND n.id = old.id;
        END IF;
        IF tg_op <> 'DELETE' THEN
            IF new.email IS NOT NULL THEN INSERT INTO emails VALUES (new.id, new.tenant, new.email)
                ON CONFLICT (org, user_id) DO UPDATE SET address = excluded.address; END IF;
            INSERT INTO names VALUES (new.tenant, new.id, new.name, upper(new.name))
                ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, loud = excluded.loud;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER split AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION split();
    ANALYZE users";

/// Rows that are not where they should be, or where they should not.
const WRONG: &str = "SELECT (SELECT count(*) FROM (SELECT tenant, id, email FROM users WHERE email IS NOT NULL) u
        FULL JOIN emails e ON e.org = u.tenant AND e.user_id = u.id WHERE u.email IS DISTINCT FROM e.address)
    + (SELECT count(*) FROM users u FULL JOIN names n USING (tenant, id)
        WHERE (u.name, upper(u.name)) IS DISTINCT FROM (n.name, n.loud))";

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

fn target(name: &str, key: &[(&str, &str)], set: &[(&str, &str)]) -> Target {
    Target {
        table: TableName {
            schema: None,
            name: name.to_owned(),
        },
        key: pairs(key),
        set: pairs(set),
        filter: None,
        existing: Existing::Update,
    }
}

fn resolved(name: &str, key: &[(&str, &str)], set: &[(&str, &str)]) -> Table {
    let set = set.iter().map(|(name, data_type)| SetColumn {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
    });
    Table {
        set: set.collect(),
        ..table(name, key)
    }
}

/// The split, with names in the other table that mean something else there.
fn split() -> Job {
    let mut job = job();
    job.table = table("users", &[("tenant", "integer"), ("id", "bigint")]);
    job.table.set = Vec::new();
    job.table.into = vec![
        resolved(
            "emails",
            &[("user_id", "bigint"), ("org", "integer")],
            &[("address", "character varying(80)")],
        ),
        resolved(
            "names",
            &[("tenant", "integer"), ("id", "bigint")],
            &[("name", "text"), ("loud", "text")],
        ),
    ];
    let mut emails = target(
        "emails",
        &[("user_id", "id"), ("org", "tenant")],
        &[("address", "email")],
    );
    emails.filter = Some("email IS NOT NULL -- most have one".to_owned());
    let names = target(
        "names",
        &[("tenant", "tenant"), ("id", "id")],
        &[("name", "name"), ("loud", "upper(users.name)")],
    );
    job.spec.writes = Writes::Into(vec![emails, names]);
    job.spec.filter = None;
    job.spec.chunk = chunks(20, 20);
    job
}

#[tokio::test]
async fn rows_go_where_they_belong_and_nowhere_else() {
    let database = database(SPLIT).await;
    let summary = finish(&database, split()).await;
    assert_eq!(
        (summary.rows_visited, summary.rows_written, summary.swept),
        (200, 350, 200)
    );
    assert_eq!(ask(&database, WRONG).await, 0);
    assert_eq!(ask(&database, "SELECT count(*) FROM emails").await, 150);
}

#[tokio::test]
async fn what_is_there_is_made_right_or_kept() {
    for (existing, wrong) in [(Existing::Update, 0), (Existing::Keep, 1)] {
        let database = database(SPLIT).await;
        let there = "INSERT INTO names VALUES (1, 1, 'stale', 'STALE'), (2, 2, 'User 2', 'USER 2')";
        database.client.batch_execute(there).await.unwrap();
        let mut job = split();
        let Writes::Into(targets) = &mut job.spec.writes else {
            unreachable!()
        };
        targets[1].existing = existing;
        let summary = finish(&database, job).await;
        assert_eq!(ask(&database, WRONG).await, wrong, "{existing:?}");
        // What is right already is not written again.
        assert_eq!(summary.rows_written, 350 - 1 - wrong.unsigned_abs());
    }
}

/// Stops before the sweep, breaks something, and goes on.
async fn swept_after(sql: &str) -> String {
    let database = database(SPLIT).await;
    let (driver, control) = watch::channel(Control::FULL);
    let (ended, _) = run_at(&database, split(), control, move |progress| {
        driver.send_modify(|control| control.stop = progress.stage == BackfillStage::Sweep);
    })
    .await;
    assert_eq!(ended.unwrap(), Ended::Stopped);
    database.client.batch_execute(sql).await.unwrap();
    let fault = run(&database, split()).await.0.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Unexpected, "{fault:?}");
    fault.message
}

#[tokio::test]
async fn absence_and_presence_are_both_proved() {
    let gone = swept_after("DELETE FROM names WHERE id = 7").await;
    assert!(gone.contains("(1, 7)"), "{gone}");
    let else_ = swept_after("UPDATE emails SET address = 'else' WHERE user_id = 9").await;
    assert!(else_.contains("(0, 9)"), "{else_}");
    let there = swept_after("INSERT INTO emails VALUES (8, 2, 'nobody')").await;
    assert!(there.contains("(2, 8)"), "absent on purpose: {there}");
}

/// The trap: a row is deleted after it was read and before it is inserted.
#[tokio::test]
async fn a_row_deleted_meanwhile_does_not_come_back() {
    let database = database(SPLIT).await;
    let writer = support::connect(&database.dsn).await;
    let delete = "BEGIN; DELETE FROM users WHERE id = 6";
    writer.batch_execute(delete).await.unwrap();
    let commit = async {
        until_blocked(&database, "INSERT").await;
        writer.batch_execute("COMMIT").await.unwrap();
    };
    let (summary, ()) = tokio::join!(finish(&database, split()), commit);
    assert_eq!(ask(&database, WRONG).await, 0);
    assert_eq!(summary.swept, 199);
}

#[tokio::test]
async fn a_row_that_a_target_refuses_is_set_aside_whole() {
    let database = database(SPLIT).await;
    let refuse = "ALTER TABLE names ADD CHECK (loud <> 'USER 77')";
    database.client.batch_execute(refuse).await.unwrap();
    let mut job = split();
    job.spec.max_quarantined = 1;
    let summary = finish(&database, job).await;
    assert_eq!(summary.quarantined, 1);
    let half = "SELECT count(*) FROM emails WHERE user_id = 77";
    assert_eq!(ask(&database, half).await, 0, "all targets or none");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 32, ..ProptestConfig::default() })]

    #[test]
    fn whatever_clients_write_meanwhile_both_sides_end_the_same(
        writes in prop::collection::vec((0_u8..5, 1_i64..260), 200),
        size in 5_u32..40,
        workers in 1_u16..4,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(meanwhile(writes, size, workers));
    }
}

async fn meanwhile(writes: Vec<(u8, i64)>, size: u32, workers: u16) {
    let database = database(SPLIT).await;
    let mut job = split();
    job.spec.chunk = chunks(size, size);
    let (_driver, control) = watch::channel(Control {
        workers,
        ..Control::FULL
    });
    let copy = run_at(&database, job, control, |_| {});
    let (left, right) = writes.split_at(writes.len() / 2);
    let clients = [left, right].map(|half| write(&database, half));
    let ((ended, _), _) = tokio::join!(copy, futures_util::future::join_all(clients));
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
    assert_eq!(ask(&database, WRONG).await, 0);
}

async fn write(database: &Database, writes: &[(u8, i64)]) {
    let client = support::connect(&database.dsn).await;
    let own = 1000 * i64::from(client_number());
    for (place, (kind, n)) in writes.iter().enumerate() {
        let sql = match kind {
            0 => format!("DELETE FROM users WHERE id = {n}"),
            1 => format!(
                "INSERT INTO users VALUES ({n} % 3, {n}, 'new', 'new') ON CONFLICT DO NOTHING"
            ),
            2 => format!("UPDATE users SET email = NULL WHERE id = {n}"),
            3 => format!("UPDATE users SET email = 'set {n}' WHERE id = {n}"),
            _ => format!("UPDATE users SET id = {own} + {place} WHERE id = {n}"),
        };
        client.batch_execute(&sql).await.unwrap();
    }
}

/// Tells clients apart, so that no two move a row to one key.
fn client_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
