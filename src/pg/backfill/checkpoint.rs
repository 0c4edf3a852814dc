//! Owns how far a backfill has come; never decides how far to go, nor writes it
//! down.

use std::time::Duration;

use tokio_postgres::Row;

use crate::pg::keyset::{Key, count};
/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Writes rows.
    Copy,
    /// Proves that none escaped.
    Sweep,
    /// Nothing is left.
    Done,
}

impl Stage {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Sweep => "sweep",
            Self::Done => "done",
        }
    }

    /// A word that nobody here writes is an earlier or later version's: the
    /// checkpoint is void then.
    fn of(word: &str) -> Option<Self> {
        [Self::Copy, Self::Sweep, Self::Done]
            .into_iter()
            .find(|stage| stage.word() == word)
    }
}

/// How far it has come, resumes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) stage: Stage,
    /// Of this stage: visited up to and including it.
    pub(super) last_key: Option<Key>,
    pub(super) rows_visited: u64,
    pub(super) rows_written: u64,
    pub(super) rows_swept: u64,
    pub(super) chunks: u64,
    /// The size that the next chunk starts from.
    pub(super) chunk_rows: u32,
    pub(super) busy: Duration,
}

impl Checkpoint {
    /// Nothing done yet.
    pub(super) fn start(chunk_rows: u32) -> Self {
        Self {
            stage: Stage::Copy,
            last_key: None,
            rows_visited: 0,
            rows_written: 0,
            rows_swept: 0,
            chunks: 0,
            chunk_rows,
            busy: Duration::ZERO,
        }
    }

    /// The same with the next stage at the low end of the table.
    pub(super) fn entering(&self, stage: Stage) -> Self {
        Self {
            stage,
            last_key: None,
            ..self.clone()
        }
    }

    /// None for a stage that this version does not know.
    pub(super) fn of(row: &Row) -> Option<Self> {
        Some(Self {
            stage: Stage::of(row.get("stage"))?,
            last_key: row.get::<_, Option<Vec<String>>>("last_key").map(Key),
            rows_visited: count(row, "rows_visited"),
            rows_written: count(row, "rows_written"),
            rows_swept: count(row, "rows_swept"),
            chunks: count(row, "chunks"),
            chunk_rows: row.get::<_, i32>("chunk_rows").unsigned_abs(),
            busy: Duration::from_millis(count(row, "busy_ms")),
        })
    }
}
