//! Owns what is known of all ranges of a backfill, and the sums over them; never
//! works on one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::range::{Part, Range, Stage};
use crate::run::progress::{BackfillProgress, BackfillStage, PartProgress};

/// Every range, as the database has it.
#[derive(Debug, Default)]
pub(super) struct Book {
    ranges: BTreeMap<i32, Range>,
    /// Those that a worker has.
    taken: BTreeSet<i32>,
    /// Those of which too little is left to cut them.
    whole: BTreeSet<i32>,
}

impl Book {
    pub(super) fn of(ranges: Vec<Range>) -> Self {
        Self {
            ranges: ranges.into_iter().map(|r| (r.number, r)).collect(),
            ..Self::default()
        }
    }

    /// Takes a range in, or its newer state.
    pub(super) fn note(&mut self, range: Range) {
        self.ranges.insert(range.number, range);
    }

    /// What the backfill does: nothing is swept while something is to be copied.
    pub(super) fn stage(&self) -> Stage {
        let stages = self.ranges.values().map(|range| range.at.stage);
        stages.min().unwrap_or(Stage::Done)
    }

    /// The largest range to work on that nobody has; it is taken.
    pub(super) fn take(&mut self) -> Option<Range> {
        let stage = self.stage();
        let mut free: Vec<_> = self
            .ranges
            .values()
            .filter(|range| self.is_free(range, stage))
            .collect();
        free.sort_by_key(|range| range.left());
        let range = free.pop()?.clone();
        self.taken.insert(range.number);
        Some(range)
    }

    fn is_free(&self, range: &Range, stage: Stage) -> bool {
        stage != Stage::Done && range.at.stage == stage && !self.taken.contains(&range.number)
    }

    pub(super) fn has_free(&self) -> bool {
        let stage = self.stage();
        self.ranges.values().any(|range| self.is_free(range, stage))
    }

    /// Its worker has laid it down.
    pub(super) fn lay_down(&mut self, number: i32) {
        self.taken.remove(&number);
    }

    /// It was tried to cut this one, and too little was left.
    pub(super) fn leave_whole(&mut self, number: i32) {
        self.whole.insert(number);
    }

    /// Whether a worker's range is the one to cut for a worker without any: the
    /// one of which most is left.
    pub(super) fn is_to_cut(&self, number: i32) -> bool {
        self.largest() == Some(number)
    }

    /// Whether another worker could find work.
    pub(super) fn can_share(&self) -> bool {
        self.has_free() || self.largest().is_some()
    }

    fn largest(&self) -> Option<i32> {
        let taken = self
            .taken
            .iter()
            .filter_map(|number| self.ranges.get(number));
        let worth = taken.filter(|range| !self.whole.contains(&range.number));
        let largest = worth.max_by_key(|range| range.left())?;
        (largest.left() > 0).then_some(largest.number)
    }

    /// Whether there is a range of that part.
    pub(super) fn knows(&self, part: &Part) -> bool {
        self.ranges.values().any(|range| range.part.oid == part.oid)
    }

    /// The counts of all ranges, those of each part where there are several.
    pub(super) fn sums(&self, parts: &[Arc<Part>]) -> BackfillProgress {
        let sum = |of: fn(&Range) -> u64| self.ranges.values().map(of).sum();
        let stage = match self.stage() {
            Stage::Copy => BackfillStage::Copy,
            Stage::Sweep | Stage::Done => BackfillStage::Sweep,
        };
        BackfillProgress {
            stage,
            rows_done: sum(|range| range.at.rows_visited),
            rows_written: sum(|range| range.at.rows_written),
            chunks: sum(|range| range.at.chunks),
            swept: sum(|range| range.at.rows_swept),
            parts: match parts {
                [] | [_] => Vec::new(),
                parts => parts.iter().map(|part| self.part(part)).collect(),
            },
            ..BackfillProgress::default()
        }
    }

    fn part(&self, part: &Part) -> PartProgress {
        let ranges = || {
            let all = self.ranges.values();
            all.filter(|range| range.part.oid == part.oid)
        };
        let done: u64 = ranges().map(|range| range.at.rows_visited).sum();
        PartProgress {
            name: crate::text::clean(&part.name.name).into_owned(),
            rows_done: done,
            rows_total: part.rows.unwrap_or(0).max(done),
            swept: ranges().map(|range| range.at.rows_swept).sum(),
            done: ranges().all(|range| range.at.stage == Stage::Done),
            copied: ranges().all(|range| range.at.stage != Stage::Copy),
        }
    }
}
