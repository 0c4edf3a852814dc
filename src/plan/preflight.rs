//! What a backfill in place will cost, by the catalog: log, growth, time.
//!
//! Owns the estimate; never claims more than a range. What it rests on:
//!
//! - The rows and pages of the last VACUUM or ANALYZE; every row is taken to
//!   match `where`, and to be of average width.
//! - An update is HOT, and spares the indexes, where no index covers a column
//!   that is set and the page has room: `fillfactor` leaves some, dead rows that
//!   were pruned leave more. A full table's first rewrite is hardly ever HOT.
//! - WAL of a row: a record of the new version, and one for each index where it
//!   is not HOT (sizes by `pg_waldump` on tables of ours). After a checkpoint the
//!   first change of each page writes the page as a whole: at best never, at
//!   worst once for every page of the table and of its indexes.
//! - Growth: each row leaves a dead version until a vacuum; at best half of the
//!   room is used again meanwhile.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::TableSize;
use super::catalog::Relation;
use crate::runbook::{Backfill, Writes};

/// Header and page references of the WAL record of an update, in bytes.
const RECORD: (f64, f64) = (80.0, 160.0);
/// The same of an entry in an index, its key included.
const ENTRY: (f64, f64) = (64.0, 140.0);
/// Bytes that a new value adds to its row: a flag at least, a short text at most.
const VALUE: (f64, f64) = (0.0, 40.0);
/// Pages of an index that grows at its right end or splits in the middle.
const SPLIT: f64 = 2.0;
/// Rows a second that one worker visits at full pace, from a laptop's wide table
/// with indexes to a server's narrow one in memory.
const RATE: (f64, f64) = (3_000.0, 120_000.0);

/// What the estimate rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Rows of the table.
    pub rows: u64,
    /// Pages of the table, in bytes.
    pub heap: u64,
    /// Its indexes.
    pub indexes: u32,
    /// Their pages, in bytes.
    pub index_bytes: u64,
    /// Percent of a page that inserts fill.
    pub fillfactor: u8,
    /// Columns to be set that an index covers: no update of theirs is HOT.
    pub indexed: Vec<String>,
    /// Columns that are set.
    pub columns: u32,
    /// Sessions that copy at once.
    pub workers: u16,
    /// Dead share, in percent, that a vacuum between chunks keeps it below.
    pub vacuum: Option<u8>,
}

impl Preflight {
    /// Of a backfill in place whose table has been counted.
    pub fn of(relation: &Relation, spec: &Backfill) -> Option<Self> {
        let Writes::Set(set) = &spec.writes else {
            return None;
        };
        let TableSize {
            rows,
            bytes,
            indexes,
            index_bytes,
            fillfactor,
        } = relation.size;
        let covered = |name: &&String| {
            relation.dependents.iter().any(|dependent| {
                let keeps_order = matches!(dependent.kind.as_str(), "index" | "table constraint");
                keeps_order && dependent.column == **name
            })
        };
        let names = set.iter().map(|(name, _)| name);
        Some(Self {
            rows: rows?,
            heap: bytes,
            indexes,
            index_bytes,
            fillfactor,
            indexed: names.filter(covered).cloned().collect(),
            columns: u32::try_from(set.len()).unwrap_or(u32::MAX),
            workers: spec.workers,
            vacuum: spec.vacuum.map(|v| (v.dead_tuples * 100.0) as u8),
        })
    }

    /// Share of the updates that are HOT, at worst and at best.
    pub fn hot(&self) -> (f64, f64) {
        if !self.indexed.is_empty() {
            return (0.0, 0.0);
        }
        let filled = f64::from(self.fillfactor.clamp(10, 100)) / 100.0;
        let room = ((1.0 - filled) / filled).min(1.0);
        // Room that deletes and pruning have made since does not show here.
        (room * 0.5, (room + 0.3).min(1.0))
    }

    /// Write-ahead log, in bytes.
    pub fn wal(&self) -> RangeInclusive<u64> {
        let rows = self.rows as f64;
        let width = self.width();
        let indexes = f64::from(self.indexes);
        let (cold_least, cold_most) = (1.0 - self.hot().1, 1.0 - self.hot().0);
        // Of a HOT update on the same page only what differs is logged.
        let least = RECORD.0 + cold_least * (width + indexes * ENTRY.0);
        let most = RECORD.1 + width + self.values(VALUE.1) + cold_most * indexes * ENTRY.1;
        let pages = self.heap as f64 + cold_most * SPLIT * self.index_bytes as f64;
        bytes(rows * least, rows * most + pages)
    }

    /// Growth of the table and its indexes on disk, in bytes.
    pub fn growth(&self) -> RangeInclusive<u64> {
        let heap = self.heap as f64;
        let (cold_least, cold_most) = (1.0 - self.hot().1, 1.0 - self.hot().0);
        let new = self.rows as f64 * self.values(VALUE.1);
        let mut dead = heap * cold_most + new;
        if let Some(percent) = self.vacuum {
            let share = f64::from(percent.clamp(1, 99)) / 100.0;
            // What dies while a vacuum is on its way comes on top.
            dead = dead.min(heap * (2.0 * share / (1.0 - share)).max(0.1) + new);
        }
        let indexes = cold_most * SPLIT * self.index_bytes as f64;
        let least = heap * cold_least * 0.5;
        bytes(least.min(dead), dead * 1.1 + indexes)
    }

    /// Time for copy and sweep at full pace, in seconds.
    pub fn seconds(&self) -> RangeInclusive<u64> {
        let rows = self.rows as f64;
        let cold = 1.0 - self.hot().1;
        let slower = 1.0 + 0.3 * cold * f64::from(self.indexes);
        let best = RATE.1 * f64::from(self.workers.max(1)) / slower;
        bytes(rows / best, rows / (RATE.0 / slower.sqrt()))
    }

    /// Bytes of a row, its page's share included.
    fn width(&self) -> f64 {
        self.heap as f64 / (self.rows.max(1)) as f64
    }

    fn values(&self, each: f64) -> f64 {
        f64::from(self.columns) * each
    }
}

fn bytes(least: f64, most: f64) -> RangeInclusive<u64> {
    least as u64..=(most.ceil() as u64).max(least as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Preflight = Preflight {
        rows: 1_000_000,
        heap: 100_000_000,
        indexes: 2,
        index_bytes: 40_000_000,
        fillfactor: 100,
        indexed: Vec::new(),
        columns: 1,
        workers: 1,
        vacuum: None,
    };

    #[test]
    fn an_index_on_the_new_column_costs_and_room_on_the_page_saves() {
        let indexed = Preflight {
            indexed: vec!["email".into()],
            ..TABLE
        };
        let roomy = Preflight {
            fillfactor: 50,
            ..TABLE
        };
        assert!(indexed.wal().start() > TABLE.wal().start());
        assert!(roomy.wal().start() < TABLE.wal().start());
        assert!(roomy.growth().end() < TABLE.growth().end());
        assert_eq!(roomy.growth().start(), &0);
    }

    #[test]
    fn a_vacuum_bounds_the_growth() {
        let vacuumed = Preflight {
            vacuum: Some(10),
            ..TABLE
        };
        assert!(vacuumed.growth().end() < TABLE.growth().end());
    }

    #[test]
    fn every_range_is_one_whatever_the_table() {
        for rows in [0, 1, 10_000_000_000] {
            for fillfactor in [0, 10, 70, 100, 255] {
                for workers in [0, 1, 16] {
                    let table = Preflight {
                        rows,
                        fillfactor,
                        workers,
                        ..TABLE
                    };
                    for range in [table.wal(), table.growth(), table.seconds()] {
                        assert!(range.start() <= range.end(), "{table:?}");
                    }
                }
            }
        }
    }
}
