//! The statements that the plan builds, against a real server.

use pgcutover::plan::sql::{BackfillSql, Ends, ParitySql};
use pgcutover::plan::{KeyColumn, SetColumn, Table};
use pgcutover::runbook::ident::quote_ident;
use pgcutover::runbook::{Backfill, Chunking, Parity, TableName, Triggers, Walk, Writes};
use proptest::prelude::*;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::support;

/// A table with an awkward name and a key of two awkward columns, 7 rows.
const AWKWARD: &str = r#"
    CREATE SCHEMA "my app";
    CREATE TYPE "my app"."Tier" AS ENUM ('low', 'high');
    CREATE TABLE "my app"."Us""ers" (
        "select" "my app"."Tier" NOT NULL,
        id uuid NOT NULL,
        amount numeric,
        amount_new numeric(10, 2),
        done_at timestamptz,
        PRIMARY KEY ("select", id));
    INSERT INTO "my app"."Us""ers" ("select", id, amount)
    SELECT (ARRAY['low', 'high'])[1 + g % 2]::"my app"."Tier",
           md5(g::text)::uuid, g + 0.125
    FROM generate_series(1, 7) AS g"#;

fn awkward() -> (Table, Backfill, Parity) {
    let key = |name: &str, data_type: &str| KeyColumn {
        name: name.into(),
        data_type: data_type.into(),
        collation: None,
    };
    let table = Table {
        schema: "my app".into(),
        name: "Us\"ers".into(),
        key: vec![key("select", "\"my app\".\"Tier\""), key("id", "uuid")],
        set: vec![SetColumn {
            name: "amount_new".into(),
            data_type: "numeric(10,2)".into(),
        }],
        into: Vec::new(),
    };
    let name = TableName {
        schema: Some(table.schema.clone()),
        name: table.name.clone(),
    };
    let columns = vec!["select".to_owned(), "id".to_owned()];
    let backfill = Backfill {
        table: name.clone(),
        key: columns.clone(),
        writes: Writes::Set(vec![(
            "amount_new".into(),
            "\"Us\"\"ers\".amount -- old".into(),
        )]),
        walk: Walk::Table,
        filter: None,
        chunk: Chunking::default(),
        workers: 1,
        max_quarantined: 0,
        vacuum: None,
        triggers: Triggers::Refuse,
    };
    let parity = Parity {
        table: name,
        key: columns,
        left: "amount::numeric(10, 2)".into(),
        right: "amount_new".into(),
        filter: Some("amount < 7".into()),
        chunk: Chunking::default(),
    };
    (table, backfill, parity)
}

/// Runs a statement whose parameters are all text but the limit.
async fn rows(client: &Client, sql: &str, key: &[String], limit: Option<i64>) -> Vec<Row> {
    let mut types = vec![Type::TEXT; key.len()];
    types.extend(limit.map(|_| Type::INT8));
    let statement = client.prepare_typed(sql, &types).await.unwrap();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
    parameters.extend(key.iter().map(|part| part as &(dyn ToSql + Sync)));
    parameters.extend(limit.iter().map(|limit| limit as &(dyn ToSql + Sync)));
    client.query(&statement, &parameters).await.unwrap()
}

fn key_of(row: &Row) -> Vec<String> {
    vec![row.get(0), row.get(1)]
}

#[tokio::test]
async fn bounds_walk_every_row_once_in_key_order() {
    let db = support::database().await;
    db.client.batch_execute(AWKWARD).await.unwrap();
    let (table, backfill, _) = awkward();
    let sql = BackfillSql::new(&table, &backfill);
    let mut low = Vec::new();
    let mut visited = Vec::new();
    loop {
        let ends = Ends::of(!low.is_empty(), false);
        let found = rows(&db.client, &sql.bound(ends), &low, Some(3)).await;
        let Some(bound) = found.first() else { break };
        visited.push(bound.get::<_, i64>(2));
        low = key_of(bound);
    }
    assert_eq!(visited, [3, 3, 1]);
    let last = r#"SELECT id::text FROM "my app"."Us""ers" ORDER BY "select" DESC, id DESC LIMIT 1"#;
    let last: String = db.client.query_one(last, &[]).await.unwrap().get(0);
    assert_eq!(low[1], last);
}

#[tokio::test]
async fn the_sweep_finds_the_rows_that_escaped_and_no_other() {
    let db = support::database().await;
    db.client.batch_execute(AWKWARD).await.unwrap();
    let (table, backfill, _) = awkward();
    let sql = BackfillSql::new(&table, &backfill);
    let all = rows(&db.client, &sql.bound(Ends::Open), &[], Some(100)).await;
    let last = key_of(&all[0]);
    rows(
        &db.client,
        &sql.writes(Ends::UpTo).swap_remove(0),
        &last,
        None,
    )
    .await;

    let swept = rows(&db.client, &sql.sweep(Ends::Open), &[], Some(100)).await;
    let [end] = &swept[..] else {
        panic!(
            "rounding to the column's type is no difference: {} rows",
            swept.len()
        );
    };
    assert_eq!(
        (key_of(end), end.get(2), end.get(4)),
        (last.clone(), 7_i64, false)
    );

    let escape = r#"UPDATE "my app"."Us""ers" SET amount_new = NULL WHERE amount < 3"#;
    db.client.execute(escape, &[]).await.unwrap();
    let swept = rows(&db.client, &sql.sweep(Ends::Open), &[], Some(100)).await;
    let escaped: Vec<_> = swept.iter().filter(|row| row.get(4)).collect();
    assert_eq!(escaped.len(), 2);
    let end = swept.last().unwrap();
    assert_eq!((end.get(2), end.get(3)), (7_i64, 2_i64));

    rows(
        &db.client,
        &sql.write_one().swap_remove(0),
        &key_of(escaped[0]),
        None,
    )
    .await;
    let swept = rows(&db.client, &sql.sweep(Ends::Open), &[], Some(100)).await;
    assert_eq!(swept.iter().filter(|row| row.get(4)).count(), 1);
}

#[tokio::test]
async fn a_filter_takes_rows_out_of_the_sweep() {
    let db = support::database().await;
    db.client.batch_execute(AWKWARD).await.unwrap();
    let (mut table, mut backfill, _) = awkward();
    backfill.writes = Writes::Set(vec![("done_at".into(), "clock_timestamp()".into())]);
    backfill.filter = Some("done_at IS NULL".into());
    table.set = vec![SetColumn {
        name: "done_at".into(),
        data_type: "timestamp with time zone".into(),
    }];
    let sql = BackfillSql::new(&table, &backfill);
    rows(
        &db.client,
        &sql.writes(Ends::Open).swap_remove(0),
        &[],
        None,
    )
    .await;
    let swept = rows(&db.client, &sql.sweep(Ends::Open), &[], Some(100)).await;
    assert_eq!(swept.last().unwrap().get::<_, i64>(3), 0);
}

#[tokio::test]
async fn a_comparison_counts_what_it_compared_and_shows_no_values() {
    let db = support::database().await;
    db.client.batch_execute(AWKWARD).await.unwrap();
    let (table, backfill, parity) = awkward();
    let copy = BackfillSql::new(&table, &backfill);
    rows(
        &db.client,
        &copy.writes(Ends::Open).swap_remove(0),
        &[],
        None,
    )
    .await;
    // A scale that IS DISTINCT FROM would not see, and a row that is filtered out.
    let drift = r#"ALTER TABLE "my app"."Us""ers" ALTER amount_new TYPE numeric;
        UPDATE "my app"."Us""ers" SET amount_new = 2.1300 WHERE amount = 2.125;
        UPDATE "my app"."Us""ers" SET amount_new = 0 WHERE amount = 7.125"#;
    db.client.batch_execute(drift).await.unwrap();

    let sql = ParitySql::new(&table, &parity);
    let compared = rows(&db.client, &sql.compare(Ends::Open), &[], Some(100)).await;
    let end = compared.last().unwrap();
    assert_eq!((end.get(2), end.get(3)), (7_i64, 6_i64));
    let different: Vec<_> = compared.iter().filter(|row| row.get(4)).collect();
    let [row] = &different[..] else {
        panic!("{} rows differ", different.len());
    };
    let image: String = row.get(5);
    assert!(image.parse::<i64>().is_ok(), "{image}");
}

#[tokio::test]
async fn both_sides_of_a_comparison_may_differ_in_type() {
    let db = support::database().await;
    let setup = "CREATE TABLE t (id int PRIMARY KEY, a int, b bigint, c varchar(9), d text);
        INSERT INTO t VALUES (1, 1, 1, 'x', 'x'), (2, 2, 3, 'y', 'y')";
    db.client.batch_execute(setup).await.unwrap();
    let (_, _, mut parity) = awkward();
    let table = Table {
        schema: "public".into(),
        name: "t".into(),
        key: vec![KeyColumn {
            name: "id".into(),
            data_type: "integer".into(),
            collation: None,
        }],
        set: vec![],
        into: vec![],
    };
    parity.filter = None;
    for (left, right, differing) in [("a", "b", 1), ("c", "d", 0)] {
        (parity.left, parity.right) = (left.into(), right.into());
        let sql = ParitySql::new(&table, &parity).compare(Ends::Open);
        let statement = db.client.prepare_typed(&sql, &[Type::INT8]).await.unwrap();
        let compared = db.client.query(&statement, &[&10_i64]).await.unwrap();
        let flagged = compared.iter().filter(|row| row.get("flagged"));
        assert_eq!(flagged.count(), differing, "{left} {right}");
    }
}

/// How the server reads a quoted name back, in the places where we put names.
fn read_back(runtime: &tokio::runtime::Runtime, client: &Client, name: &str) -> String {
    let quoted = quote_ident(name);
    let sql = format!(
        "SELECT {quoted}.{quoted} FROM (SELECT 1 AS {quoted}) AS {quoted} ORDER BY {quoted}.{quoted}"
    );
    let statement = runtime.block_on(client.prepare(&sql)).unwrap();
    statement.columns()[0].name().to_owned()
}

#[test]
fn any_name_survives_quoting() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let db = runtime.block_on(support::database());
    let keywords = runtime.block_on(db.client.query("SELECT word FROM pg_get_keywords()", &[]));
    for keyword in keywords.unwrap() {
        let word: String = keyword.get(0);
        assert_eq!(read_back(&runtime, &db.client, &word), word);
    }
    let names = "[^\0]{1,15}|[a-zA-Z_$0-9]{1,20}|[ -~]{1,30}";
    proptest!(ProptestConfig::with_cases(400), |(name in names)| {
        prop_assert_eq!(read_back(&runtime, &db.client, &name), name);
    });
}
