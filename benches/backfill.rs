//! The backfill's rows a second against one big UPDATE of the same table, in
//! one run: `cargo bench --bench backfill [-- ROWS [ROUNDS]]`.
//!
//! The order alternates, each table is new, vacuumed and checkpointed, the big
//! UPDATE commits as the server has it. The backfill has its checkpoints and
//! fences; its final sweep, a read of the whole table, is told apart.
//!
//! 1 M rows, Postgres 15, 2 cores, otherwise idle: median of 7 rounds 1.03
//! (0.89 to 1.39), with the sweep 0.76. While other work kept the machine busy,
//! medians were 0.87 to 1.06. By the server's CPU a chunked UPDATE costs what the
//! big one does (2.55 s and 2.53 s), and finding the bounds 3 % on top. The
//! monitor is not running here.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench talks and fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgcutover::pg::backfill::{self, Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::pg::lease::Lease;
use pgcutover::pg::session::Purpose;
use pgcutover::plan::{KeyColumn, SetColumn, Table};
use pgcutover::run::again::Again;
use pgcutover::run::event::RunId;
use pgcutover::run::progress::BackfillStage;
use pgcutover::runbook::{Backfill, Chunking, StepId, TableName, Triggers, Walk, Writes};
use pgcutover::sandbox::{Cluster, Options};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls};

#[path = "../tests/postgres/targets.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod targets;

const FILTER: &str = "email_address IS DISTINCT FROM email";

#[tokio::main]
async fn main() {
    let numbers = std::env::args().filter_map(|word| word.parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    let rows = numbers.first().copied().unwrap_or(1_000_000);
    let rounds = numbers.get(1).copied().unwrap_or(5);
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
    let (mut copies, mut proofs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let (update, (copy, all)) = match round % 2 {
            0 => {
                let update = big_update(&client, rows).await;
                (update, run_backfill(&client, &dsn, rows, round).await)
            }
            _ => {
                let backfill = run_backfill(&client, &dsn, rows, round).await;
                (big_update(&client, rows).await, backfill)
            }
        };
        let rate = |took: Duration| rows as f64 / took.as_secs_f64();
        copies.push(rate(copy) / rate(update));
        proofs.push(rate(all) / rate(update));
        println!(
            "round {round}: big UPDATE {:.0} rows/s, backfill {:.0} ({:.2}), with its sweep {:.0} ({:.2})",
            rate(update),
            rate(copy),
            copies[copies.len() - 1],
            rate(all),
            proofs[proofs.len() - 1],
        );
    }
    println!(
        "median of {rounds}: backfill / big UPDATE {:.2}, with its sweep {:.2}",
        median(copies),
        median(proofs)
    );
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

/// How long the copy took, and how long it took with the final sweep.
async fn run_backfill(client: &Client, dsn: &str, rows: u64, round: u64) -> (Duration, Duration) {
    fresh_table(client, rows).await;
    let (_driver, control) = watch::channel(Control::FULL);
    let session = targets::session(dsn, Purpose::Backfill).await;
    let began = Instant::now();
    let copied = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&copied);
    let verbose = std::env::var_os("CHUNKS").is_some();
    let ended = backfill::run(session, job(rows, round), control, move |progress| {
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

fn job(rows: u64, round: u64) -> Job {
    Job {
        lease: Lease {
            run: RunId("bench".to_owned()),
            token: "token".to_owned(),
        },
        step: StepId::new("copy"),
        attempt: i32::try_from(round).unwrap(),
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
