//! Owns a task's record, committed together with its work, and the proof that
//! there is none; never decides what follows from it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Error, Statement};

use super::{Record, SqlJob};
use crate::pg::session::{Backend, Session};
use crate::run::event::{EventKind, RunId, Summary, Task};
use crate::run::fault::Fault;

/// How long a backend that was told to end may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it has ended.
const GLANCE: Duration = Duration::from_millis(50);

pub(super) async fn prepare(client: &Client, record: Record) -> Result<Statement, Error> {
    let sql = match record {
        Record::Journal => include_str!("sql/append.sql"),
        Record::Receipt => include_str!("sql/receipt.sql"),
    };
    client.prepare(sql).await
}

/// Writes the record with what [`prepare`] gave; sent when first polled.
pub(super) async fn write(
    client: &Client,
    prepared: &Statement,
    job: &SqlJob,
    rows: u64,
) -> Result<Summary, Error> {
    let run = &job.lease.run.0;
    match job.record {
        Record::Journal => {
            let kind = EventKind::StepSucceeded {
                task: job.task.clone(),
                summary: Summary::Sql { rows, took_ms: 0 },
            };
            let body = serde_json::to_string(&kind).expect("an event is plain data");
            let row = client
                .query_one(prepared, &[run, &job.lease.token, &kind.tag(), &body])
                .await?;
            let took_ms = took_ms(row.get("body"));
            Ok(Summary::Sql { rows, took_ms })
        }
        Record::Receipt => {
            let step = job.task.step.as_str();
            let direction = job.task.direction.word();
            let count = i64::try_from(rows).unwrap_or(i64::MAX);
            let row = client
                .query_one(prepared, &[run, &step, &direction, &job.attempt, &count])
                .await?;
            let took_ms = row.get::<_, i64>("took_ms").unsigned_abs();
            Ok(Summary::Sql { rows, took_ms })
        }
    }
}

/// Rows that a task's receipt names, where its transaction committed.
///
/// # Errors
/// What the server says.
pub async fn receipt(
    session: &Session,
    run: &RunId,
    task: &Task,
    attempt: i32,
) -> Result<Option<u64>, Fault> {
    let (step, direction) = (task.step.as_str(), task.direction.word());
    let row = session
        .client()
        .query_opt(
            include_str!("sql/receipt_of.sql"),
            &[&run.0, &step, &direction, &attempt],
        )
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(row.map(|row| row.get::<_, i64>("rows").unsigned_abs()))
}

/// Proves that an old backend of ours is gone, and ends it if it is not: it may
/// still be queued for its lock, or about to commit. Takes up to 10 s; `false`
/// is no proof, so the outcome stays unknown.
///
/// # Errors
/// What the server says.
pub async fn backend_gone(control: &Session, old: Backend) -> Result<bool, Fault> {
    let who: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&old.pid, &old.started];
    let client = control.client();
    let describe = |error: Error| control.describe(&error);
    let began = Instant::now();
    let mut told = false;
    loop {
        let found = client
            .query_opt(include_str!("sql/backend.sql"), &who)
            .await
            .map_err(describe)?;
        let Some(row) = found else { return Ok(true) };
        if !row.get::<_, bool>("certain") || began.elapsed() > PATIENCE {
            return Ok(false);
        }
        if !told {
            client
                .query(include_str!("sql/end_backend.sql"), &who)
                .await
                .map_err(describe)?;
            told = true;
        }
        sleep(GLANCE).await;
    }
}

/// As the server filled it in.
fn took_ms(body: &str) -> u64 {
    match serde_json::from_str(body) {
        Ok(EventKind::StepSucceeded {
            summary: Summary::Sql { took_ms, .. },
            ..
        }) => took_ms,
        _ => 0,
    }
}
