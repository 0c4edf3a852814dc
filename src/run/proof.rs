//! What a finished step leaves as proof in the journal.
//!
//! Owns the shapes; whoever did the work fills them in. Times are in
//! milliseconds, keys are text.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::course::Score;
use super::event::Actor;

/// What a finished step leaves as proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// SQL: rows affected by the last statement, and how long it all took.
    Sql {
        /// Rows affected or returned by the last statement.
        rows: u64,
        /// From the first statement to the commit.
        took_ms: u64,
    },
    /// A backfill.
    Backfill(BackfillSummary),
    /// A comparison.
    Parity(ParitySummary),
    /// A command.
    Exec {
        /// Its exit code.
        exit: i32,
        /// How long it took.
        took_ms: u64,
    },
    /// A person answered yes.
    Answered {
        /// Who.
        by: Actor,
    },
    /// The wait is over.
    Waited {
        /// How long it took.
        took_ms: u64,
    },
    /// Found done by its probe or its receipt, or taken as done by a person.
    Found {
        /// What told.
        how: String,
    },
}

/// What a backfill did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BackfillSummary {
    /// Rows visited by key.
    pub rows_visited: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Chunks committed.
    pub chunks: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Some of them, each its key and its error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<(String, String)>,
    /// Rows that the final sweep visited.
    pub swept: u64,
    /// From the first chunk to the end of the sweep, pauses included.
    pub took_ms: u64,
    /// Time of the step that was not worked, by reason.
    #[serde(default)]
    pub lost_ms: BTreeMap<String, u64>,
    /// From the step's start to its end; what `lost_ms` is a part of.
    #[serde(default)]
    pub whole_ms: u64,
    /// What its ETA promised on the way, and what it was.
    #[serde(default)]
    pub eta: Vec<Score>,
}

/// What a comparison proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParitySummary {
    /// Rows compared.
    pub rows: u64,
    /// Verified share of the rows, 0 to 1: rows that were compared and settled.
    pub coverage: f64,
    /// Differences that a recheck found again.
    pub confirmed: u64,
    /// Rows that changed between every recheck: not verified.
    pub hot: u64,
    /// Some keys of confirmed differences, as text; at most 10.
    #[serde(default)]
    pub samples: Vec<String>,
    /// `pg_current_wal_lsn()` before the first chunk and after the last.
    pub wal: (String, String),
    /// When the comparison ended.
    pub at: Timestamp,
    /// How long it took.
    pub took_ms: u64,
}
