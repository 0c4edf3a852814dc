//! Owns statements that Postgres refuses inside a transaction, one after the
//! other; never records them: the caller appends their event.
//!
//! A try that follows another runs all of them again, so each has to bear
//! that; a concurrent index build is made to (see `index`).

use tokio_postgres::Error;

use super::SqlJob;
use super::index::Build;
use super::progress::Reporter;
use super::statement::{self, Reply};
use super::supervise::Supervisor;
use super::timeouts::Timeouts;
use crate::pg::session::Session;
use crate::run::event::{Event, Summary};
use crate::run::fault::Fault;

/// One try. The limits are the session's for its time, set by a statement of
/// their own: in one string with CREATE INDEX CONCURRENTLY they would make a
/// transaction (25001).
pub(super) async fn run(
    session: &Session,
    job: &SqlJob,
    supervisor: &mut Supervisor<'_>,
    reporter: &Reporter<'_>,
) -> Result<(Summary, Option<Event>), Fault> {
    let client = session.client();
    let describe = |error: Error| session.describe(&error);
    let began = std::time::Instant::now();
    let before = Timeouts::now(client).await.map_err(describe)?;
    let set = Timeouts::prepare(client).await.map_err(describe)?;
    Timeouts::of(job)
        .set(client, &set, false)
        .await
        .map_err(describe)?;
    let result = all(session, job, supervisor, reporter).await;
    let reset = before.set(client, &set, false).await.map_err(describe);
    let rows = result?.rows;
    reset?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((Summary::Sql { rows, took_ms }, None))
}

async fn all(
    session: &Session,
    job: &SqlJob,
    supervisor: &mut Supervisor<'_>,
    reporter: &Reporter<'_>,
) -> Result<Reply, Fault> {
    let mut last = Reply::default();
    for (index, sql) in job.action.statements.iter().enumerate() {
        supervisor.may_begin()?;
        reporter.statement(index);
        fence(session, job).await?;
        last = one(session, job, sql, supervisor).await?;
    }
    if let Some(expect) = &job.action.expect {
        last.meets(expect)?;
    }
    Ok(last)
}

async fn one(
    session: &Session,
    job: &SqlJob,
    sql: &str,
    supervisor: &mut Supervisor<'_>,
) -> Result<Reply, Fault> {
    let Some(build) = Build::of(sql) else {
        return supervisor.run(statement::run(session, sql)).await;
    };
    if !build.prepare(session, job.again, supervisor).await? {
        return Ok(Reply::default());
    }
    match supervisor.run(statement::run(session, sql)).await {
        Ok(reply) => build.check(session).await.map(|()| reply),
        Err(fault) => Err(build.explain(session, fault).await),
    }
}

/// Nothing keeps the lease while a statement on its own runs; it is looked at
/// before each.
async fn fence(session: &Session, job: &SqlJob) -> Result<(), Fault> {
    let lease = &job.lease;
    session
        .client()
        .execute(
            include_str!("../sql/fence.sql"),
            &[&lease.run.0, &lease.token],
        )
        .await
        .map(drop)
        .map_err(|error| session.describe(&error))
}
