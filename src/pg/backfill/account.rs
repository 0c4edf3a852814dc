//! Owns what is told of a backfill: its progress, what its pace has cost, and
//! the proof at its end; never decides anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::book::Book;
use super::range::Part;
use super::site::Site;
use super::worker::Worker;
use crate::pg::keyset::Key;
use crate::run::event::BackfillSummary;
use crate::run::progress::{BackfillProgress, BackfillStage};

/// Called with every new state.
// Not Sync: what borrows it across an await borrows it mutably.
pub(super) type Report = Box<dyn FnMut(BackfillProgress) + Send>;

/// What has been told, and what it is told from.
pub(super) struct Account {
    report: Report,
    newest: BackfillProgress,
    /// To be said with the next state.
    note: Option<String>,
    /// Workers that wait between two chunks.
    waiting: BTreeSet<u16>,
    conflicts: u64,
    lost: BTreeMap<String, Duration>,
    began: Instant,
    age: Duration,
}

impl Account {
    /// Of a backfill whose first chunk is that long ago.
    pub(super) fn new(report: Report, age: Duration, note: Option<String>) -> Self {
        Self {
            report,
            newest: BackfillProgress::default(),
            note,
            waiting: BTreeSet::new(),
            conflicts: 0,
            lost: BTreeMap::new(),
            began: Instant::now(),
            age,
        }
    }

    /// Something to say with the next state.
    pub(super) fn note(&mut self, note: String) {
        self.note = Some(note);
    }

    /// A worker has begun to wait; told once all of so many do.
    pub(super) fn waits(&mut self, number: u16, working: usize) {
        self.waiting.insert(number);
        if self.waiting.len() >= working {
            self.newest.stage = BackfillStage::Waiting;
            (self.report)(self.newest.clone());
        }
    }

    /// One of so many workers has ended its turn.
    pub(super) fn turned(
        &mut self,
        worker: &mut Worker,
        working: usize,
        book: &Book,
        parts: &[Arc<Part>],
        trouble: Option<String>,
    ) {
        let cadence = &mut worker.hand.cadence;
        self.waiting.remove(&worker.hand.number);
        self.conflicts += cadence.take_conflicts();
        // Two workers that rest for a second have lost a second, not two.
        let share = u32::try_from(working).unwrap_or(1).max(1);
        for (reason, lost) in cadence.take_lost() {
            *self.lost.entry(reason).or_default() += lost / share;
        }
        let last_busy = cadence.last_busy();
        let sums = book.sums(parts);
        let estimate = worker.site.estimate(parts);
        let last_key = worker.range.at.last_key.as_ref();
        self.newest = BackfillProgress {
            stage: match worker.bisection {
                Some(_) => BackfillStage::Bisect,
                None => sums.stage,
            },
            rows_total: estimate.max(sums.rows_done),
            chunk_rows: u32::try_from(worker.rows()).unwrap_or(u32::MAX),
            last_chunk: last_busy,
            quarantined: worker.site.quarantined(),
            aside: worker.site.aside(),
            last_key: last_key.map(Key::shown).unwrap_or_default(),
            conflicts: self.conflicts,
            lost_ms: self.lost_ms(),
            workers: u16::try_from(working).unwrap_or(u16::MAX),
            trouble: trouble.or_else(|| self.note.take()),
            ..sums
        };
        (self.report)(self.newest.clone());
    }

    fn lost_ms(&self) -> BTreeMap<String, u64> {
        let ms = |(reason, lost): (&String, &Duration)| (reason.clone(), lost.as_millis() as u64);
        self.lost.iter().map(ms).collect()
    }

    /// What it has done.
    pub(super) fn summary(&self, book: &Book, site: &Site) -> BackfillSummary {
        let sums = book.sums(&[]);
        BackfillSummary {
            rows_visited: sums.rows_done,
            rows_written: sums.rows_written,
            chunks: sums.chunks,
            quarantined: site.quarantined(),
            aside: site.aside(),
            swept: sums.swept,
            took_ms: (self.age + self.began.elapsed()).as_millis() as u64,
            lost_ms: self.lost_ms(),
            ..BackfillSummary::default()
        }
    }
}
