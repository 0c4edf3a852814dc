//! Owns statements that Postgres refuses inside a transaction, one after the
//! other; never records them: the caller appends their event.
//!
//! A try that follows another runs all of them again, so each has to bear
//! that; a concurrent index build is made to (see `index`).

use std::future::Future;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::index::Build;
use super::limits::Limits;
use super::progress::Reporter;
use super::statement::{self, Reply};
use super::supervise::Supervisor;
use super::timeouts::Timeouts;
use super::{OURS, SqlJob};
use crate::pg::session::Session;
use crate::run::event::Summary;
use crate::run::fault::{Fault, Trouble};

/// One try. The limits are the session's for its time, set by a statement of
/// their own: in one string with CREATE INDEX CONCURRENTLY they would make a
/// transaction (25001).
///
/// For that time the session works under the lease, as the lead's own do: a
/// take-over ends it, so that what it runs does not run twice at once.
pub(super) async fn run(
    session: &Session,
    job: &SqlJob,
    supervisor: &mut Supervisor<'_>,
    reporter: &Reporter<'_>,
) -> Result<Summary, Fault> {
    let client = session.client();
    let token: [&(dyn ToSql + Sync); 1] = [&job.lease.token];
    let began = std::time::Instant::now();
    let ready = async {
        client
            .execute(include_str!("sql/attend.sql"), &token)
            .await?;
        let before = Timeouts::now(client).await?;
        let set = Timeouts::prepare(client).await?;
        Ok((before, set))
    };
    let (before, set) = ours(session, ready).await?;
    let result = all(session, &set, job, supervisor, reporter).await;
    // A lost session's settings are nobody's any more.
    let lost = matches!(&result, Err(fault) if fault.trouble == Trouble::ConnectionLost);
    let leave = async {
        before.set(client, &set, false).await?;
        client.execute(include_str!("sql/leave.sql"), &token).await
    };
    let left = match lost {
        true => Ok(()),
        false => ours(session, leave).await.map(drop),
    };
    let rows = result?.rows;
    left?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Summary::Sql { rows, took_ms })
}

async fn all(
    session: &Session,
    set: &Statement,
    job: &SqlJob,
    supervisor: &mut Supervisor<'_>,
    reporter: &Reporter<'_>,
) -> Result<Reply, Fault> {
    let mut last = Reply::default();
    for (index, sql) in job.action.statements.iter().enumerate() {
        supervisor.may_begin()?;
        reporter.statement(index);
        fence(session, job).await?;
        let limits = Limits::of_statement(job, sql);
        let limit = Timeouts::of(limits);
        ours(session, limit.set(session.client(), set, false)).await?;
        last = one(session, job, sql, limits.deadline, supervisor).await?;
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
    deadline: Duration,
    supervisor: &mut Supervisor<'_>,
) -> Result<Reply, Fault> {
    let run = statement::run(session, sql);
    let Some(build) = Build::of(sql) else {
        return supervisor.run(deadline, run).await;
    };
    let again = job.again;
    if !build.prepare(session, again, deadline, supervisor).await? {
        return Ok(Reply::default());
    }
    match supervisor.run(deadline, run).await {
        Ok(reply) => build.check(session).await.map(|()| reply),
        Err(fault) => Err(build.explain(session, fault).await),
    }
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
