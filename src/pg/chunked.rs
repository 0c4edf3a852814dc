//! Owns the limits of a session that works chunk by chunk, and how its
//! failures are told; never knows what a chunk does.

use std::future::Future;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::session::{Bounded, Session};
use crate::run::fault::Fault;

/// How long one lock may be waited for. Less than `deadlock_timeout` (1 s):
/// where two wait for each other, our chunk gives way before the server looks
/// for a victim and picks the application.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// A statement may take this many targets,
const TARGETS: u32 = 10;
/// but in any case this long.
const AT_LEAST: Duration = Duration::from_secs(10);
/// Beyond the statement's own timeout the server does not answer at all.
const SILENCE: Duration = Duration::from_secs(5);

/// A session on which nothing runs unbounded.
pub(super) struct ChunkedSession {
    session: Session,
    deadline: Duration,
}

impl ChunkedSession {
    /// Sets the limits for chunks that are steered towards `target`.
    pub(super) async fn new(session: Session, target: Duration) -> Result<Self, Fault> {
        let statement_timeout = (target * TARGETS).max(AT_LEAST);
        let chunked = Self {
            session,
            deadline: statement_timeout + SILENCE,
        };
        let ms = |limit: Duration| format!("{}ms", limit.as_millis());
        let limits = [ms(statement_timeout), ms(LOCK_TIMEOUT)];
        let sql = include_str!("sql/chunk_limits.sql");
        let parameters = limits.each_ref().map(|limit| limit as &(dyn ToSql + Sync));
        chunked
            .run(chunked.client().query_one(sql, &parameters))
            .await?;
        Ok(chunked)
    }

    /// The client, whose futures go through [`Self::run`].
    pub(super) fn client(&self) -> &Client {
        self.session.client()
    }

    /// Runs work of one round trip, or a few. It ends in bounded time, also
    /// where the server does not answer, and is cancelled on the server when
    /// it is dropped.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Fault> {
        // Boxed: ten flights of 5 kB each would make every future around them
        // too large for a thread's stack.
        let bounded = Box::pin(self.session.bounded(self.deadline, work));
        bounded.await.map_err(|error| match error {
            Bounded::Failed(error) => self.session.describe(&error),
            late => late.fault(),
        })
    }
}
