//! Keys of every type, under any name: walked completely and once.

use pgcutover::pg::cadence::Control;
use proptest::prelude::*;
use tokio::sync::watch;

use super::COUNT_WRITES;
use crate::chunked::{ask, chunks, database, finish, job, run_at, table, wrong};

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
