//! Owns the exact comparison of two sides of the same rows; never writes, and
//! never decides what a difference means.
//!
//! One short statement per chunk sees both sides in one snapshot, so writes
//! that go on are no differences, and the xmin horizon is never held for
//! longer than a chunk. A difference is a suspect until further looks settle
//! it (see `suspects`).
//!
//! A verdict is of one pass: after a crash or a stop the comparison starts
//! again, because rows compared an hour ago prove little about now. Finding
//! differences is not a fault, it is what the comparison is for.

use tokio::sync::watch;

use super::cadence::Control;
use super::session::Session;
use crate::plan::Table;
use crate::run::event::ParitySummary;
use crate::run::fault::Fault;
use crate::run::progress::ParityProgress;
use crate::runbook::Parity;

mod comparison;
mod suspects;
mod tally;

/// One comparison.
#[derive(Debug, Clone)]
pub struct Job {
    /// The table, with the types of its key.
    pub table: Table,
    /// What to compare.
    pub spec: Parity,
    /// The catalog's estimate; the end of the progress bar.
    pub rows_estimate: u64,
}

/// How it ended, short of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// Every row has been compared, whatever was found.
    Done(ParitySummary),
    /// At the end of a chunk, on request; it starts again when run again.
    Stopped,
}

/// Compares on a session of [`super::session::Purpose::Parity`], read-only,
/// until it is done or told to stop. `progress` is called after every chunk.
/// Dropping the future cancels the statement that runs.
///
/// # Errors
/// By [`crate::run::fault::Trouble`]: a conflict means that every try of one
/// chunk met one; `Row` that an expression fails on some row; after
/// `ConnectionLost` open another session and start again.
pub async fn run(
    session: Session,
    job: Job,
    control: watch::Receiver<Control>,
    progress: impl FnMut(ParityProgress) + Send + 'static,
) -> Result<Ended, Fault> {
    let report = Box::new(progress);
    let comparison = comparison::Comparison::open(session, job, control, report).await?;
    comparison.run().await
}
