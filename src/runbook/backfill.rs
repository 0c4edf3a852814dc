//! Owns what a backfill walks and what it writes; never does it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::{Chunking, TableName};

/// Most sessions that one backfill may have: more of them fight over the same
/// disk and locks, and take what the application needs.
pub const MAX_WORKERS: u16 = 16;

/// `[phase.step.backfill]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// The table that is walked, as written; schema-qualified where the runbook
    /// says so.
    pub table: TableName,
    /// Its key columns, in the key's order.
    pub key: Vec<String>,
    /// What is written for its rows.
    pub writes: Writes,
    /// The rows that something is written for; with [`Writes::Into`] the others
    /// are absent from every target.
    pub filter: Option<String>,
    /// What a chunk counts.
    pub walk: Walk,
    /// How large a chunk may be.
    pub chunk: Chunking,
    /// Sessions that copy at once, 1 to [`MAX_WORKERS`]; an operator may change
    /// it. Default 1.
    pub workers: u16,
    /// Rows that may fail before the step holds. Default 0.
    pub max_quarantined: u64,
    /// Whether the triggers of the tables that are written may fire.
    pub triggers: Triggers,
    /// Vacuums the walked table between chunks. Default never.
    #[serde(default)]
    pub vacuum: Option<Vacuum>,
}

/// When a backfill's table is vacuumed between chunks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Vacuum {
    /// Above this dead share of its tuples, 0 to 1.
    pub dead_tuples: f64,
}

/// What a backfill writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// In place: column to SQL expression over the row, in file order.
    Set(Vec<(String, String)>),
    /// Into other tables.
    Into(Vec<Target>),
    /// The author's own SQL.
    Custom(Custom),
}

/// A table that rows are copied into.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The table.
    pub table: TableName,
    /// Each column of its key, with the column of the walked table's key that
    /// it holds.
    pub key: Vec<(String, String)>,
    /// Its other columns: each with an SQL expression over the walked row.
    pub set: Vec<(String, String)>,
    /// The rows that belong there; the others are absent on purpose.
    pub filter: Option<String>,
    /// What happens to a row that is there already.
    pub existing: Existing,
}

/// What happens to a target's row that is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// Updated where it differs: the walked table, whose row is locked, is right.
    #[default]
    Update,
    /// Left as it is; only its presence is proved.
    Keep,
}

/// SQL over a stretch of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custom {
    /// The statements, in order, without semicolons. `pgcutover.chunk()` and
    /// `pgcutover.chunk(alias)` stand for the condition that holds for the
    /// stretch's rows, which the author writes as `{{chunk}}` and
    /// `{{chunk:alias}}`.
    pub statements: Vec<String>,
    /// A condition over a row of the walked table that is true where the row
    /// should have been written and was not.
    pub escaped: String,
}

/// How the call that stands for a chunk's condition begins, in
/// [`Custom::statements`]; an alias and a `)` follow.
pub const CHUNK_CALL: &str = "pgcutover.chunk(";

/// What a chunk counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Walk {
    /// Every row of the table, whether something is written for it or not.
    #[default]
    Table,
    /// The rows that match `where` alone, by an index that holds only those.
    Rows,
}

impl Backfill {
    /// The columns that are set in place, each with its expression.
    pub fn set(&self) -> &[(String, String)] {
        match &self.writes {
            Writes::Set(set) => set,
            Writes::Into(_) | Writes::Custom(_) => &[],
        }
    }

    /// The tables that rows are copied into.
    pub fn targets(&self) -> &[Target] {
        match &self.writes {
            Writes::Into(targets) => targets,
            Writes::Set(_) | Writes::Custom(_) => &[],
        }
    }
}

/// Whether triggers of the table that are not ours may fire on the backfill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Triggers {
    /// Refused by `compile` where there is one.
    #[default]
    Refuse,
    /// Acknowledged: they fire; `pgcutover.backfill = on` lets them tell.
    Fire,
}
