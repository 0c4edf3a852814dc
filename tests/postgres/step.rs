//! SQL steps: committed with their record, never in anybody's way for long.
//! Here is what the tests share.

mod index;
mod locks;
mod record;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgcutover::pg::lease::Lease;
use pgcutover::pg::session::{Purpose, Session};
use pgcutover::pg::step::record::{backend_gone, receipt};
use pgcutover::pg::step::{Done, Record, Sessions, SqlJob, Stop, run};
use pgcutover::run::event::{EventKind, RunId, Seq, Summary, Task};
use pgcutover::run::fault::{Fault, Trouble};
use pgcutover::run::progress::SqlProgress;
use pgcutover::runbook::{Ddl, SqlAction, SqlExpect, StepId};
use tokio::sync::watch;
use tokio_postgres::Client;

use crate::support::{self, Database};
use crate::targets::session;

const PATIENCE: Duration = Duration::from_secs(20);
const SCHEMA: &str = include_str!("../../src/store/sql/001_schema.sql");
const JOURNAL: &str = include_str!("step/journal.sql");
const TABLE: &str = "CREATE TABLE users (id int PRIMARY KEY, email text);
                     INSERT INTO users SELECT n, 'a' || n FROM generate_series(1, 100) n";

/// A database with a journal and a table, and the sessions of a lead.
struct Rig {
    database: Database,
    step: Session,
    control: Session,
    stop: watch::Sender<Stop>,
    progress: Arc<Mutex<Vec<SqlProgress>>>,
}

impl Rig {
    async fn new() -> Self {
        let database = support::database().await;
        let client = &database.client;
        client.batch_execute(SCHEMA).await.unwrap();
        client.batch_execute(JOURNAL).await.unwrap();
        client.batch_execute(TABLE).await.unwrap();
        Self {
            step: session(&database.dsn, Purpose::Step).await,
            control: session(&database.dsn, Purpose::Control).await,
            stop: watch::Sender::new(Stop::No),
            progress: Arc::default(),
            database,
        }
    }

    async fn run(&self, job: &SqlJob) -> Result<Done, Fault> {
        let sessions = Sessions {
            step: &self.step,
            control: &self.control,
        };
        let progress = Arc::clone(&self.progress);
        let report = move |newest| progress.lock().unwrap().push(newest);
        run(sessions, job, self.stop.subscribe(), &report).await
    }

    /// Another session of the application's, which holds a lock.
    async fn holding(&self, statement: &str) -> Client {
        let client = support::connect(&self.database.dsn).await;
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute(statement).await.unwrap();
        client
    }

    async fn number(&self, query: &str) -> i64 {
        self.database
            .client
            .query_one(query, &[])
            .await
            .unwrap()
            .get(0)
    }

    async fn columns(&self) -> i64 {
        self.number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped").await
    }

    async fn events(&self) -> i64 {
        self.number("SELECT count(*) FROM pgcutover.event").await
    }

    async fn until_progress(&self, wanted: impl Fn(&SqlProgress) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.progress.lock().unwrap().iter().any(&wanted) {
            assert!(
                Instant::now() < deadline,
                "{:?}",
                self.progress.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Until a session of this database waits for a lock.
    async fn until_waiting(&self) {
        self.until_some("wait_event_type = 'Lock'").await;
    }

    /// Until there is such a session of this database.
    async fn until_some(&self, such: &str) {
        let deadline = Instant::now() + PATIENCE;
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {such}"
        );
        while self.number(&query).await == 0 {
            assert!(Instant::now() < deadline, "never {such}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn job(statements: &[&str]) -> SqlJob {
    SqlJob {
        lease: Lease {
            run: RunId("r".to_owned()),
            token: "mine".to_owned(),
        },
        task: Task::forward(StepId::new("s")),
        attempt: 1,
        action: SqlAction {
            statements: statements.iter().map(|sql| (*sql).to_owned()).collect(),
            file: None,
            transaction: true,
            lock_timeout: None,
            statement_timeout: None,
            expect: None,
        },
        ddl: Ddl::default(),
        record: Record::Journal,
        again: false,
    }
}

fn separate(statements: &[&str]) -> SqlJob {
    let mut job = job(statements);
    job.action.transaction = false;
    job
}

/// Waits for its lock longer than any test lasts, unless it is ended.
fn patient(mut job: SqlJob) -> SqlJob {
    job.ddl.lock_timeout = 3 * PATIENCE;
    job.ddl.deadline = 3 * PATIENCE;
    job
}
