//! A backfill's estimated cost against what it really cost.

use std::collections::BTreeSet;

use pgcutover::pg::introspect;
use pgcutover::pg::session::Purpose;
use pgcutover::plan::Preflight;
use pgcutover::runbook::{TableName, Writes};
use pgcutover::sandbox::Cluster;

use crate::chunked::{ask, chunks, finish, job};
use crate::support::{self, Database};
use crate::targets::session;

/// An estimate may be off by this much beyond its own range.
const FACTOR: f64 = 1.3;

const ROWS: u64 = 100_000;

async fn database(cluster: &Cluster, name: &str, table: &str) -> Database {
    cluster.create_database(name).unwrap();
    let dsn = cluster.primary().dsn(name);
    let client = support::connect(&dsn).await;
    let schema = include_str!("../../src/store/sql/001_schema.sql");
    client.batch_execute(schema).await.unwrap();
    let lease = "INSERT INTO pgcutover.lease
        (run_id, epoch, token, holder, host, pid, backend_start)
        VALUES ('run', 1, 'token', 'test', 'here', 0, now())";
    client.batch_execute(lease).await.unwrap();
    client.batch_execute(table).await.unwrap();
    let fill = format!(
        "INSERT INTO users (id, old) SELECT n, 'user-' || n || '@example.org' FROM generate_series(1, {ROWS}) n"
    );
    client.batch_execute(&fill).await.unwrap();
    client.batch_execute("VACUUM ANALYZE users").await.unwrap();
    Database {
        name: name.to_owned(),
        standby_dsn: String::new(),
        dsn,
        client,
    }
}

async fn estimate(database: &Database) -> Preflight {
    let name = TableName {
        schema: Some("public".to_owned()),
        name: "users".to_owned(),
    };
    let session = session(&database.dsn, Purpose::Observer).await;
    let catalog = introspect::catalog(&session, &BTreeSet::from([name]))
        .await
        .unwrap();
    let spec = job().spec;
    assert!(matches!(spec.writes, Writes::Set(_)));
    Preflight::of(&catalog.relations[0], &spec).unwrap()
}

/// Bytes of log and of growth.
async fn cost(database: &Database) -> (f64, f64) {
    database.client.batch_execute("CHECKPOINT").await.unwrap();
    let wal = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
    let size = "SELECT pg_total_relation_size('users')";
    let before = (ask(database, wal).await, ask(database, size).await);
    let mut job = job();
    job.spec.chunk = chunks(2000, 2000);
    finish(database, job).await;
    let after = (ask(database, wal).await, ask(database, size).await);
    ((after.0 - before.0) as f64, (after.1 - before.1) as f64)
}

#[tokio::test]
async fn the_truth_lies_within_the_estimate_or_near_it() {
    for full_page_writes in ["off", "on"] {
        let settings = [
            ("full_page_writes", full_page_writes),
            ("autovacuum", "off"),
        ];
        let cluster = support::start(false, &settings);
        for (name, hot, sql) in [
            (
                "plain",
                false,
                "CREATE TABLE users (id bigint PRIMARY KEY, old text, new text)",
            ),
            (
                "roomy",
                true,
                "CREATE TABLE users (id bigint PRIMARY KEY, old text, new text) WITH (fillfactor = 45)",
            ),
            (
                "indexed",
                false,
                "CREATE TABLE users (id bigint PRIMARY KEY, old text, new text);
                 CREATE INDEX ON users (old); CREATE INDEX ON users (new)",
            ),
            (
                "wide",
                false,
                "CREATE TABLE users (id bigint PRIMARY KEY, old text, new text, rest text DEFAULT repeat('x', 300))",
            ),
        ] {
            let database = database(&cluster, name, sql).await;
            let estimate = estimate(&database).await;
            assert_eq!(estimate.hot().1 > 0.9, hot, "{name}: {estimate:?}");
            let (wal, growth) = cost(&database).await;
            for (what, cost, range) in [
                ("wal", wal, estimate.wal()),
                ("growth", growth, estimate.growth()),
            ] {
                let (least, most) = (*range.start() as f64, *range.end() as f64);
                assert!(
                    cost >= least / FACTOR && cost <= most * FACTOR,
                    "{name}, full_page_writes {full_page_writes}: {what} was {cost}, not {range:?}"
                );
                // A range that says anything.
                assert!(
                    least == 0.0 || most / least < 12.0,
                    "{name}: {what} {range:?}"
                );
            }
        }
    }
}
