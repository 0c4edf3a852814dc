//! The runbook: validated types of the operator's TOML file.
//!
//! Owns what a runbook *means*; never reads a file, an environment variable
//! or a catalog. `raw` holds what was typed (serde shapes with spans), `lower`
//! turns it into these types and reports all faults at once, `diagnostic`
//! renders them. SQL in here is text after variable substitution, verbatim
//! otherwise; nothing has been checked against a database yet (that is
//! [`crate::plan`]).

mod action;
mod backfill;
mod codes;
mod compatible;
mod cutover;
mod diagnostic;
mod gate;
mod guard;
pub mod ident;
mod ids;
mod lower;
mod phase;
mod raw;
mod schema;
mod source;
mod sql;
mod toml_string;
mod tree;
pub mod unit;

pub use action::*;
pub use backfill::*;
pub use codes::{COMPILE_HAZARDS, codes};
pub use compatible::{Compatible, parse_version};
pub use cutover::*;
pub use diagnostic::{Diagnostic, Severity};
pub use gate::*;
pub use guard::*;
pub use ids::*;
pub use lower::{Loaded, load, parse_duration};
pub use phase::*;
pub use schema::{schema, schema_value};
pub use source::{FileId, Files, Place, RUNBOOK, Sources};

use serde::{Deserialize, Serialize};

/// The version of the runbook format that this program reads.
pub const FORMAT: u32 = 1;

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
