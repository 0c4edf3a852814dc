//! Owns what steps and undos do, one type a kind; never does it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backfill::Backfill;

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
