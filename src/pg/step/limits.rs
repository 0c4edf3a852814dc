//! Owns how long a statement may wait for a lock and take; never sets or
//! enforces it.
//!
//! An index that is built, dropped or rebuilt CONCURRENTLY waits until every
//! older transaction has ended, and `lock_timeout` counts that as a wait for a
//! lock. Its own lock is SHARE UPDATE EXCLUSIVE: neither reads nor writes queue
//! behind it. So the limits of `[ddl]`, which keep others from queueing, do not
//! bound it; the step's own do, and `max_waiters` in any case.

use std::time::Duration;

use super::{SqlJob, statement};

/// What an index that is built beside reads and writes may take where the step
/// says nothing: so long that it is a mistake, so short that it ends.
const CONCURRENT: Duration = Duration::from_secs(3600);

/// How long a transaction, or a statement on its own, may wait and take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// For one lock.
    pub(super) lock: Duration,
    /// In all, on the client's clock.
    pub(super) deadline: Duration,
}

impl Limits {
    /// Of the job as one transaction.
    pub(super) fn of(job: &SqlJob) -> Self {
        let SqlJob { action, ddl, .. } = job;
        Self {
            lock: action.lock_timeout.unwrap_or(ddl.lock_timeout),
            deadline: action.statement_timeout.unwrap_or(ddl.deadline),
        }
    }

    /// Of one of its statements on its own.
    pub(super) fn of_statement(job: &SqlJob, sql: &str) -> Self {
        if !statement::is_concurrent(sql) {
            return Self::of(job);
        }
        let deadline = job.action.statement_timeout.unwrap_or(CONCURRENT);
        Self {
            lock: job.action.lock_timeout.unwrap_or(deadline),
            deadline,
        }
    }
}
