//! Guards' signals on real servers: what each measures, and that what cannot be
//! told is absent with its reason.

use std::collections::BTreeMap;
use std::time::Duration;

use pgcutover::monitor::{Config, Monitor, guarded};
use pgcutover::reading::{Absence, Reading};
use pgcutover::runbook::{ConnectionId, Guard, GuardId, NoData, Signal, TableName};
use tokio_postgres::Client;

use crate::support;
use crate::targets::target;

const PATIENCE: Duration = Duration::from_secs(40);

/// A monitor that watches one guard.
struct Watch {
    monitor: Monitor,
    guard: Guard,
}

impl Watch {
    fn start(dsn: &str, signal: Signal) -> Self {
        let guard = Guard {
            id: GuardId::new("watched"),
            every: Duration::from_secs(1),
            signal,
            throttle: None,
            stall: None,
            hold: None,
            no_data: NoData::default(),
        };
        let monitor = Monitor::start(Config {
            target: target(dsn),
            expected: Vec::new(),
            heartbeats: Vec::new(),
            run: None,
            guards: vec![guard.clone()],
            targets: BTreeMap::from([(ConnectionId::new("main"), target(dsn))]),
        });
        Self { monitor, guard }
    }

    /// A query as the signal, given 500 ms.
    fn query(dsn: &str, query: &str) -> Self {
        let signal = Signal::Sql {
            query: query.to_owned(),
            on: ConnectionId::new("main"),
            timeout: Duration::from_millis(500),
        };
        Self::start(dsn, signal)
    }

    /// Waits until the guard's reading is such.
    async fn until(&self, wanted: impl Fn(&Reading<f64>) -> bool) -> Reading<f64> {
        let mut readings = self.monitor.readings();
        let value = |all: &_| guarded::value(&self.guard, all, &[]);
        let found = readings.wait_for(|all| wanted(&value(all)));
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => value(&*found.unwrap()),
            Err(_) => panic!("never so: {:?}", value(&self.monitor.readings().borrow())),
        }
    }

    async fn above(&self, limit: f64) -> f64 {
        let reading = self.until(|r| r.value().is_some_and(|v| *v > limit)).await;
        *reading.value().unwrap()
    }

    async fn absent(&self, wanted: impl Fn(&Absence) -> bool) {
        self.until(|r| matches!(r, Reading::Absent { why, .. } if wanted(why)))
            .await;
    }
}

async fn blind(database: &support::Database) -> String {
    let role = format!("blind_{}", database.name);
    let sql = format!("CREATE ROLE {role} LOGIN");
    database.client.batch_execute(&sql).await.unwrap();
    let (from, to) = ("user=postgres", format!("user={role}"));
    database.dsn.replace(from, &to)
}

async fn burn_transactions(client: &Client, count: u32) {
    for _ in 0..count {
        client.batch_execute("SELECT txid_current()").await.unwrap();
    }
}

#[tokio::test]
async fn a_burst_of_writes_is_a_rate() {
    let database = support::database().await;
    let watch = Watch::start(&database.dsn, Signal::WalRate);
    watch.until(|r| r.value().is_some()).await;
    let sql = "CREATE TABLE noise AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)";
    database.client.batch_execute(sql).await.unwrap();
    watch.above(1_000_000.0).await;
}

#[tokio::test]
async fn files_that_cannot_be_archived_queue_up() {
    let settings = [("archive_mode", "on"), ("archive_command", "false")];
    let cluster = support::start(false, &settings);
    let dsn = cluster.primary().dsn("postgres");
    let watch = Watch::start(&dsn, Signal::ArchiveQueue);
    watch.until(|r| r.value().is_some()).await;
    let client = support::connect(&dsn).await;
    for _ in 0..3 {
        burn_transactions(&client, 1).await;
        client
            .batch_execute("SELECT pg_switch_wal()")
            .await
            .unwrap();
    }
    watch.above(2.0).await;
}

#[tokio::test]
async fn a_queue_without_an_archive_or_without_the_privilege_is_not_an_empty_one() {
    let database = support::database().await;
    let off = Watch::start(&database.dsn, Signal::ArchiveQueue);
    off.absent(|why| *why == Absence::Unsupported).await;
    let blind = Watch::start(&blind(&database).await, Signal::ArchiveQueue);
    blind.absent(|why| *why == Absence::NoPrivilege).await;
}

#[tokio::test]
async fn a_slot_that_nobody_reads_keeps_more_and_more_until_it_is_gone() {
    let cluster = support::cluster(false);
    let dsn = cluster.primary().dsn("postgres");
    let client = support::connect(&dsn).await;
    let slot = Some("keeper".to_owned());
    let watch = Watch::start(&dsn, Signal::SlotRetention { slot });
    watch
        .absent(|why| why.detail() == "slot keeper is GONE")
        .await;
    let create = "SELECT pg_create_physical_replication_slot('keeper', true)";
    client.batch_execute(create).await.unwrap();
    watch.until(|r| r.value().is_some()).await;
    let sql = "CREATE TABLE noise AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)";
    client.batch_execute(sql).await.unwrap();
    watch.above(4_000_000.0).await;
    let worst = Watch::start(&dsn, Signal::SlotRetention { slot: None });
    worst.above(4_000_000.0).await;
    let drop = "SELECT pg_drop_replication_slot('keeper')";
    client.batch_execute(drop).await.unwrap();
    watch
        .absent(|why| why.detail() == "slot keeper is GONE")
        .await;
    worst.until(|r| r.value() == Some(&0.0)).await;
}

#[tokio::test]
async fn an_idle_transaction_holds_the_horizon_until_it_ends() {
    let database = support::database().await;
    let watch = Watch::start(&database.dsn, Signal::OldestXmin);
    let idle = support::connect(&database.dsn).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    idle.batch_execute(begin).await.unwrap();
    burn_transactions(&database.client, 60).await;
    watch.above(50.0).await;
    let horizon = watch.monitor.readings().borrow().horizon.clone();
    let holder = &horizon.value().unwrap().holder;
    assert!(holder.contains("idle in transaction"), "{holder}");
    idle.batch_execute("COMMIT").await.unwrap();
    watch
        .until(|r| r.value().is_some_and(|age| *age < 50.0))
        .await;
    let blind = Watch::start(&blind(&database).await, Signal::OldestXmin);
    blind.absent(|why| *why == Absence::NoPrivilege).await;
}

#[tokio::test]
async fn a_prepared_transaction_and_one_without_a_snapshot_hold_it_too() {
    let cluster = support::start(false, &[("max_prepared_transactions", "5")]);
    let dsn = cluster.primary().dsn("postgres");
    let watch = Watch::start(&dsn, Signal::OldestXmin);
    let client = support::connect(&dsn).await;
    let prepare = "BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'forgotten'";
    client.batch_execute(prepare).await.unwrap();
    burn_transactions(&client, 60).await;
    watch.above(50.0).await;
    let horizon = watch.monitor.readings().borrow().horizon.clone();
    let holder = &horizon.value().unwrap().holder;
    assert_eq!(holder, "prepared transaction forgotten");
    client
        .batch_execute("ROLLBACK PREPARED 'forgotten'")
        .await
        .unwrap();
    watch
        .until(|r| r.value().is_some_and(|age| *age < 50.0))
        .await;
    let other = support::connect(&dsn).await;
    other
        .batch_execute("BEGIN; SELECT txid_current()")
        .await
        .unwrap();
    burn_transactions(&client, 60).await;
    watch.above(50.0).await;
}

#[tokio::test]
async fn dead_tuples_are_counted_over_partitions_and_behind_an_exclusive_lock() {
    let database = support::database().await;
    let client = &database.client;
    client
        .batch_execute(
            "CREATE TABLE t (id int, v int) PARTITION BY RANGE (id);
             CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (500) WITH (autovacuum_enabled = off);
             CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (500) TO (1000) WITH (autovacuum_enabled = off);
             INSERT INTO t SELECT i, 0 FROM generate_series(0, 999) i;
             ANALYZE t;",
        )
        .await
        .unwrap();
    let table = TableName {
        schema: Some("public".to_owned()),
        name: "t".to_owned(),
    };
    let watch = Watch::start(&database.dsn, Signal::DeadTuples { table });
    watch.until(|r| r.value() == Some(&0.0)).await;
    let locked = support::connect(&database.dsn).await;
    client.batch_execute("UPDATE t SET v = 1").await.unwrap();
    let lock = "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE";
    locked.batch_execute(lock).await.unwrap();
    let share = watch.above(0.4).await;
    assert!((share - 0.5).abs() < 0.05, "{share}");
}

#[tokio::test]
async fn a_table_that_is_not_there_has_no_share_of_dead_tuples() {
    let database = support::database().await;
    let table = TableName {
        schema: None,
        name: "nowhere".to_owned(),
    };
    let watch = Watch::start(&database.dsn, Signal::DeadTuples { table });
    watch
        .absent(|why| why.detail() == "there is no table nowhere")
        .await;
}

#[tokio::test]
async fn active_sessions_are_those_of_others() {
    let cluster = support::cluster(false);
    let dsn = cluster.primary().dsn("postgres");
    let watch = Watch::start(&dsn, Signal::ActiveBackends);
    watch.until(|r| r.value() == Some(&0.0)).await;
    let busy = support::connect(&dsn).await;
    let sleep = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(60)").await });
    watch.above(0.5).await;
    sleep.abort();
}

#[tokio::test]
async fn a_query_gives_any_kind_of_number() {
    let database = support::database().await;
    for query in [
        "SELECT 31::int2",
        "SELECT 31.0::numeric",
        "SELECT 31::float4",
        "SELECT 31::int8",
    ] {
        let watch = Watch::query(&database.dsn, query);
        let reading = watch.until(|r| r.value().is_some()).await;
        assert_eq!(reading.value(), Some(&31.0), "{query}");
    }
}

#[tokio::test]
async fn a_query_that_proves_nothing_is_no_data() {
    let database = support::database().await;
    for (query, told) in [
        ("SELECT NULL::float8", "it gives NULL"),
        ("SELECT 1 WHERE false", "it gives no row"),
        ("SELECT generate_series(1, 2)", "it gives more than one row"),
        ("SELECT 'NaN'::numeric", "it gives NaN"),
        ("SELECT 1 / 0", "division by zero"),
        (
            "SELECT 'fast'",
            "the query does not give one numeric column",
        ),
        (
            "SELECT 1; SELECT 2",
            "cannot insert multiple commands into a prepared statement",
        ),
        (
            "CREATE TABLE spam (i int)",
            "the query does not give one numeric column",
        ),
    ] {
        let watch = Watch::query(&database.dsn, query);
        watch.absent(|why| why.detail() == told).await;
    }
}

#[tokio::test]
async fn a_query_that_hangs_is_cut_off_and_never_asked_twice_at_once() {
    let database = support::database().await;
    database
        .client
        .batch_execute("CREATE TABLE health (ms float8); INSERT INTO health VALUES (12)")
        .await
        .unwrap();
    let query =
        "SELECT ms + CASE WHEN ms > 100 THEN length(pg_sleep(60)::text) ELSE 0 END FROM health";
    let watch = Watch::query(&database.dsn, query);
    watch.until(|r| r.value() == Some(&12.0)).await;
    let slow = "UPDATE health SET ms = 200";
    database.client.batch_execute(slow).await.unwrap();
    watch.absent(|why| *why == Absence::TimedOut).await;
    let running = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
    for _ in 0..20 {
        let count: i64 = database
            .client
            .query_one(running, &[])
            .await
            .unwrap()
            .get(0);
        assert!(count <= 1, "{count}");
    }
    let mended = "UPDATE health SET ms = 13";
    database.client.batch_execute(mended).await.unwrap();
    watch.until(|r| r.value() == Some(&13.0)).await;
}

#[tokio::test]
async fn a_query_comes_back_after_its_session_was_ended() {
    let database = support::database().await;
    let watch = Watch::query(&database.dsn, "SELECT pg_backend_pid()");
    let first = watch.until(|r| r.value().is_some()).await;
    let pid = *first.value().unwrap() as i32;
    let kill = "SELECT pg_terminate_backend($1)";
    database.client.query(kill, &[&pid]).await.unwrap();
    watch
        .until(|r| r.value().is_some_and(|new| *new as i32 != pid))
        .await;
}
