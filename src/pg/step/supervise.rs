//! Owns the end of work that takes too long or stands in the way; never runs a
//! statement of the operator's.
//!
//! While our request waits for a lock, everybody who comes later and wants a
//! conflicting one queues behind it: the control session counts them.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_postgres::types::Type;

use super::progress::Reporter;
use super::{Sessions, Stop};
use crate::pg::lock;
use crate::run::fault::{Fault, Trouble};

/// Between two looks at our own request.
const GLANCE: Duration = Duration::from_millis(75);

/// A request of ours that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    /// Which lock.
    pub(super) lock: String,
    /// Sessions that queue behind it.
    pub(super) waiters: u32,
}

/// Why work has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Deadline(Duration),
    Waiters(Wait),
    Held(Wait),
    Told,
}

/// Runs work on the step session until it ends or has to end.
pub(super) struct Supervisor<'a> {
    sessions: Sessions<'a>,
    max_waiters: u32,
    stop: watch::Receiver<Stop>,
    reporter: &'a Reporter<'a>,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(
        sessions: Sessions<'a>,
        max_waiters: u32,
        stop: watch::Receiver<Stop>,
        reporter: &'a Reporter<'a>,
    ) -> Self {
        Self {
            sessions,
            max_waiters,
            stop,
            reporter,
        }
    }

    /// Nothing new begins once a stop was asked for.
    pub(super) fn may_begin(&self) -> Result<(), Fault> {
        match *self.stop.borrow() {
            Stop::No => Ok(()),
            Stop::AtSafePoint | Stop::Now => {
                Err(Fault::new(Trouble::Interrupted, "held before it began"))
            }
        }
    }

    /// The work's result, or why it was cancelled. Work that ended by itself
    /// just then has its own result.
    ///
    /// # Errors
    /// `ConnectionLost` where it did not end when it was told to.
    pub(super) async fn run<T>(
        &mut self,
        deadline: Duration,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let canceller = self.sessions.step.canceller();
        canceller
            .guarded(async {
                let mut work = pin!(work);
                let end = tokio::select! {
                    biased;
                    result = &mut work => return result,
                    end = self.has_to_end(deadline) => end,
                };
                match canceller.insist(work).await {
                    None => Err(Fault::new(
                        Trouble::ConnectionLost,
                        "no answer after the statement was cancelled",
                    )),
                    Some(Err(fault)) if fault.trouble == Trouble::Cancelled => {
                        Err(explain(end, fault))
                    }
                    Some(result) => result,
                }
            })
            .await
    }

    /// Neither the deadline nor a cancel waits for the control session's answer.
    async fn has_to_end(&mut self, deadline: Duration) -> End {
        let told = told_now(self.stop.clone());
        tokio::select! {
            () = sleep(deadline) => End::Deadline(deadline),
            () = told => End::Told,
            end = self.watch() => end,
        }
    }

    /// The first look comes after a moment: DDL that finds its lock free does
    /// not pay for it.
    async fn watch(&mut self) -> End {
        loop {
            self.rest().await;
            let stop = *self.stop.borrow_and_update();
            let wait = self.look().await;
            self.reporter.wait(wait.as_ref());
            match wait {
                Some(wait) if stop == Stop::AtSafePoint => return End::Held(wait),
                Some(wait) if wait.waiters > self.max_waiters => return End::Waiters(wait),
                _ => {}
            }
        }
    }

    /// Until the next look is due, or the driver says something.
    async fn rest(&mut self) {
        let changed = async {
            if self.stop.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = sleep(GLANCE) => {}
            () = changed => {}
        }
    }

    /// How our request stands. A control session that cannot answer counts
    /// nobody: `lock_timeout` and the deadline still hold.
    async fn look(&self) -> Option<Wait> {
        let pid = self.sessions.step.backend().pid;
        let client = self.sessions.control.client();
        let rows = client
            .query_typed(include_str!("sql/wait.sql"), &[(&pid, Type::INT4)])
            .await
            .inspect_err(|error| {
                let fault = self.sessions.control.describe(error);
                tracing::warn!("waiters behind a step are not counted: {fault}");
            })
            .ok()?;
        let row = rows.first()?;
        let mode: Option<String> = row.get("mode");
        Some(Wait {
            lock: lock::wanted(&mode?, row.get("kind"), row.get("relation")),
            waiters: u32::try_from(row.get::<_, i64>("waiters")).unwrap_or(u32::MAX),
        })
    }
}

/// Ends when whatever runs has to be cancelled.
async fn told_now(mut stop: watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop == Stop::Now).await.is_err() {
        // The driver is gone; whoever owns us drops us.
        pending::<()>().await;
    }
}

/// The server only knows that it was cancelled; we know why.
fn explain(end: End, cancelled: Fault) -> Fault {
    let (trouble, message, hint) = match end {
        End::Deadline(deadline) => (
            Trouble::Deadline,
            format!("cancelled at the deadline of {deadline:?}"),
            Some("work that takes longer wants a `statement_timeout` of its own in the step"),
        ),
        End::Waiters(wait) => (
            Trouble::TooManyWaiters,
            format!(
                "given up: {} sessions queued behind our request for {}",
                wait.waiters, wait.lock
            ),
            None,
        ),
        End::Held(wait) => (
            Trouble::Interrupted,
            format!("held while it waited for {}", wait.lock),
            None,
        ),
        End::Told => (
            Trouble::Interrupted,
            "cancelled on request".to_owned(),
            None,
        ),
    };
    let mut fault = Fault::new(trouble, message);
    fault.hint = hint.map(str::to_owned);
    fault.statement = cancelled.statement;
    fault
}
