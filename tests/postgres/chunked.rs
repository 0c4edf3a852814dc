//! Jobs on small tables for the tests of backfill and parity; owns their set-up.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgcutover::pg::backfill::{self, Ended, Job};
use pgcutover::pg::cadence::Control;
use pgcutover::pg::lease::Lease;
use pgcutover::pg::session::{Purpose, Session, open};
use pgcutover::plan::{KeyColumn, SetColumn, Table};
use pgcutover::run::again::Again;
use pgcutover::run::event::{BackfillSummary, RunId};
use pgcutover::run::fault::Fault;
use pgcutover::run::progress::BackfillProgress;
use pgcutover::runbook::{Backfill, Chunking, StepId, TableName, Triggers, Walk, Writes};
use tokio::sync::watch;

use crate::support::{self, Database};
use crate::targets;

/// Everything that a backfill said, oldest first.
pub(crate) type Said = Arc<Mutex<Vec<BackfillProgress>>>;

/// A database with the tool's schema, a lease, and that SQL run.
pub(crate) async fn database(sql: &str) -> Database {
    let database = support::database().await;
    let schema = include_str!("../../src/store/sql/001_schema.sql");
    database.client.batch_execute(schema).await.unwrap();
    let lease = "INSERT INTO pgcutover.lease
        (run_id, epoch, token, holder, host, pid, backend_start)
        VALUES ('run', 1, 'token', 'test', 'here', 0, now())";
    database.client.batch_execute(lease).await.unwrap();
    database.client.batch_execute(sql).await.unwrap();
    database
}

/// `users` with `old` and an empty `new`, ids from 1.
pub(crate) async fn users(rows: u32) -> Database {
    database(&format!(
        "CREATE TABLE users (id bigint PRIMARY KEY, old text, new text);
         INSERT INTO users SELECT n, 'u' || n FROM generate_series(1, {rows}) n;
         ANALYZE users"
    ))
    .await
}

/// A table resolved by hand.
pub(crate) fn table(name: &str, key: &[(&str, &str)]) -> Table {
    let column = |(name, data_type): &(&str, &str)| KeyColumn {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
        collation: None,
    };
    Table {
        schema: "public".to_owned(),
        name: name.to_owned(),
        key: key.iter().map(column).collect(),
        set: vec![SetColumn {
            name: "new".to_owned(),
            data_type: "text".to_owned(),
        }],
        into: Vec::new(),
    }
}

/// Chunks of between that many rows.
pub(crate) fn chunks(min: u32, max: u32) -> Chunking {
    Chunking {
        target: Duration::from_millis(200),
        min,
        max,
    }
}

/// `new = old` in `users`, where they differ.
pub(crate) fn job() -> Job {
    let table = table("users", &[("id", "bigint")]);
    Job {
        lease: Lease {
            run: RunId("run".to_owned()),
            token: "token".to_owned(),
        },
        step: StepId::new("copy"),
        attempt: 1,
        round: 0,
        what: Again::Whole,
        spec: Backfill {
            table: TableName {
                schema: None,
                name: table.name.clone(),
            },
            key: table.key.iter().map(|column| column.name.clone()).collect(),
            writes: Writes::Set(vec![("new".to_owned(), "old".to_owned())]),
            walk: Walk::Table,
            filter: Some("new IS DISTINCT FROM old".to_owned()),
            chunk: chunks(10, 10),
            workers: 1,
            max_quarantined: 0,
            vacuum: None,
            triggers: Triggers::Refuse,
        },
        table,
        rows_estimate: 100,
    }
}

/// Opens sessions for a backfill there.
pub(crate) fn opener(
    dsn: &str,
) -> impl Fn() -> Pin<Box<dyn Future<Output = Result<Session, Fault>> + Send>> + Send + Sync + 'static
{
    let target = targets::target(dsn);
    move || {
        let target = target.clone();
        Box::pin(async move {
            let session = open(&target, Purpose::Backfill).await;
            session.map_err(|error| error.fault())
        })
    }
}

/// Runs it at full pace; what it said as well.
pub(crate) async fn run(database: &Database, job: Job) -> (Result<Ended, Fault>, Said) {
    let (_driver, control) = watch::channel(Control::FULL);
    run_at(database, job, control, |_| {}).await
}

/// Runs it under that control; `hear` gets each progress as it comes.
pub(crate) async fn run_at(
    database: &Database,
    job: Job,
    control: watch::Receiver<Control>,
    mut hear: impl FnMut(&BackfillProgress) + Send + Sync + 'static,
) -> (Result<Ended, Fault>, Said) {
    let said = Said::default();
    let heard = Arc::clone(&said);
    let ended = backfill::run(opener(&database.dsn), job, control, move |progress| {
        hear(&progress);
        heard.lock().unwrap().push(progress);
    });
    (ended.await, said)
}

/// Runs it to its end.
pub(crate) async fn finish(database: &Database, job: Job) -> BackfillSummary {
    match run(database, job).await.0.unwrap() {
        Ended::Done(summary) => summary,
        Ended::Stopped => panic!("stopped by nobody"),
    }
}

/// The first column of the first row.
pub(crate) async fn ask(database: &Database, query: &str) -> i64 {
    let row = database.client.query_one(query, &[]).await;
    row.unwrap().get(0)
}

/// Rows of `users` that are not as they should be.
pub(crate) async fn wrong(database: &Database) -> i64 {
    ask(
        database,
        "SELECT count(*) FROM users WHERE new IS DISTINCT FROM old",
    )
    .await
}

/// Waits until a statement with that word waits for a lock in this database.
pub(crate) async fn until_blocked(database: &Database, word: &str) {
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
    let look = async {
        loop {
            let row = database.client.query_one(blocked, &[&word]).await.unwrap();
            if row.get::<_, i64>(0) > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), look).await;
    waited.unwrap_or_else(|_| panic!("no {word} waits for a lock"));
}
