//! Owns what a statement changes that later steps have to know: columns,
//! tables, triggers, functions and constraints; never reads or applies it.

use crate::runbook::TableName;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A table is there, with what can be read of its keys.
    CreateTable {
        /// Which.
        table: TableName,
        /// Its columns.
        columns: Vec<NewColumn>,
        /// Columns of each PRIMARY KEY and UNIQUE.
        keys: Vec<Vec<String>>,
    },
    /// A table, view or the like is gone.
    DropRelation(TableName),
    /// A column is there.
    AddColumn(TableName, NewColumn),
    /// A column is gone.
    DropColumn {
        /// Of which table.
        table: TableName,
        /// Which.
        column: String,
        /// With everything that depends on it.
        cascade: bool,
    },
    /// A column has another name: table, from, to.
    RenameColumn(TableName, String, String),
    /// A table has another name.
    RenameTable(TableName, String),
    /// A column is NOT NULL (true) or no longer (false).
    NotNull(TableName, String, bool),
    /// A CHECK is there.
    AddCheck {
        /// On which table.
        table: TableName,
        /// Its name; absent where the server picks one.
        name: Option<String>,
        /// Not NOT VALID.
        valid: bool,
        /// The column, where it says `column IS NOT NULL` and no more.
        not_null: Option<String>,
    },
    /// A constraint is valid.
    Validate(TableName, String),
    /// A constraint is gone.
    DropConstraint(TableName, String),
    /// A plain unique index is there: table, name, columns.
    CreateUniqueIndex(TableName, String, Vec<String>),
    /// An index is gone.
    DropIndex(TableName),
    /// A function is there, or has another body.
    CreateFunction(NewFunction),
    /// A function is gone; of overloaded ones, all.
    DropFunction(TableName),
    /// A trigger is there.
    CreateTrigger(NewTrigger),
    /// A trigger is gone: table, name.
    DropTrigger(TableName, String),
}

/// A column that a statement adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// Its type, as written; `serial` and its kin as the integer behind them.
    pub data_type: String,
    /// NOT NULL, by itself or as the primary key.
    pub not_null: bool,
    /// GENERATED: cannot be set.
    pub generated: bool,
}

/// A function that a statement makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFunction {
    /// Its name.
    pub name: TableName,
    /// Only a trigger can call it.
    pub returns_trigger: bool,
    /// Its body.
    pub body: String,
}

/// A trigger that a statement makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTrigger {
    /// On which table.
    pub table: TableName,
    /// Its name.
    pub name: String,
    /// What it calls.
    pub function: TableName,
    /// Fires on UPDATE.
    pub on_update: bool,
    /// Its text, which may name columns in UPDATE OF and WHEN.
    pub text: String,
}
