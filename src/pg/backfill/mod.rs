//! Owns the backfill: copies a table's rows in keyset chunks and proves that
//! none escaped; never decides its pace.
//!
//! A chunk is one short transaction, in two round trips:
//!
//! ```text
//! BEGIN; fence; UPDATE of the stretch      | the rows, fenced by the lease
//! checkpoint; COMMIT; bound of the next    | how far it got, with the rows
//! ```
//!
//! The table, or each of its partitions, is a range of keys with a checkpoint of
//! its own. Workers take ranges; a worker that finds none has the largest one
//! cut in two. Any number of them may go on where others stopped.
//!
//! | stage of a range | a chunk | ends |
//! |---|---|---|
//! | copy | visits rows by key, writes those that match the filter | behind the last row |
//! | sweep | reads rows that should be written and are not | behind the last row, or at the first that escaped |
//! | done | | |
//!
//! No range is swept before all are copied: a row whose key moves it from one
//! that is not copied into one that is swept would escape.
//!
//! Resuming is the ordinary way to begin: the checkpoints say where. Three
//! kinds of failure are told apart. A *conflict* (lock, deadlock, timeout) is
//! tried again, smaller and later. A *row* that fails is isolated by bisection
//! and set aside. Everything else is the caller's: reconnect and run again, or
//! ask a person.
//!
//! Rows that arrive while it runs are the dual-write's. That is why the walk
//! may end where the table ended when it looked, and why the sweep comes after.

use tokio::sync::watch;

use super::cadence::Control;
use super::lease::Lease;
use super::session::Session;
use crate::plan::Table;
use crate::run::again::Again;
use crate::run::event::BackfillSummary;
use crate::run::fault::Fault;
use crate::run::progress::BackfillProgress;
use crate::runbook::{Backfill, StepId};

mod account;
mod bisection;
mod book;
mod copy;
mod crew;
mod cut;
mod identity;
mod ledger;
mod range;
mod retry;
mod served;
mod site;
mod sweep;
mod vacuum;
mod worker;

/// Rows of the first chunk of all: its cost a row is not known yet.
const FIRST_CHUNK: u32 = 1000;

/// One backfill to begin or to go on with.
#[derive(Clone)]
pub struct Job {
    /// Who may write.
    pub lease: Lease,
    /// The step.
    pub step: StepId,
    /// Of the phase, from 1: another attempt starts from the low end again.
    pub attempt: i32,
    /// 0, then the number of the rerun; -1 is the undo.
    pub round: i32,
    /// Which rows.
    pub what: Again,
    /// The table, with the types of its key and of the columns to set.
    pub table: Table,
    /// What to write.
    pub spec: Backfill,
    /// The catalog's estimate; the end of the progress bar.
    pub rows_estimate: u64,
}

/// How it ended, short of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// Every row is written, and the sweep found none that escaped.
    Done(BackfillSummary),
    /// At the end of a chunk, on request; running the same job goes on there.
    Stopped,
}

/// Runs a backfill from its checkpoints on, until it is done or told to stop.
/// `open` gives sessions of [`super::session::Purpose::Backfill`], one for each
/// worker that the control wants. `progress` is called after every chunk and
/// when all have begun to wait. Dropping the future cancels the statements that
/// run.
///
/// # Errors
/// By [`crate::run::fault::Trouble`]: after `ConnectionLost` or `Unavailable`
/// run the same job again; `LeaseLost` ends this lead's work; a conflict means
/// that every try of one chunk met one; `Row` that more rows failed than may;
/// `Unexpected` that rows escaped the dual-write.
pub async fn run<F, S>(
    open: F,
    job: Job,
    control: watch::Receiver<Control>,
    progress: impl FnMut(BackfillProgress) + Send + 'static,
) -> Result<Ended, Fault>
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Future<Output = Result<Session, Fault>> + Send + 'static,
{
    let open: crew::Open = Box::new(move || Box::pin(open()));
    if job.what == Again::Quarantined {
        return retry::run(open().await?, job, control, Box::new(progress)).await;
    }
    let Some(vacuum) = job.spec.vacuum else {
        let crew = crew::Crew::gather(open, job, control, Box::new(progress));
        return crew.await?.run().await;
    };
    let (table, limit) = (job.table.clone(), vacuum.dead_tuples);
    let keeper = vacuum::Keeper::new(open().await?, table, limit, control).await?;
    let (keeper, control, said) = keeper;
    let progress = vacuum::with_words(said, progress);
    let crew = crew::Crew::gather(open, job, control, Box::new(progress)).await?;
    tokio::select! {
        ended = crew.run() => ended,
        never = keeper.keep() => match never {},
    }
}
