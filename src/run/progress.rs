//! How far running work has come: replaceable, lossy, never in the journal.
//!
//! Owns the shapes that a running effect reports; the newest one wins.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a running task last said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// SQL.
    Sql(SqlProgress),
    /// A backfill.
    Backfill(BackfillProgress),
    /// A comparison.
    Parity(ParityProgress),
    /// A command.
    Exec {
        /// The newest line of its output, clean.
        line: String,
    },
}

/// How SQL stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlProgress {
    /// The statement that runs, from 0.
    pub statement: usize,
    /// How many there are.
    pub of: usize,
    /// The lock that it waits for, where it waits.
    pub waits_for: Option<String>,
    /// Sessions that queue behind our waiting request.
    pub waiters: u32,
}

/// How a backfill stands. Counts are of the whole step, resumes included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BackfillProgress {
    /// What it does.
    pub stage: BackfillStage,
    /// Rows visited by key.
    pub rows_done: u64,
    /// Estimated rows of the table; the bar's end.
    pub rows_total: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Chunks committed.
    pub chunks: u64,
    /// Rows that the next chunk visits.
    pub chunk_rows: u32,
    /// How long the last chunk took.
    pub last_chunk: Duration,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Rows swept.
    pub swept: u64,
    /// The last key visited, as text; clean.
    pub last_key: Vec<String>,
    /// Conflicts (lock, deadlock, timeout) so far.
    pub conflicts: u64,
    /// Time taken off the pace in this process, in milliseconds by reason.
    pub lost_ms: BTreeMap<String, u64>,
    /// The conflict or failure that the last chunk met, where it met one.
    pub trouble: Option<String>,
    /// What was last said of the vacuums between chunks; clean.
    #[serde(default)]
    pub vacuum: Option<String>,
    /// Sessions that work on it, or wait between two chunks.
    #[serde(default)]
    pub workers: u16,
    /// The rows in quarantine, newest first, each its key and its error; clean,
    /// at most [`ASIDE_SHOWN`].
    #[serde(default)]
    pub aside: Vec<(String, String)>,
    /// Each partition by itself, in the order of their names; empty where the
    /// table has none.
    #[serde(default)]
    pub parts: Vec<PartProgress>,
}

/// Rows in quarantine that are shown one by one.
pub const ASIDE_SHOWN: usize = 10;

/// How a backfill stands in one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartProgress {
    /// Its name; clean.
    pub name: String,
    /// Rows visited by key.
    pub rows_done: u64,
    /// Estimated rows.
    pub rows_total: u64,
    /// Rows swept.
    pub swept: u64,
    /// Every row is copied.
    pub copied: bool,
    /// Every row is swept too.
    pub done: bool,
}

/// What a backfill does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillStage {
    /// Copies chunk by chunk.
    #[default]
    Copy,
    /// Isolates a row that fails.
    Bisect,
    /// The final pass over the whole table.
    Sweep,
    /// Stopped at the end of a chunk, on request.
    Waiting,
}

/// How a comparison stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParityProgress {
    /// Rows visited by key.
    pub rows_done: u64,
    /// Estimated rows of the table.
    pub rows_total: u64,
    /// Differences seen so far, settled ones included.
    pub suspects: u64,
    /// Differences that a recheck found again.
    pub confirmed: u64,
    /// Rows that changed between every recheck.
    pub hot: u64,
    /// Rows compared a second, lately.
    pub rows_per_second: f64,
}
