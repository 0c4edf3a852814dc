//! The runbook: validated types of the operator's TOML file.
//!
//! Owns what a runbook *means*; never reads a file, an environment variable
//! or a catalog. `raw` holds what was typed (serde shapes with spans), `lower`
//! turns it into these types and reports all faults at once, `diagnostic`
//! renders them. SQL in here is text after variable substitution, verbatim
//! otherwise; nothing has been checked against a database yet (that is
//! [`crate::plan`]).

mod codes;
mod diagnostic;
pub mod ident;
mod lower;
mod raw;
mod source;
mod sql;
mod toml_string;
mod tree;

pub use codes::codes;
pub use diagnostic::{Diagnostic, Severity};
pub use lower::{Loaded, load};
pub use source::{FileId, Files, Place, RUNBOOK, Sources};

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};


/// The version of the runbook format that this program reads.
pub const FORMAT: u32 = 1;

/// Codes of `plan::compile` that a step's `accept` may name, besides those of
/// the SQL lints.
pub const COMPILE_HAZARDS: &[&str] = &[
    "column-in-use",
    "publication-carries-journal",
    "published-column",
    "unknown-table",
];

/// Declares a newtype over a validated name.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name that has been validated already.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as written in the runbook.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// Names a connection, `[connections.NAME]`.
    ConnectionId
);
name!(
    /// Names a standby of a connection.
    StandbyId
);
name!(
    /// Names a role, `[roles]`: a seat that may have to sign.
    RoleId
);
name!(
    /// Names a phase. Ids of phases, steps, gates and guards share one namespace.
    PhaseId
);
name!(
    /// Names a step, within the shared namespace.
    StepId
);
name!(
    /// Names a gate, within the shared namespace.
    GateId
);
name!(
    /// Names a guard, within the shared namespace.
    GuardId
);

/// A runbook whose every reference resolves and whose every rule holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    /// SHA-256, in hex, over the file and every SQL file that it includes.
    pub hash: String,
    /// What is being cut over.
    pub cutover: Cutover,
    /// Connections in file order; the first is the default of `on`.
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
    /// The phases, in the order in which they run.
    pub phases: Vec<Phase>,
}

/// `[cutover]`: the identity of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutover {
    /// Short id, typed by hand at a point of no return.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it does and what to do in doubt, for someone who has never seen it.
    pub summary: String,
    /// Shown in the identity row; `[environments.NAME]` may replace it.
    pub environment: String,
    /// Where people talk.
    pub channel: Option<String>,
}

/// `[connections.NAME]`: how to reach one database. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name.
    pub id: ConnectionId,
    /// Where the address comes from.
    pub source: ConnectionSource,
    /// What must be true of the server behind it.
    pub expect: Expect,
    /// Its standbys, by name; one that vanishes is GONE.
    pub standbys: Vec<Standby>,
}

/// Where a connection's parameters come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionSource {
    /// The name of an environment variable that holds a URL or a key-value DSN.
    UrlEnv(String),
    /// A service in `pg_service.conf`.
    Service(String),
    /// libpq's environment variables (`PGHOST` and so on) alone.
    Environment,
}

/// What must be true of a server before anything runs there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// `current_database()`.
    pub database: Option<String>,
    /// Not in recovery (`true`) or in recovery (`false`).
    pub primary: Option<bool>,
}

/// One standby of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// Its name; also the `application_name` it replicates under, unless
    /// `application_name` says otherwise.
    pub id: StandbyId,
    /// The `application_name` in `pg_stat_replication`.
    pub application_name: String,
    /// How to read the heartbeat there; without it the heartbeat is unknown.
    pub source: Option<ConnectionSource>,
}

/// `[roles]`: who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name, the seat.
    pub id: RoleId,
    /// Database roles, or roles that they belong to.
    pub members: Vec<String>,
    /// What its members may do.
    pub can: Vec<Permission>,
    /// How to reach them.
    pub contact: Option<String>,
}

/// What a role may do beyond hold, which everyone may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Advance through a boundary, release a hold, pause, pace, answer manual steps.
    Advance,
    /// Open a gate that is not GO, with a reason.
    Waive,
    /// Roll back and unwind.
    Rollback,
    /// Sign for the seat.
    Sign,
}

/// `[window]`: when starting something is allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Weekly spans in local time.
    pub allow: Vec<WeeklySpan>,
    /// IANA name of the time zone that the spans are in.
    pub tz: String,
    /// What it holds back; never a rollback.
    pub applies_to: Vec<WindowScope>,
    /// Whole days on which it is closed, whatever `allow` says.
    pub freeze: Vec<Freeze>,
}

/// What a closed window holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowScope {
    /// Crossing a boundary.
    Advance,
    /// Starting a step that runs SQL.
    Ddl,
}

/// Days of a week and a span of local time in each, such as `Tue-Thu 09:00-16:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklySpan {
    /// Days, Monday = 1 to Sunday = 7.
    pub days: Vec<u8>,
    /// Minutes since local midnight, inclusive.
    pub from_minute: u16,
    /// Minutes since local midnight, exclusive; 1440 is midnight at the end.
    pub to_minute: u16,
}

/// Days on which the window is closed, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// First day.
    pub from: jiff::civil::Date,
    /// Last day.
    pub to: jiff::civil::Date,
    /// Shown with WINDOW CLOSED.
    pub why: String,
}

/// `[ddl]`: how statements that take strong locks behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ddl {
    /// Per lock, on the server. Default 300 ms.
    pub lock_timeout: Duration,
    /// For the whole statement, on the client, enforced by a cancel request:
    /// `lock_timeout` counts per lock. Default 3 s.
    pub deadline: Duration,
    /// Attempts after the first. Default 20.
    pub retry_max: u32,
    /// Between attempts, before jitter. Default 5 s.
    pub retry_every: Duration,
    /// Our request is given up when more sessions than this queue behind it. Default 3.
    pub max_waiters: u32,
}

impl Default for Ddl {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(300),
            deadline: Duration::from_secs(3),
            retry_max: 20,
            retry_every: Duration::from_secs(5),
            max_waiters: 3,
        }
    }
}

/// `[[guard]]`: a condition evaluated all the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// Its name.
    pub id: GuardId,
    /// Time between two readings.
    pub every: Duration,
    /// What is measured.
    pub signal: Signal,
    /// Takes off the pace in proportion to the excess.
    pub throttle: Option<Threshold>,
    /// Takes the whole pace; ends by itself below `until_below`.
    pub stall: Option<Stall>,
    /// Holds the run; only a person releases it.
    pub hold: Option<Threshold>,
    /// What an absent reading does.
    pub no_data: NoData,
}

/// A measured signal. Later issues add more kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The worst replay lag of the expected standbys, as time.
    ReplicationLag,
}

/// `{ above = "10s", for = "3s" }`: the one language of thresholds. Values of
/// durations are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Trips when the value is greater than this.
    pub above: f64,
    /// How long it has to stay there first.
    pub hold_for: Duration,
}

/// A threshold with hysteresis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// When it begins.
    pub at: Threshold,
    /// Below this it ends. Default: the `above`.
    pub until_below: f64,
}

/// What an absent reading does: unknown is not healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoData {
    /// Absent for this long: stall. Default at once.
    pub stall: Duration,
    /// Absent for this long: hold. Default 60 s.
    pub hold: Duration,
}

impl Default for NoData {
    fn default() -> Self {
        Self {
            stall: Duration::ZERO,
            hold: Duration::from_secs(60),
        }
    }
}

/// `[[phase]]`: a stretch between two boundaries.
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
    /// Holds an irreversible step; only such a phase may.
    pub point_of_no_return: bool,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The phase's rollback, where given; otherwise its started steps are
    /// undone in reverse.
    pub rollback: Option<Vec<Step>>,
    /// Its gates.
    pub gates: Vec<Gate>,
}

/// How a phase begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enter {
    /// A person advances.
    #[default]
    Person,
    /// After three GO samples in a row of its boundary's gates. Refused into
    /// a point of no return.
    Auto,
}

/// `[[phase.step]]`: one action of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Where it runs.
    pub on: ConnectionId,
    /// What it does.
    pub action: Action,
    /// How it goes back.
    pub reversal: Reversal,
    /// Tells whether it has been done, where only the world can say.
    pub done_when: Option<Probe>,
    /// Faults that the author accepts here: code to reason.
    pub accept: BTreeMap<String, String>,
}

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
    /// Sessions that copy at once. One for now.
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

/// How a step goes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// Given in the file.
    Undo(Box<Action>),
    /// Derived from plain additive DDL; shown in the plan.
    Derived(Box<Action>),
    /// Stays, for this reason.
    Keep(String),
    /// Cannot go back: what is lost.
    Irreversible(String),
    /// Changes nothing.
    Nothing,
}

impl Reversal {
    /// The action that takes the step back, where there is one.
    pub fn undo(&self) -> Option<&Action> {
        match self {
            Self::Undo(action) | Self::Derived(action) => Some(action),
            Self::Keep(_) | Self::Irreversible(_) | Self::Nothing => None,
        }
    }
}

/// `[[phase.gate]]`: a condition at a boundary, or after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub id: GateId,
    /// Where it stands.
    pub at: At,
    /// What it asks.
    pub condition: Condition,
    /// Whether a role with `waive` may open it with a reason. Default true.
    pub waivable: bool,
    /// Time between two samples. Default 2 s.
    pub every: Duration,
}

/// Where a gate stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Before the phase is entered.
    Entry,
    /// Before the phase is left.
    #[default]
    Exit,
    /// Behind a step: the next step waits for it.
    After(StepId),
}

/// What a gate asks. Later issues add kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A boolean query; true is GO, false NO-GO, NULL or no row INCONCLUSIVE.
    Sql {
        /// The query.
        query: String,
        /// Where it is asked.
        on: ConnectionId,
    },
    /// What a parity step has found.
    Parity(ParityGate),
    /// People answer.
    Signoff {
        /// Every one of them has to say GO.
        seats: Vec<RoleId>,
        /// How long an answer counts.
        valid_for: Duration,
    },
    /// Observed GO time of other gates and guards.
    Soak {
        /// How much of it.
        duration: Duration,
        /// Gates and guards whose trouble begins it anew.
        resets_on: Vec<String>,
    },
    /// The runbook's window is open.
    Window,
}

/// `parity = { check, coverage, confirmed, max_age }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParityGate {
    /// The parity step.
    pub check: StepId,
    /// Verified share of the rows, 0 to 1, at least.
    pub coverage: f64,
    /// Confirmed mismatches, at most.
    pub confirmed: u64,
    /// Age of the verdict, at most.
    pub max_age: Duration,
}
