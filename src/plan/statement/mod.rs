//! Owns what one statement of a runbook does, read from its syntax tree: the
//! lock it takes, the work it does under it, and the names that it makes,
//! changes or takes away; never looks at a catalog.
//!
//! Where the tree does not tell (a DO block, a called function) it says
//! [`Work::Unknown`], never "nothing".

mod alter_table;
mod change;
mod effect;
mod lock;
mod name;

pub use effect::{Effect, NewColumn, NewFunction, NewTrigger};

use squawk_syntax::SourceFile;
use squawk_syntax::ast::AstNode;

use super::{LockMode, Work};
use crate::runbook::TableName;

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The strongest table lock that it takes.
    pub lock: Option<LockMode>,
    /// On which table, as written.
    pub relation: Option<TableName>,
    /// What it does under that lock.
    pub work: Work,
    /// What it changes, in order.
    pub effects: Vec<Effect>,
}

impl Statement {
    /// Reads one statement. A text that does not parse is unknown; loading the
    /// runbook has refused it already.
    pub fn read(sql: &str) -> Self {
        let unknown = Self {
            lock: None,
            relation: None,
            work: Work::Unknown,
            effects: Vec::new(),
        };
        let parse = SourceFile::parse(sql);
        if !parse.errors().is_empty() {
            return unknown;
        }
        let Some(statement) = parse.tree().stmts().next() else {
            return unknown;
        };
        let (lock, work) = lock::taken(&statement);
        Self {
            lock,
            relation: name::relation_of(statement.syntax()),
            work,
            effects: change::effects(&statement),
        }
    }
}

#[cfg(test)]
mod tests;
