//! Owns statements that Postgres refuses inside a transaction, one after the
//! other; never records them: the caller appends their event.
//!
//! A try that follows another runs all of them again, so each has to bear
//! that; a concurrent index build is made to (see `index`).

use std::future::Future;

use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::index::Build;
use super::progress::Reporter;
use super::statement::{self, Reply};
use super::supervise::Supervisor;
use super::timeouts::Timeouts;
use super::{OURS, SqlJob};
use crate::pg::session::Session;
use crate::run::event::{Event, Summary};
use crate::run::fault::{Fault, Trouble};

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
    let began = std::time::Instant::now();
    let limit = async {
        let before = Timeouts::now(client).await?;
        let set = Timeouts::prepare(client).await?;
        Timeouts::of(job).set(client, &set, false).await?;
        Ok((before, set))
    };
    attend(session, job).await?;
    let (before, set) = ours(session, limit).await?;
    let result = all(session, job, supervisor, reporter).await;
    // A lost session's settings are nobody's any more.
    let lost = matches!(&result, Err(fault) if fault.trouble == Trouble::ConnectionLost);
    let reset = match lost {
        true => Ok(()),
        false => ours(session, before.set(client, &set, false)).await,
    };
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

/// Nothing keeps the lease while a statement on its own runs. It is looked at
/// before each, and a take-over ends the session that holds its token's lock.
async fn attend(session: &Session, job: &SqlJob) -> Result<(), Fault> {
    let token: [&(dyn ToSql + Sync); 1] = [&job.lease.token];
    let attend = session
        .client()
        .execute(include_str!("sql/attend.sql"), &token);
    ours(session, attend).await.map(drop)
}

/// The lease is still ours.
async fn fence(session: &Session, job: &SqlJob) -> Result<(), Fault> {
    let lease: [&(dyn ToSql + Sync); 2] = [&job.lease.run.0, &job.lease.token];
    let fence = include_str!("../sql/fence.sql");
    let look = session.client().execute(fence, &lease);
    ours(session, look).await.map(drop)
}

/// Statements of our own, which wait for nobody for long.
async fn ours<T>(
    session: &Session,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    let result = session.bounded(OURS, work).await;
    result.map_err(|error| session.fault(&error))
}
