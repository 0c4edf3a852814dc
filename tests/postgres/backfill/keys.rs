//! Keys of every type, under any name: walked completely and once.

use pgcutover::pg::backfill::{Ended, Job};
use pgcutover::pg::cadence::Control;
use proptest::prelude::*;
use tokio::sync::watch;

use super::COUNT_WRITES;
use crate::chunked::{ask, chunks, database, finish, job, run_at, table, wrong};
use crate::support::Database;

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
            &[("a", "smallint"), ("b", "bigint"), ("c", "integer")][..],
            "SELECT (n % 2)::smallint AS a, n::bigint * 5000000000 AS b, -n AS c"
        )),
        Just((
            &[("a", "text"), ("b", "timestamp without time zone")][..],
            r#"SELECT (CASE n % 4 WHEN 0 THEN 'Ä' WHEN 1 THEN 'a' WHEN 2 THEN 'z' ELSE 'Z' END || n / 8)
                COLLATE "de-x-icu" AS a, timestamp '1999-12-31 23:59:59' + n * interval '1 microsecond' AS b"#
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
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_set_of_keys_is_walked_completely_and_once(
        (key, select) in keys(),
        numbers in prop::collection::btree_set(0_i32..2000, 0..120),
        size in 1_u32..50,
        stop_at in 1_u64..8,
        workers in 1_u16..4,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(walk(key, select, numbers.into_iter().collect(), size, stop_at, workers));
    }

    #[test]
    fn whatever_clients_write_meanwhile_stands_and_is_copied(
        (key, select) in keys(),
        numbers in prop::collection::btree_set(0_i32..400, 20..300),
        writes in prop::collection::vec((0_u8..4, 0_i32..400), 200),
        size in 3_u32..20,
        workers in 1_u16..4,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let numbers = numbers.into_iter().collect();
        runtime.block_on(meanwhile(key, select, numbers, writes, size, workers));
    }
}

/// `users` with those keys, a row for each number.
async fn keyed(key: &[(&str, &str)], select: &str, numbers: &[i32]) -> Database {
    let columns: Vec<&str> = key.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<_> = numbers.iter().map(i32::to_string).collect();
    database(&format!(
        "CREATE TABLE users AS SELECT k.*, n, n::text AS old, NULL::text AS new
            FROM unnest('{{{}}}'::int[]) n CROSS JOIN LATERAL ({select}) k;
         ALTER TABLE users ADD PRIMARY KEY ({}); ANALYZE users",
        numbers.join(","),
        columns.join(", "),
    ))
    .await
}

fn keyed_job(key: &[(&str, &str)], size: u32) -> Job {
    let mut walked = job();
    walked.table = table("users", key);
    walked.spec.chunk = chunks(size, size);
    walked
}

fn by(workers: u16) -> Control {
    Control {
        workers,
        ..Control::FULL
    }
}

async fn walk(
    key: &[(&str, &str)],
    select: &str,
    numbers: Vec<i32>,
    size: u32,
    stop_at: u64,
    workers: u16,
) {
    let database = keyed(key, select, &numbers).await;
    database.client.batch_execute(COUNT_WRITES).await.unwrap();
    let walked = keyed_job(key, size);
    let (driver, control) = watch::channel(by(workers));
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

/// Both ways, as cutovers have it: whoever writes one side gets the other. A
/// copy of a stale value would be written back to where it came from.
const BOTH_WAYS: &str = "CREATE FUNCTION mirror() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF tg_op = 'UPDATE' AND new.new IS DISTINCT FROM old.new THEN new.old := new.new;
        ELSE new.new := new.old; END IF;
        RETURN new;
    END $$;
    CREATE TRIGGER mirror BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION mirror();
    CREATE TABLE twin AS SELECT n, old FROM users;
    ALTER TABLE twin ADD PRIMARY KEY (n)";

async fn meanwhile(
    key: &[(&str, &str)],
    select: &str,
    numbers: Vec<i32>,
    writes: Vec<(u8, i32)>,
    size: u32,
    workers: u16,
) {
    let database = keyed(key, select, &numbers).await;
    database.client.batch_execute(BOTH_WAYS).await.unwrap();
    let (_driver, control) = watch::channel(by(workers));
    let copy = run_at(&database, keyed_job(key, size), control, |_| {});
    let halves = writes.split_at(writes.len() / 2);
    let writers = [halves.0, halves.1].map(|half| write(&database, select, half));
    let ((ended, _), _) = tokio::join!(copy, futures_util::future::join_all(writers));
    assert!(matches!(ended, Ok(Ended::Done(_))), "{ended:?}");
    assert_eq!(wrong(&database).await, 0);
    let differ = "SELECT count(*) FROM users FULL JOIN twin USING (n)
        WHERE users.old IS DISTINCT FROM twin.old";
    assert_eq!(ask(&database, differ).await, 0, "a write was reverted");
}

/// A client: each write goes to `users` and, in the same transaction, to the twin.
async fn write(database: &Database, select: &str, writes: &[(u8, i32)]) {
    let client = crate::support::connect(&database.dsn).await;
    for (place, (kind, n)) in writes.iter().enumerate() {
        let on = |table: &str| match kind {
            0 => format!("DELETE FROM {table} WHERE n = {n}"),
            1 if table == "users" => format!(
                "INSERT INTO users SELECT k.*, n, 'new {place}' FROM (SELECT {n} AS n) n
                    CROSS JOIN LATERAL ({select}) k ON CONFLICT DO NOTHING"
            ),
            1 => format!("INSERT INTO twin VALUES ({n}, 'new {place}') ON CONFLICT DO NOTHING"),
            _ => format!("UPDATE {table} SET old = 'by {kind} {place}' WHERE n = {n}"),
        };
        // The twin first: its lock puts the clients in order.
        let both = format!("BEGIN; {}; {}; COMMIT", on("twin"), on("users"));
        client.batch_execute(&both).await.unwrap();
    }
}
