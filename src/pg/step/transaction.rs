//! Owns a step as one transaction, its record included; never retries.
//!
//! ```text
//! BEGIN; timeouts; fence; statement ...; record; COMMIT
//! ```
//!
//! All of it goes out in one flight, so that a client that is stopped in the
//! middle leaves nobody waiting behind its locks: the server has everything it
//! needs to end. Where `expect` has to be checked, or the last statement counts
//! rows that the record names, there are two flights, before and after the
//! look; `idle_in_transaction_session_timeout` (5 s) bounds the gap.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::limits::Limits;
use super::pipeline::in_order;
use super::progress::Reporter;
use super::record;
use super::statement::{self, Reply};
use super::supervise::Supervisor;
use super::timeouts::Timeouts;
use super::{OURS, SqlJob};
use crate::pg::session::Session;
use crate::run::event::Summary;
use crate::run::fault::{Fault, Trouble};
use crate::seam::seam;

/// One try; done means committed.
pub(super) async fn run(
    session: &Session,
    job: &SqlJob,
    supervisor: &mut Supervisor<'_>,
    reporter: &Reporter<'_>,
) -> Result<Summary, Fault> {
    statement::refuse_control(&job.action.statements)?;
    let prepared = session
        .bounded(OURS, Prepared::new(session.client(), job))
        .await
        .map_err(|error| session.fault(&error))?;
    let transaction = Transaction {
        session,
        job,
        prepared,
        reporter,
    };
    let last = job.action.statements.last();
    let two_flights =
        job.action.expect.is_some() || last.is_some_and(|sql| statement::counts_rows(sql));
    let work = async {
        match two_flights {
            true => transaction.in_two_flights().await,
            false => transaction.in_one_flight().await,
        }
    };
    let result = supervisor.run(Limits::of(job).deadline, work).await;
    // A lost session's transaction ends with it: behind a statement that does
    // not end, a ROLLBACK would wait as long.
    if result
        .as_ref()
        .is_err_and(|fault| fault.trouble != Trouble::ConnectionLost)
    {
        // Only the first of two flights leaves a transaction open; the server's
        // warning that there is none is nothing to us.
        let rollback = session.client().batch_execute("ROLLBACK");
        let _ = session.bounded(OURS, rollback).await;
    }
    let recorded = result?;
    seam("ddl-after-commit");
    Ok(recorded)
}

/// Our own statements, parsed by the server before any lock is taken.
struct Prepared {
    timeouts: Statement,
    fence: Statement,
    record: Statement,
}

impl Prepared {
    async fn new(client: &Client, job: &SqlJob) -> Result<Self, Error> {
        let (timeouts, fence, record) = tokio::try_join!(
            Timeouts::prepare(client),
            client.prepare(include_str!("../sql/fence.sql")),
            record::prepare(client, job.record),
        )?;
        Ok(Self {
            timeouts,
            fence,
            record,
        })
    }
}

struct Transaction<'a> {
    session: &'a Session,
    job: &'a SqlJob,
    prepared: Prepared,
    reporter: &'a Reporter<'a>,
}

impl Transaction<'_> {
    async fn in_one_flight(&self) -> Result<Summary, Fault> {
        let (opened, replies, closed) = tokio::join!(
            biased;
            self.open(),
            self.statements(),
            self.close(0),
        );
        // The first error is the cause; those behind it say 25P02, and COMMIT
        // of a failed transaction is a ROLLBACK.
        opened?;
        replies.into_iter().collect::<Result<Vec<Reply>, Fault>>()?;
        closed
    }

    async fn in_two_flights(&self) -> Result<Summary, Fault> {
        let (opened, replies) = tokio::join!(biased; self.open(), self.statements());
        opened?;
        let replies = replies.into_iter().collect::<Result<Vec<Reply>, Fault>>()?;
        let last = replies.last().cloned().unwrap_or_default();
        if let Some(expect) = &self.job.action.expect {
            last.meets(expect).map_err(|mut fault| {
                fault.statement = self
                    .job
                    .action
                    .statements
                    .last()
                    .map(|sql| statement::shortened(sql));
                fault
            })?;
        }
        self.close(last.rows).await
    }

    async fn open(&self) -> Result<(), Fault> {
        let client = self.session.client();
        let timeouts = Timeouts::of(Limits::of(self.job));
        let lease: [&(dyn ToSql + Sync); 2] = [&self.job.lease.run.0, &self.job.lease.token];
        let (begun, limited, fenced) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            timeouts.set(client, &self.prepared.timeouts, true),
            client.execute(&self.prepared.fence, &lease),
        );
        begun
            .and(limited)
            .and(fenced.map(drop))
            .map_err(|error| self.session.describe(&error))
    }

    async fn statements(&self) -> Vec<Result<Reply, Fault>> {
        let run = async |(index, sql)| {
            let reply = statement::run(self.session, sql).await;
            self.reporter.statement(index + 1);
            reply
        };
        in_order(
            self.job
                .action
                .statements
                .iter()
                .map(String::as_str)
                .enumerate()
                .map(run),
        )
        .await
    }

    async fn close(&self, rows: u64) -> Result<Summary, Fault> {
        let client = self.session.client();
        let (recorded, committed) = tokio::join!(
            biased;
            record::write(client, &self.prepared.record, self.job, rows),
            async {
                seam("ddl-before-commit");
                client.batch_execute("COMMIT").await
            },
        );
        recorded
            .and_then(|recorded| committed.map(|()| recorded))
            .map_err(|error| self.session.describe(&error))
    }
}
