//! The plan: a runbook compiled against the live catalog.
//!
//! Owns the immutable, hashed list of what will run; no choices are left in
//! it. It is stored in the run's first event and never compiled again.
//! `catalog` is what compile looks at, `compile` makes the plan, `sql` is the
//! only place where an identifier becomes SQL text.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::sha256_hex;
use crate::runbook::{
    Action, Compatible, Connection, ConnectionId, Cutover, Ddl, Enter, Gate, GateId, Guard,
    PhaseId, Probe, Reversal, Role, RoleId, Step, StepId, TableName, Window,
};

pub mod catalog;
pub mod compile;
#[cfg(test)]
pub(crate) mod fixture;
mod preflight;
pub mod sql;
pub mod statement;

pub use preflight::Preflight;

/// What will run, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is hashed: everything that decides what runs.
    #[serde(flatten)]
    pub body: Body,
    /// What compile saw; not part of the hash, because it changes by the hour.
    pub observed: Observed,
}

/// The part of a plan that its hash covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// [`crate::runbook::FORMAT`] of the runbook.
    pub format: u32,
    /// Hash of the runbook's file and of every SQL file that it includes.
    pub runbook_hash: String,
    /// What is being cut over.
    pub cutover: Cutover,
    /// Connections in file order.
    pub connections: Vec<Connection>,
    /// Where the journal lives.
    pub journal: ConnectionId,
    /// Who may do what.
    pub roles: Vec<Role>,
    /// When starting something is allowed.
    pub window: Option<Window>,
    /// How DDL behaves around locks.
    pub ddl: Ddl,
    /// Conditions evaluated all the time.
    pub guards: Vec<Guard>,
    /// The phases, in order.
    pub phases: Vec<Phase>,
}

/// A phase with nothing left to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub id: PhaseId,
    /// The role that answers for it.
    pub owner: Option<RoleId>,
    /// For the people at the wheel.
    pub notes: Option<String>,
    /// Whether a person has to cross into it.
    pub enter: Enter,
    /// Holds an irreversible step.
    pub point_of_no_return: bool,
    /// Versions of applications that work while the run is in it; every phase
    /// names the same applications.
    pub compatible: Compatible,
    /// Its steps, in order.
    pub steps: Vec<PlannedStep>,
    /// The phase's own rollback, in order; absent: the undos of the started
    /// steps in reverse.
    pub rollback: Option<Vec<PlannedStep>>,
    /// Its gates.
    pub gates: Vec<Gate>,
}

/// A step with its statements' locks known and its table resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The runbook's step.
    #[serde(flatten)]
    pub step: Step,
    /// The table of a backfill or parity step, as the catalog has it.
    pub table: Option<Table>,
    /// What each statement of the action does to others, in order.
    pub forecast: Vec<Forecast>,
    /// The same for the undo.
    pub undo_forecast: Vec<Forecast>,
}

impl PlannedStep {
    /// Its name.
    pub fn id(&self) -> &StepId {
        &self.step.id
    }

    /// What it does.
    pub fn action(&self) -> &Action {
        &self.step.action
    }

    /// How it goes back.
    pub fn reversal(&self) -> &Reversal {
        &self.step.reversal
    }

    /// The probe that tells whether it has been done.
    pub fn done_when(&self) -> Option<&Probe> {
        self.step.done_when.as_ref()
    }
}

/// A table resolved in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The key's columns, in the unique index's order.
    pub key: Vec<KeyColumn>,
    /// The columns that a backfill sets, in the runbook's order; empty for a
    /// comparison.
    #[serde(default)]
    pub set: Vec<SetColumn>,
    /// The targets of a copy, in the runbook's order: each with its own key, in
    /// the order of the runbook's pairs, and the columns that it is given.
    #[serde(default)]
    pub into: Vec<Table>,
}

impl Table {
    /// Its name with its schema.
    pub fn full_name(&self) -> TableName {
        TableName {
            schema: Some(self.schema.clone()),
            name: self.name.clone(),
        }
    }
}

/// A column of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// Its type as `format_type` gives it, such as `bigint`.
    pub data_type: String,
    /// Its collation and that collation's version, where it has one.
    pub collation: Option<String>,
}

/// A column that a backfill sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetColumn {
    /// Its name.
    pub name: String,
    /// Its type as SQL text: from the catalog, or from the ADD COLUMN of an
    /// earlier step.
    pub data_type: String,
}

/// What one statement does to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The statement, verbatim.
    pub sql: String,
    /// The strongest table lock that it takes.
    pub lock: Option<LockMode>,
    /// On which table; `None` where it takes no table lock or the tree does
    /// not tell (a DO block, a function call).
    pub relation: Option<TableName>,
    /// Whether the table is scanned or rewritten under that lock.
    pub work: Work,
}

/// How much a statement does under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The catalog alone: instant once the lock is there.
    Catalog,
    /// Reads the whole table.
    Scan,
    /// Writes the whole table anew.
    Rewrite,
    /// Rows, by its WHERE.
    Rows,
    /// The tree does not tell.
    Unknown,
}

/// Postgres' table lock modes, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// SELECT.
    AccessShare,
    /// SELECT FOR UPDATE and kin.
    RowShare,
    /// INSERT, UPDATE, DELETE.
    RowExclusive,
    /// VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY, VALIDATE.
    ShareUpdateExclusive,
    /// CREATE INDEX.
    Share,
    /// CREATE TRIGGER, ADD FOREIGN KEY.
    ShareRowExclusive,
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY.
    Exclusive,
    /// Most ALTER TABLE, DROP, TRUNCATE.
    AccessExclusive,
}

impl LockMode {
    /// As the manual writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }
}

/// What compile saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// When.
    pub at: Timestamp,
    /// The server behind each connection.
    pub servers: BTreeMap<ConnectionId, ServerIdentity>,
    /// Estimated size of each table that a statement names, by its text.
    pub tables: BTreeMap<String, TableSize>,
    /// What each backfill in place will cost.
    #[serde(default)]
    pub costs: BTreeMap<StepId, Preflight>,
    /// What the author should know: what goes with a dropped column, accepted
    /// faults, triggers that the backfill fires.
    pub notices: Vec<Notice>,
}

/// Tells servers apart; a physical copy shares the identifier, hence the start time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerIdentity {
    /// `server_version_num`.
    pub version_num: u32,
    /// `current_database()`.
    pub database: String,
    /// `pg_control_system().system_identifier`, where the role may read it.
    pub system_identifier: Option<String>,
    /// `pg_control_checkpoint().timeline_id`, where the role may read it.
    pub timeline: Option<u32>,
    /// `pg_postmaster_start_time()`.
    pub started: Timestamp,
}

/// Size by the catalog's own estimate: no lock is taken to get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    /// `reltuples`; absent before the first ANALYZE.
    pub rows: Option<u64>,
    /// `relpages` times the block size.
    pub bytes: u64,
    /// Its indexes; of a partitioned table, of the partition that has most.
    #[serde(default)]
    pub indexes: u32,
    /// Their `relpages` times the block size.
    #[serde(default)]
    pub index_bytes: u64,
    /// Percent of a page that inserts fill; 100 unless the table says otherwise.
    #[serde(default = "filled")]
    pub fillfactor: u8,
}

fn filled() -> u8 {
    100
}

impl TableSize {
    /// Without indexes, its pages full.
    pub fn plain(rows: Option<u64>, bytes: u64) -> Self {
        Self {
            rows,
            bytes,
            indexes: 0,
            index_bytes: 0,
            fillfactor: filled(),
        }
    }
}

/// Something that the author should know before signing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The step that it is about.
    pub step: Option<StepId>,
    /// Stable code, such as `goes-with-column`.
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// Where a step stands in a plan.
#[derive(Debug, Clone, Copy)]
pub struct StepPlace<'a> {
    /// Index of its phase.
    pub phase: usize,
    /// The step.
    pub step: &'a PlannedStep,
    /// Whether it belongs to the phase's own rollback.
    pub in_rollback: bool,
}

impl Plan {
    /// SHA-256 over the body's canonical JSON, in hex: what a reviewer signs.
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(&self.body).expect("a plan's body is plain data");
        sha256_hex([json.as_slice()])
    }

    /// The phases, in order.
    pub fn phases(&self) -> &[Phase] {
        &self.body.phases
    }

    /// The connection of that name; a plan holds every one that it names.
    pub fn connection(&self, id: &ConnectionId) -> Option<&Connection> {
        self.body.connections.iter().find(|c| &c.id == id)
    }

    /// Finds a step, those of phase rollbacks included.
    pub fn step(&self, id: &StepId) -> Option<StepPlace<'_>> {
        self.phases().iter().enumerate().find_map(|(phase, p)| {
            let place = |in_rollback| {
                move |step| StepPlace {
                    phase,
                    step,
                    in_rollback,
                }
            };
            let forward = p.steps.iter().find(|s| s.id() == id).map(place(false));
            forward.or_else(|| {
                let mut back = p.rollback.iter().flatten();
                back.find(|s| s.id() == id).map(place(true))
            })
        })
    }

    /// Finds a gate and the index of its phase.
    pub fn gate(&self, id: &GateId) -> Option<(usize, &Gate)> {
        self.phases().iter().enumerate().find_map(|(index, phase)| {
            let gate = phase.gates.iter().find(|gate| &gate.id == id)?;
            Some((index, gate))
        })
    }

    /// The role of that name.
    pub fn role(&self, id: &RoleId) -> Option<&Role> {
        self.body.roles.iter().find(|role| &role.id == id)
    }
}
