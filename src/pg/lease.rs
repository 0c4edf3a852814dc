//! Owns the proof of leading that a writing transaction carries; never takes a lease.

use crate::run::event::RunId;

/// Checked by `pgcutover.fence` in every writing transaction: a lead that has
/// been replaced cannot commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// (timeline, epoch, random), as the lease's row has it.
    pub token: String,
}
