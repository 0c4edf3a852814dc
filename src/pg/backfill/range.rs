//! Owns a range of keys and how far its work has come; never decides how far to
//! go, nor writes it down.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;

use crate::pg::keyset::{Key, count};
use crate::runbook::TableName;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// A table without partitions, or one partition: what is walked by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its oid: a name may be another table's tomorrow.
    pub(super) oid: i64,
    pub(super) name: TableName,
    /// The catalog's estimate.
    pub(super) rows: Option<u64>,
}

/// Rows of one part between two keys. Ranges of a part are disjoint and cover
/// it: the outermost have an open end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    /// Unique within the round.
    pub(super) number: i32,
    pub(super) part: Arc<Part>,
    /// Exclusive.
    pub(super) low: Option<Key>,
    /// Inclusive.
    pub(super) high: Option<Key>,
    pub(super) at: Checkpoint,
}

/// How far it has come, resumes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) stage: Stage,
    /// Of this stage: visited up to and including it.
    pub(super) last_key: Option<Key>,
    /// An estimate of the whole range; absent where nobody knows.
    pub(super) rows_expected: Option<u64>,
    pub(super) rows_visited: u64,
    pub(super) rows_written: u64,
    pub(super) rows_swept: u64,
    pub(super) chunks: u64,
    /// The size that the next chunk starts from.
    pub(super) chunk_rows: u32,
    pub(super) busy: Duration,
    /// Times that it was saved: the next save wants to be the one after.
    pub(super) saves: i64,
}

impl Range {
    /// Nothing done yet.
    pub(super) fn start(number: i32, part: &Arc<Part>, ends: [Option<Key>; 2], chunk: u32) -> Self {
        let [low, high] = ends;
        let whole = low.is_none() && high.is_none();
        Self {
            number,
            part: Arc::clone(part),
            low,
            high,
            at: Checkpoint {
                stage: Stage::Copy,
                last_key: None,
                rows_expected: part.rows.filter(|_| whole),
                rows_visited: 0,
                rows_written: 0,
                rows_swept: 0,
                chunks: 0,
                chunk_rows: chunk,
                busy: Duration::ZERO,
                saves: 0,
            },
        }
    }

    /// From a row of `checkpoint_load.sql`. None for a stage that this version
    /// does not know.
    pub(super) fn of(row: &Row, part: &Arc<Part>) -> Option<Self> {
        let key = |column| row.get::<_, Option<Vec<String>>>(column).map(Key);
        let expected: Option<i64> = row.get("rows_expected");
        Some(Self {
            number: row.get("range"),
            part: Arc::clone(part),
            low: key("low"),
            high: key("high"),
            at: Checkpoint {
                stage: Stage::of(row.get("stage"))?,
                last_key: key("last_key"),
                rows_expected: expected.map(i64::unsigned_abs),
                rows_visited: count(row, "rows_visited"),
                rows_written: count(row, "rows_written"),
                rows_swept: count(row, "rows_swept"),
                chunks: count(row, "chunks"),
                chunk_rows: row.get::<_, i32>("chunk_rows").unsigned_abs(),
                busy: Duration::from_millis(count(row, "busy_ms")),
                saves: row.get("saves"),
            },
        })
    }

    /// What the next chunk is behind.
    pub(super) fn after(&self) -> Option<&Key> {
        self.at.last_key.as_ref().or(self.low.as_ref())
    }

    /// Rows that this stage has not visited, by the estimate; what nobody knows
    /// is taken for a lot.
    pub(super) fn left(&self) -> u64 {
        let done = match self.at.stage {
            Stage::Copy => self.at.rows_visited,
            Stage::Sweep | Stage::Done => self.at.rows_swept,
        };
        let expected = self.at.rows_expected.unwrap_or(u64::MAX);
        expected.saturating_sub(done)
    }
}

impl Checkpoint {
    /// The same with the next stage at the low end of the range; what the copy
    /// counted is what the sweep expects.
    pub(super) fn entering(&self, stage: Stage) -> Self {
        Self {
            stage,
            last_key: None,
            rows_expected: Some(self.rows_visited),
            ..self.clone()
        }
    }
}
