//! Owns the typed shapes of phases, steps and gates; never judges a value.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, DoneWhen, Entries, Quantity};
use crate::runbook::{Enter, Existing, Triggers, Walk};

/// A stretch between two boundaries.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phase {
    /// In the namespace of phases, steps, gates and guards.
    pub(crate) id: At<String>,
    /// The role that answers for it.
    pub(crate) owner: Option<At<String>>,
    /// For the people at the wheel.
    pub(crate) notes: Option<At<String>>,
    /// `"person"` advances into it (the default), or it begins by itself, `"auto"`.
    pub(crate) enter: Option<At<Enter>>,
    /// Whether it holds an irreversible step. Default: false.
    pub(crate) point_of_no_return: Option<At<bool>>,
    /// Versions of applications that work while the run is in it, such as `{ shop = ">= 2.0" }`: what `status --deploy` answers from.
    #[serde(default)]
    pub(crate) compatible: Entries<String>,
    /// Its steps, in order.
    #[serde(default)]
    pub(crate) step: Vec<At<Step>>,
    /// The phase's rollback; without it the started steps are undone in reverse.
    pub(crate) rollback: Option<Vec<At<Step>>>,
    /// Conditions at its boundaries, or after a step.
    #[serde(default)]
    pub(crate) gate: Vec<At<Gate>>,
}

/// One action of a phase: exactly one of `sql`, `backfill`, `parity`, `exec`, `manual`, `wait`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// In the namespace of phases, steps, gates and guards.
    pub(crate) id: At<String>,
    /// A connection. Default: the first.
    pub(crate) on: Option<At<String>>,
    /// Runs SQL.
    pub(crate) sql: Option<At<Sql>>,
    /// Rewrites rows in keyset chunks.
    pub(crate) backfill: Option<At<Backfill>>,
    /// Compares old and new, row by row.
    pub(crate) parity: Option<At<Parity>>,
    /// Runs a command.
    pub(crate) exec: Option<At<Exec>>,
    /// Asks a person.
    pub(crate) manual: Option<At<Manual>>,
    /// Waits.
    pub(crate) wait: Option<At<Wait>>,
    /// How it goes back: exactly one of its sub-tables. Derived for plain additive DDL.
    pub(crate) undo: Option<At<Undo>>,
    /// Why it may stay, instead of an undo.
    pub(crate) keep: Option<At<String>>,
    /// What is lost; only in a phase with `point_of_no_return = true`.
    pub(crate) irreversible: Option<At<String>>,
    /// Tells whether it has been done.
    pub(crate) done_when: Option<At<DoneWhen>>,
    /// Faults of its SQL that are accepted here: code to reason.
    #[serde(default)]
    pub(crate) accept: Entries<String>,
}

/// What takes a step back: exactly one of its fields.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// Runs SQL.
    pub(crate) sql: Option<At<Sql>>,
    /// Runs a command.
    pub(crate) exec: Option<At<Exec>>,
    /// Asks a person.
    pub(crate) manual: Option<At<Manual>>,
}

/// SQL, from `run` or from `file`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sql {
    /// The statements.
    pub(crate) run: Option<At<String>>,
    /// A file of statements, relative to the runbook.
    pub(crate) file: Option<At<String>>,
    /// In one transaction with the step's event, or each statement by itself. Default: true.
    pub(crate) transaction: Option<bool>,
    /// A duration, instead of `ddl.lock_timeout`. An index built, dropped or rebuilt CONCURRENTLY waits for every older transaction: without one of its own it may wait as long as it may run.
    pub(crate) lock_timeout: Option<At<String>>,
    /// A duration, on the server; also replaces `ddl.deadline` for long statements such as VALIDATE. Default for an index CONCURRENTLY: `"1h"`.
    pub(crate) statement_timeout: Option<At<String>>,
    /// What the last statement has to give.
    pub(crate) expect: Option<At<SqlExpect>>,
    /// Tells whether the step has been done.
    pub(crate) done_when: Option<At<DoneWhen>>,
}

/// What the last statement has to give: exactly one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlExpect {
    /// That many rows affected or returned.
    pub(crate) rows: Option<u64>,
    /// One row, whose first column reads so, as text.
    pub(crate) value: Option<At<String>>,
}

/// Writes rows in keyset chunks: exactly one of `set`, `into` and `run`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backfill {
    /// The table.
    pub(crate) table: At<String>,
    /// The columns of a unique key, in its order.
    pub(crate) key: Vec<At<String>>,
    /// In place: column to SQL expression over the row.
    pub(crate) set: Option<At<Entries<String>>>,
    /// Copies into other tables.
    pub(crate) into: Option<At<Vec<At<Target>>>>,
    /// The author's own SQL, with `{{chunk}}` for the condition on the chunk's rows.
    pub(crate) run: Option<At<String>>,
    /// With `run`: an SQL condition that is true for a row that was not written and should have been.
    pub(crate) escaped: Option<At<String>>,
    /// An SQL condition: the rows that something is written for.
    #[serde(rename = "where")]
    pub(crate) filter: Option<At<String>>,
    /// What a chunk counts: every row, `"table"` (the default), or those that match `where`, `"rows"`, by an index of their own.
    pub(crate) walk: Option<At<Walk>>,
    /// How large a chunk may be.
    pub(crate) chunk: Option<At<Chunk>>,
    /// Sessions that copy at once, 1 to 16; an operator may change it. Default: 1.
    pub(crate) workers: Option<At<u16>>,
    /// Rows that may fail before the step holds. Default: 0.
    pub(crate) max_quarantined: Option<At<u64>>,
    /// Whether the table's own triggers may fire: `"refuse"` (the default) or `"fire"`.
    pub(crate) triggers: Option<Triggers>,
    /// In place: vacuums the table between chunks, to bound its growth. Default: never.
    pub(crate) vacuum: Option<At<Vacuum>>,
}

/// When a backfill's table is vacuumed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vacuum {
    /// Above this dead share of its tuples, such as 0.2 or `"20%"`.
    pub(crate) dead_tuples: At<Quantity>,
}

/// A table that rows are copied into.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// The table.
    pub(crate) table: At<String>,
    /// Column of its unique key to column of the walked table's key.
    pub(crate) key: At<Entries<String>>,
    /// Its other columns: column to SQL expression over the walked row.
    #[serde(default)]
    pub(crate) set: Entries<String>,
    /// An SQL condition over the walked row: the rows that belong there. The others have to be absent.
    #[serde(rename = "where")]
    pub(crate) filter: Option<At<String>>,
    /// A row that is there already is made right, `"update"` (the default), or left alone, `"keep"`.
    pub(crate) existing: Option<Existing>,
}

/// Limits of a chunk.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chunk {
    /// The duration that its size is steered towards. Default: `"200ms"`.
    pub(crate) target: Option<At<String>>,
    /// Rows visited, at least. Default: 100.
    pub(crate) min: Option<At<u32>>,
    /// Rows visited, at most. Default: 50,000.
    pub(crate) max: Option<At<u32>>,
}

/// A comparison of old and new data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parity {
    /// Old and new in one row.
    pub(crate) same_row: Option<At<SameRow>>,
}

/// Old and new in one row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SameRow {
    /// The table.
    pub(crate) table: At<String>,
    /// The columns of a unique key, in its order.
    pub(crate) key: Vec<At<String>>,
    /// SQL expression of the old side.
    pub(crate) left: At<String>,
    /// SQL expression of the new side.
    pub(crate) right: At<String>,
    /// An SQL condition that rows have to meet to be compared.
    #[serde(rename = "where")]
    pub(crate) filter: Option<At<String>>,
    /// How large a chunk may be.
    pub(crate) chunk: Option<At<Chunk>>,
}

/// A command, without a shell, at least once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exec {
    /// Program and arguments.
    pub(crate) run: At<Vec<At<String>>>,
    /// How long it may take. Default: `"30s"`.
    pub(crate) timeout: Option<At<String>>,
    /// Environment variables passed on to it, by name, besides PATH, HOME, LANG and TMPDIR.
    #[serde(default)]
    pub(crate) env: Vec<At<String>>,
    /// What it has to give. Default: exit code 0.
    pub(crate) expect: Option<ExecExpect>,
    /// Tells whether the step has been done.
    pub(crate) done_when: Option<At<DoneWhen>>,
}

/// What a command has to give.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecExpect {
    /// Its exit code. Default: 0.
    pub(crate) exit: Option<i32>,
    /// A text that its standard output has to contain.
    pub(crate) output: Option<At<String>>,
}

/// A question that a person answers with yes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manual {
    /// The question.
    pub(crate) ask: At<String>,
}

/// Waits for a time, or until a query says true.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// A duration: for that long.
    #[serde(rename = "for")]
    pub(crate) span: Option<At<String>>,
    /// Until the boolean query gives true.
    pub(crate) until: Option<At<String>>,
    /// How often the query is asked. Default: `"2s"`.
    pub(crate) every: Option<At<String>>,
    /// After this the step fails. Default: `"10m"`.
    pub(crate) timeout: Option<At<String>>,
}

/// A condition at a boundary, or after a step: exactly one of `sql`, `parity`,
/// `signoff`, `soak`, `window`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    /// In the namespace of phases, steps, gates and guards.
    pub(crate) id: At<String>,
    /// `"entry"`, `"exit"` (the default), or `"after STEP"`.
    pub(crate) at: Option<At<String>>,
    /// A boolean query; true is GO, false NO-GO, NULL or no row INCONCLUSIVE.
    pub(crate) sql: Option<At<SqlGate>>,
    /// What a parity step has found.
    pub(crate) parity: Option<At<ParityGate>>,
    /// People answer.
    pub(crate) signoff: Option<At<Signoff>>,
    /// Observed GO time.
    pub(crate) soak: Option<At<Soak>>,
    /// True: the runbook's window is open.
    pub(crate) window: Option<At<bool>>,
    /// Whether a role with `waive` may open it with a reason. Default: true.
    pub(crate) waivable: Option<bool>,
    /// Time between two samples. Default: `"2s"`.
    pub(crate) every: Option<At<String>>,
}

/// A boolean query.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlGate {
    /// The query.
    pub(crate) query: At<String>,
    /// A connection. Default: the first.
    pub(crate) on: Option<At<String>>,
}

/// What a parity step has to have found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParityGate {
    /// The parity step.
    pub(crate) check: At<String>,
    /// Verified share of the rows, 0 to 1, at least. Default: 1.0.
    pub(crate) coverage: Option<At<f64>>,
    /// Confirmed mismatches, at most. Default: 0.
    pub(crate) confirmed: Option<At<u64>>,
    /// Age of the verdict, at most. Default: `"2h"`.
    pub(crate) max_age: Option<At<String>>,
}

/// Whose answers are wanted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signoff {
    /// Roles; every one of them has to say GO.
    pub(crate) seats: At<Vec<At<String>>>,
    /// How long an answer counts. Default: `"24h"`.
    pub(crate) valid_for: Option<At<String>>,
}

/// How much observed GO time is wanted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Soak {
    /// A duration: how much of it.
    #[serde(rename = "for")]
    pub(crate) span: At<String>,
    /// Gates and guards whose trouble begins it anew.
    #[serde(default)]
    pub(crate) resets_on: Vec<At<String>>,
}
