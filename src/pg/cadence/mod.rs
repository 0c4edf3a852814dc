//! Owns the rhythm of work that goes chunk by chunk: how large the next chunk
//! is, when it may begin, and how patient it is with conflicts; never runs one.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use crate::run::fault::{Fault, Trouble};
use crate::runbook::Chunking;

mod backoff;
mod pace;
mod sizer;

pub use backoff::Backoff;
pub use pace::{Control, Pacer, Pass, rest};
pub(in crate::pg) use sizer::OVERRUN;
pub use sizer::Sizer;

/// Size, pace and patience of one worker.
#[derive(Debug)]
pub struct Cadence {
    sizer: Sizer,
    pacer: Pacer,
    backoff: Backoff,
    last_busy: Duration,
    conflicts: u64,
}

impl Cadence {
    /// Begins with a chunk of that many rows.
    pub fn new(limits: Chunking, rows: u32, control: watch::Receiver<Control>) -> Self {
        Self {
            sizer: Sizer::new(limits, rows),
            pacer: Pacer::new(control),
            backoff: Backoff::default(),
            last_busy: Duration::ZERO,
            conflicts: 0,
        }
    }

    /// Rows that the next chunk visits.
    pub fn rows(&self) -> u32 {
        self.sizer.rows()
    }

    /// Begins with that many rows, unless it has learnt already what fits.
    pub fn resize(&mut self, rows: u32) {
        self.sizer.resize(rows);
    }

    /// How long the last chunk took.
    pub fn last_busy(&self) -> Duration {
        self.last_busy
    }

    /// Conflicts met since this was last asked.
    pub fn take_conflicts(&mut self) -> u64 {
        std::mem::take(&mut self.conflicts)
    }

    /// [`Pacer::take_lost`].
    pub fn take_lost(&mut self) -> BTreeMap<String, Duration> {
        self.pacer.take_lost()
    }

    /// [`Pacer::pass`], after the last chunk.
    pub async fn pass(&mut self, waits: impl FnMut()) -> Pass {
        self.pacer.pass(self.last_busy, waits).await
    }

    /// Takes the duration of a chunk's work as a measure for the next size.
    pub fn learn(&mut self, visited: u64, took: Duration) {
        self.sizer.learn(visited, took);
    }

    /// A chunk went through in that time.
    pub fn done(&mut self, busy: Duration) {
        self.last_busy = busy;
        self.backoff.reset();
    }

    /// [`Pacer::back_off`].
    pub async fn back_off(&mut self, delay: Duration) -> Pass {
        self.pacer.back_off(delay).await
    }

    /// A chunk met a fault. Where trying again may help the chunk shrinks, and
    /// this waits before the next try.
    ///
    /// # Errors
    /// The fault itself where trying again cannot help, or not any more.
    pub async fn conflict(&mut self, fault: Fault) -> Result<Pass, Fault> {
        if !is_conflict(&fault) {
            return Err(fault);
        }
        self.conflicts += 1;
        self.sizer.halve();
        match self.backoff.wait() {
            Some(delay) => Ok(self.pacer.back_off(delay).await),
            None => Err(fault),
        }
    }
}

/// Whether the same session may simply try again: a lock, a timeout, a
/// deadlock. A cancel by somebody else looks like a timeout and is treated so.
pub(in crate::pg) fn is_conflict(fault: &Fault) -> bool {
    use Trouble::{Cancelled, Deadline, Deadlock, LockTimeout, Serialization};
    matches!(
        fault.trouble,
        LockTimeout | Deadlock | Serialization | Cancelled | Deadline
    )
}
