//! Owns what steps and undos do, one type a kind; never does it.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most sessions that one backfill may have: more of them fight over the same
/// disk and locks, and take what the application needs.
pub const MAX_WORKERS: u16 = 16;

/// What a step or an undo does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Runs SQL.
    Sql(SqlAction),
    /// Rewrites rows in keyset chunks.
    Backfill(Backfill),
    /// Compares old and new, row by row.
    Parity(Parity),
    /// Runs a command.
    Exec(Exec),
    /// Asks a person.
    Manual(Manual),
    /// Waits.
    Wait(Wait),
}

impl Action {
    /// The sub-table's name: `sql`, `backfill`, `parity`, `exec`, `manual` or `wait`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sql(_) => "sql",
            Self::Backfill(_) => "backfill",
            Self::Parity(_) => "parity",
            Self::Exec(_) => "exec",
            Self::Manual(_) => "manual",
            Self::Wait(_) => "wait",
        }
    }

    /// Whether it changes something that an undo would have to take back.
    pub fn mutates(&self) -> bool {
        matches!(self, Self::Sql(_) | Self::Backfill(_) | Self::Exec(_))
    }
}

/// `[phase.step.sql]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlAction {
    /// The statements, in order, each without its semicolon.
    pub statements: Vec<String>,
    /// The file that they came from, relative to the runbook.
    pub file: Option<String>,
    /// In one transaction together with the step's event (the default), or
    /// each by itself.
    pub transaction: bool,
    /// Instead of `[ddl] lock_timeout`.
    pub lock_timeout: Option<Duration>,
    /// On the server; also replaces `[ddl] deadline` for long statements
    /// such as VALIDATE.
    pub statement_timeout: Option<Duration>,
    /// What the last statement has to give.
    pub expect: Option<SqlExpect>,
}

/// What the last statement of a `sql` step has to give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqlExpect {
    /// That many rows affected or returned.
    Rows(u64),
    /// One row, whose first column reads so, as text.
    Value(String),
}

/// `[phase.step.backfill]`: in place, one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// The table, as written; schema-qualified where the runbook says so.
    pub table: TableName,
    /// Its key columns, in the key's order.
    pub key: Vec<String>,
    /// Column to SQL expression over the row, in file order.
    pub set: Vec<(String, String)>,
    /// Applies in the UPDATE alone.
    pub filter: Option<String>,
    /// How large a chunk may be.
    pub chunk: Chunking,
    /// Sessions that copy at once, 1 to [`MAX_WORKERS`]; an operator may change
    /// it. Default 1.
    pub workers: u16,
    /// Rows that may fail before the step holds. Default 0.
    pub max_quarantined: u64,
    /// Whether the table's triggers may fire.
    pub triggers: Triggers,
}

/// A table's name as the runbook gives it, each part unquoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// Its schema; absent means by the search path.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Limits of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// The duration that the size is steered towards. Default 200 ms.
    pub target: Duration,
    /// Rows visited, at least. Default 100.
    pub min: u32,
    /// Rows visited, at most. Default 50,000.
    pub max: u32,
}

impl Default for Chunking {
    fn default() -> Self {
        Self {
            target: Duration::from_millis(200),
            min: 100,
            max: 50_000,
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

/// `[phase.step.parity.same_row]`: old and new in one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// The table.
    pub table: TableName,
    /// Its key columns, in the key's order.
    pub key: Vec<String>,
    /// SQL expression of the old side.
    pub left: String,
    /// SQL expression of the new side.
    pub right: String,
    /// Rows that are not compared: an SQL condition that has to hold.
    pub filter: Option<String>,
    /// How large a chunk may be.
    pub chunk: Chunking,
}

/// `[phase.step.exec]`: a command, at least once, with an idempotency key in
/// `PGCUTOVER_IDEMPOTENCY_KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Program and arguments; no shell.
    pub run: Vec<String>,
    /// How long it may take. Default 30 s.
    pub timeout: Duration,
    /// Environment variables passed on to it, by name, besides PATH, HOME,
    /// LANG and TMPDIR.
    pub env: Vec<String>,
    /// What it has to give.
    pub expect: ExecExpect,
}

/// What a command has to give.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExecExpect {
    /// Its exit code. Default 0.
    pub exit: i32,
    /// A text that its standard output has to contain.
    pub output: Option<String>,
}

/// `[phase.step.manual]`: a question that a person answers with yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    /// The question.
    pub ask: String,
}

/// `[phase.step.wait]`: for a time, or until a query says true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// For that long.
    For(Duration),
    /// Until the boolean query gives true; the step fails after the timeout.
    Until {
        /// The query.
        query: String,
        /// How often it is asked.
        every: Duration,
        /// How long it may take.
        timeout: Duration,
    },
}

/// `done_when`: a boolean query, or a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// True means done.
    Query(String),
    /// Exit code 0 means done, 1 not done, anything else unknown.
    Command(Exec),
}
