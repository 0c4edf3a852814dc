//! One try of one `sql` step.
//!
//! Owns how the operator's statements run: with bounded waits for locks, under
//! a deadline, together with their record; never decides whether there is
//! another try.
//!
//! - `transaction`: everything and its record in one transaction, in one
//!   flight to the server wherever nothing has to be looked at before COMMIT.
//! - `separate`: statements that Postgres refuses inside a transaction.
//! - `supervise`: deadline, stop, and the sessions that queue behind us.
//! - [`record`]: what a transaction leaves, and the proof that it left nothing.

mod definition;
mod index;
mod limits;
mod pipeline;
mod progress;
pub mod record;
mod replication;
mod separate;
mod statement;
mod supervise;
mod timeouts;
mod transaction;

use std::time::Duration;

use tokio::sync::watch;

use super::lease::Lease;
use super::session::Session;
use crate::run::event::{Summary, Task};
use crate::run::fault::Fault;
use crate::run::progress::SqlProgress;
use crate::runbook::{Ddl, SqlAction};
use progress::Reporter;
use supervise::Supervisor;

/// What runs, and what it proves itself with.
#[derive(Debug, Clone)]
pub struct SqlJob {
    /// Checked in every transaction.
    pub lease: Lease,
    /// The task that is recorded.
    pub task: Task,
    /// The phase's attempt, from 1: a part of the receipt's key.
    pub attempt: i32,
    /// The statements and their limits.
    pub action: SqlAction,
    /// Limits where the action has none of its own.
    pub ddl: Ddl,
    /// How a transaction records itself; statements on their own record nothing.
    pub record: Record,
    /// Whether an earlier try may have had an effect: only then is an index
    /// that exists already taken for its leftover.
    pub again: bool,
}

/// How long our own statements around the operator's may take: they wait for
/// nobody, a take-over excepted.
const OURS: Duration = Duration::from_secs(10);

/// Whether statements outside a transaction bear to be run again when nobody
/// knows how far they came: concurrent index builds, which find their leftovers.
pub fn bears_repetition(action: &SqlAction) -> bool {
    let mut statements = action.statements.iter();
    statements.all(|sql| index::Build::of(sql).is_some())
}

/// Where a transaction's record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The journal is in this database: its event.
    Journal,
    /// It is elsewhere: a receipt.
    Receipt,
}

/// The sessions that a try needs, of the same login.
#[derive(Clone, Copy)]
pub struct Sessions<'a> {
    /// Runs the statements. Free again afterwards, unless the fault is
    /// `ConnectionLost` or the future was dropped: close it then.
    pub step: &'a Session,
    /// Looks who waits; opened beforehand, may serve others too.
    pub control: &'a Session,
}

/// What the driver wants of a running step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stop {
    /// Go on.
    #[default]
    No,
    /// A hold: end while it only waits for a lock, and before a further
    /// statement of its own; a statement that runs goes on.
    AtSafePoint,
    /// Cancel whatever runs.
    Now,
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The proof.
    pub summary: Summary,
    /// Whether the synchronous standbys have it, as far as the server wants
    /// any. `false`: committed, and not confirmed within 5 s.
    pub replicated: bool,
}

/// Runs the action once. `report` is called whenever something changes.
///
/// # Errors
/// Classified by what comes next. `ConnectionLost` leaves the outcome unknown:
/// prove the backend gone, then look for the event in the journal or for its
/// receipt ([`record::receipt`]) before another try. `Interrupted` is the answer
/// to `stop`.
pub async fn run(
    sessions: Sessions<'_>,
    job: &SqlJob,
    stop: watch::Receiver<Stop>,
    report: &(dyn Fn(SqlProgress) + Send + Sync),
) -> Result<Done, Fault> {
    let reporter = Reporter::new(job.action.statements.len(), report);
    let mut supervisor = Supervisor::new(sessions, job.ddl.max_waiters, stop, &reporter);
    supervisor.may_begin()?;
    let summary = match job.action.transaction {
        true => transaction::run(sessions.step, job, &mut supervisor, &reporter).await?,
        false => separate::run(sessions.step, job, &mut supervisor, &reporter).await?,
    };
    Ok(Done {
        summary,
        replicated: replication::wait(sessions.step).await,
    })
}
