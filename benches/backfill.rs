//! The backfill's rows a second against one big UPDATE of the same table, in
//! one run: `cargo bench --bench backfill [-- ROWS [ROUNDS]]`.
//!
//! By one worker and by two. The order rotates; each table is new, with one
//! secondary index, vacuumed and checkpointed; the big UPDATE commits as the
//! server has it. The backfill has its checkpoints and fences, a monitor that
//! polls the server and guards whose unknown readings stall it, as in a run; the
//! big UPDATE has nobody. Its final sweep, a read of the whole table, is told
//! apart.
//!
//! 1 M rows, Postgres 15, 2 cores, otherwise idle, median of 6: one worker 0.98
//! (0.92 to 1.04), with the sweep 0.81; two workers 1.48 (1.31 to 1.62), with the
//! sweep 1.27. By the server's CPU a chunked UPDATE costs what the big one does,
//! and finding the bounds 3 % on top.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks and fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgcutover::monitor::{Config, Monitor, guarded};
use pgcutover::pg::backfill::{self, Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::pg::lease::Lease;
use pgcutover::pg::session::{Purpose, open};
use pgcutover::plan::{KeyColumn, SetColumn, Table};
use pgcutover::run::again::Again;
use pgcutover::run::event::RunId;
use pgcutover::run::progress::BackfillStage;
use pgcutover::runbook::{
    Backfill, Chunking, ConnectionId, Guard, GuardId, NoData, Signal, StepId, TableName, Triggers,
    Walk, Writes,
};
use pgcutover::sandbox::{Cluster, Options};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls};

#[path = "../tests/postgres/targets.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod targets;

const FILTER: &str = "email_address IS DISTINCT FROM email";

/// Rows a second of one round: the big UPDATE, then by one worker and by two,
/// each without and with its sweep.
#[derive(Default)]
struct Round {
    update: f64,
    by: BTreeMap<u16, (f64, f64)>,
}

#[tokio::main]
async fn main() {
    let numbers = std::env::args().filter_map(|word| word.parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    let rows = numbers.first().copied().unwrap_or(1_000_000);
    let rounds = numbers.get(1).copied().unwrap_or(6);
    let cluster = Cluster::start(&Options {
        durable: true,
        ..Options::default()
    })
    .unwrap();
    let dsn = cluster.primary().dsn("postgres");
    let client = connect(&dsn).await;
    client
        .batch_execute(include_str!("../src/store/sql/001_schema.sql"))
        .await
        .unwrap();
    client.batch_execute(LEASE).await.unwrap();
    let mut all = Vec::new();
    for round in 0..rounds {
        let told = one_round(&client, &dsn, rows, round).await;
        println!(
            "round {round}: big UPDATE {:.0} rows/s{}",
            told.update,
            words(&told)
        );
        all.push(told);
    }
    for workers in [1, 2] {
        let ratios = |of: fn(&(f64, f64)) -> f64| {
            median(all.iter().map(|r| of(&r.by[&workers]) / r.update).collect())
        };
        println!(
            "median of {rounds}, {workers} worker(s) / big UPDATE: {:.2}, with the sweep {:.2}",
            ratios(|rates| rates.0),
            ratios(|rates| rates.1),
        );
    }
}

fn words(round: &Round) -> String {
    let by = round.by.iter().map(|(workers, (copy, all))| {
        let (ratio, with) = (copy / round.update, all / round.update);
        format!("; by {workers} {copy:.0} ({ratio:.2}, with the sweep {with:.2})")
    });
    by.collect()
}

/// In an order that rotates: whoever comes later finds a warmer machine.
async fn one_round(client: &Client, dsn: &str, rows: u64, number: u64) -> Round {
    let rate = |took: Duration| rows as f64 / took.as_secs_f64();
    let mut round = Round::default();
    for place in 0..3 {
        match (place + number) % 3 {
            0 => round.update = rate(big_update(client, rows).await),
            workers => {
                let workers = u16::try_from(workers).unwrap();
                let (copy, all) = run_backfill(client, dsn, rows, number, workers).await;
                round.by.insert(workers, (rate(copy), rate(all)));
            }
        }
    }
    round
}

const LEASE: &str =
    "INSERT INTO pgcutover.lease (run_id, epoch, token, holder, host, pid, backend_start)
    VALUES ('bench', 1, 'token', 'bench', 'here', 0, now())";

async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// The same table each time, clean, on disk and in the same state of the cache.
async fn fresh_table(client: &Client, rows: u64) {
    let create = format!(
        "DROP TABLE IF EXISTS users;
         CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text NOT NULL,
             created_at timestamptz NOT NULL DEFAULT now(), visits int NOT NULL DEFAULT 0);
         INSERT INTO users (id, email, name)
             SELECT n, 'user' || n || '@example.org', 'User ' || n FROM generate_series(1, {rows}) n;
         ALTER TABLE users ADD COLUMN email_address text"
    );
    client.batch_execute(&create).await.unwrap();
    let index = "CREATE INDEX users_email ON users (email)";
    client.batch_execute(index).await.unwrap();
    client.batch_execute("VACUUM ANALYZE users").await.unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();
}

async fn big_update(client: &Client, rows: u64) -> Duration {
    fresh_table(client, rows).await;
    let began = Instant::now();
    let update = format!("UPDATE users SET email_address = email WHERE {FILTER}");
    let written = client.execute(&update, &[]).await.unwrap();
    let took = began.elapsed();
    assert_eq!(written, rows);
    took
}

/// Guards on signals of every kind, none of which ever trips: what they cost.
fn guards() -> Vec<Guard> {
    let signals = [
        Signal::WaitingBehindUs,
        Signal::WalRate,
        Signal::OldestXmin,
        Signal::ActiveBackends,
        Signal::Sql {
            query: "SELECT count(*)::float8 FROM pg_stat_activity".to_owned(),
            on: ConnectionId::new("main"),
            timeout: Duration::from_secs(1),
        },
    ];
    let guard = |(place, signal)| Guard {
        id: GuardId::new(format!("guard-{place}")),
        every: Duration::from_secs(1),
        signal,
        throttle: None,
        stall: None,
        hold: None,
        no_data: NoData::default(),
    };
    signals.into_iter().enumerate().map(guard).collect()
}

/// Watches as a run does; the control stalls for as long as a guard knows
/// nothing.
fn watched(dsn: &str, workers: u16) -> (Monitor, watch::Receiver<Control>) {
    let target = targets::target(dsn);
    let monitor = Monitor::start(Config {
        targets: BTreeMap::from([(ConnectionId::new("main"), target.clone())]),
        target,
        expected: Vec::new(),
        heartbeats: Vec::new(),
        run: None,
        guards: guards(),
    });
    let stalled = Control {
        go: false,
        workers,
        ..Control::FULL
    };
    let (driver, control) = watch::channel(stalled);
    let mut readings = monitor.readings();
    tokio::spawn(async move {
        let guards = guards();
        while readings.changed().await.is_ok() && !driver.is_closed() {
            let now = readings.borrow_and_update().clone();
            let known = |guard| guarded::value(guard, &now, &[]).value().is_some();
            let go = guards.iter().all(known);
            driver.send_if_modified(|control| std::mem::replace(&mut control.go, go) != go);
        }
    });
    (monitor, control)
}

/// How long the copy took, and how long it took with the final sweep.
async fn run_backfill(
    client: &Client,
    dsn: &str,
    rows: u64,
    round: u64,
    workers: u16,
) -> (Duration, Duration) {
    let (_monitor, mut control) = watched(dsn, workers);
    fresh_table(client, rows).await;
    control.wait_for(|control| control.go).await.unwrap();
    let target = targets::target(dsn);
    let session = move || {
        let target = target.clone();
        async move {
            let session = open(&target, Purpose::Backfill).await;
            session.map_err(|error| error.fault())
        }
    };
    let began = Instant::now();
    let copied = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&copied);
    let verbose = std::env::var_os("CHUNKS").is_some();
    let job = job(
        rows,
        i32::try_from(round * 10).unwrap() + i32::from(workers),
    );
    let ended = backfill::run(session, job, control, move |progress| {
        if verbose {
            println!(
                "{:?}",
                (progress.rows_done, progress.chunk_rows, progress.last_chunk)
            );
        }
        if progress.stage == BackfillStage::Sweep {
            seen.lock().unwrap().get_or_insert_with(Instant::now);
        }
    })
    .await
    .unwrap();
    let all = began.elapsed();
    let Ended::Done(summary) = ended else {
        panic!("stopped by nobody");
    };
    assert_eq!((summary.rows_written, summary.swept), (rows, rows));
    let copied = copied.lock().unwrap().expect("the sweep reports");
    (copied - began, all)
}

fn job(rows: u64, attempt: i32) -> Job {
    Job {
        lease: Lease {
            run: RunId("bench".to_owned()),
            token: "token".to_owned(),
        },
        step: StepId::new("copy"),
        attempt,
        round: 0,
        what: Again::Whole,
        table: Table {
            schema: "public".to_owned(),
            name: "users".to_owned(),
            key: vec![KeyColumn {
                name: "id".to_owned(),
                data_type: "bigint".to_owned(),
                collation: None,
            }],
            set: vec![SetColumn {
                name: "email_address".to_owned(),
                data_type: "text".to_owned(),
            }],
            into: Vec::new(),
        },
        spec: Backfill {
            table: TableName {
                schema: None,
                name: "users".to_owned(),
            },
            key: vec!["id".to_owned()],
            writes: Writes::Set(vec![("email_address".to_owned(), "email".to_owned())]),
            walk: Walk::Table,
            filter: Some(FILTER.to_owned()),
            chunk: Chunking::default(),
            workers: 1,
            max_quarantined: 0,
            vacuum: None,
            triggers: Triggers::Refuse,
        },
        rows_estimate: rows,
    }
}
