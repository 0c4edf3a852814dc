//! The catalog: what compile looks at, as plain data.
//!
//! Owns the shapes and the look-ups in them; never asks a server (that is
//! `pg::introspect`), so that a test can write one by hand. It holds the
//! tables that the runbook names, and what hangs on them.

use serde::{Deserialize, Serialize};

use super::{ServerIdentity, TableSize};
use crate::runbook::TableName;

/// One database, as far as a runbook is concerned with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The server.
    pub server: ServerIdentity,
    /// `pg_is_in_recovery()`: a standby.
    pub in_recovery: bool,
    /// `current_schemas(true)`: where a name without a schema is looked for.
    pub search_path: Vec<String>,
    /// The tables, views and the like that the runbook names and that exist.
    pub relations: Vec<Relation>,
    /// Functions of the tables' triggers, and those whose body holds the name
    /// of one of the tables.
    pub functions: Vec<Function>,
    /// Publications of the database.
    pub publications: Vec<Publication>,
    /// Logical replication slots of the database that decode by `pgoutput`:
    /// so many subscribers.
    pub subscribers: u32,
}

/// A relation and what hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// The catalog's estimate, partitions included.
    pub size: TableSize,
    /// Other tables inherit from it (partitions do not count).
    pub has_children: bool,
    /// Row-level security hides rows from the role that looked.
    pub row_security: bool,
    /// What identifies a row to a subscriber.
    pub replica_identity: ReplicaIdentity,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its unique indexes.
    pub unique_indexes: Vec<UniqueIndex>,
    /// Its triggers, those of constraints left out.
    pub triggers: Vec<Trigger>,
    /// Its CHECK constraints.
    pub checks: Vec<Check>,
    /// What depends on one of its columns.
    pub dependents: Vec<Dependent>,
}

/// `relkind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// An ordinary table, or a partition.
    Table,
    /// A partitioned table.
    Partitioned,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A foreign table.
    Foreign,
}

/// `relreplident`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaIdentity {
    /// The primary key, where there is one.
    Default,
    /// Nothing: UPDATE and DELETE are refused once the table is published.
    Nothing,
    /// The whole row.
    Full,
    /// A unique index.
    Index,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as `format_type` gives it under `search_path = pg_catalog`:
    /// SQL text that means the same under any search path.
    pub data_type: String,
    /// Its collation and that collation's version, such as `pg_catalog."de-x-icu" 153.120`.
    pub collation: Option<String>,
    /// NOT NULL.
    pub not_null: bool,
    /// GENERATED, or an identity column GENERATED ALWAYS: cannot be set.
    pub generated: bool,
    /// Has a default.
    pub has_default: bool,
    /// Privileges were granted on the column itself.
    pub has_grants: bool,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueIndex {
    /// Its name.
    pub name: String,
    /// Its key columns in order, INCLUDE left out; empty where it is over
    /// expressions.
    pub columns: Vec<String>,
    /// Belongs to the primary key.
    pub primary: bool,
    /// Built to its end: false after a concurrent build that was cut off.
    pub valid: bool,
    /// Enforced at once, not at the end of a transaction.
    pub immediate: bool,
    /// Covers a part of the rows alone.
    pub partial: bool,
    /// Orders as the bare columns do: their collations, the types' default
    /// operators, all columns in one direction.
    pub plain_order: bool,
    /// Is the table's replica identity.
    pub replica_identity: bool,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The function's schema and name.
    pub function: (String, String),
    /// When it fires.
    pub enabled: Enabled,
    /// Fires on UPDATE.
    pub on_update: bool,
    /// Fires on UPDATE of these columns alone; empty means of any.
    pub update_of: Vec<String>,
}

/// `tgenabled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enabled {
    /// In the origin's sessions, and so in ours.
    Origin,
    /// In sessions that replicate alone.
    Replica,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A CHECK constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Known to hold for every row.
    pub valid: bool,
    /// The column, where the constraint says `column IS NOT NULL` and no more.
    pub not_null: Option<String>,
}

/// Something that depends on a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// The column.
    pub column: String,
    /// What it is, in the words of `pg_identify_object`: `view`, `index`,
    /// `table constraint`, `default value`, `trigger`.
    pub kind: String,
    /// Its schema and name, where it has such.
    pub name: Option<TableName>,
    /// How `pg_identify_object` tells it from all others.
    pub identity: String,
    /// DROP COLUMN is refused while it is there, unless CASCADE drops it too;
    /// otherwise it goes along silently.
    pub blocks: bool,
}

/// A function and its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Only a trigger can call it.
    pub returns_trigger: bool,
    /// `prosrc`.
    pub body: String,
}

/// A publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Its name.
    pub name: String,
    /// FOR ALL TABLES.
    pub all_tables: bool,
    /// FOR TABLES IN SCHEMA, from 15 on.
    pub schemas: Vec<String>,
    /// FOR TABLE, as far as the runbook's tables go.
    pub tables: Vec<PublishedTable>,
}

/// A table that a publication names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The columns it is limited to, from 15 on; absent means all, those
    /// added later included.
    pub columns: Option<Vec<String>>,
}

impl Catalog {
    /// The relation of that name; one without a schema is looked for along
    /// the search path.
    pub fn relation(&self, name: &TableName) -> Option<&Relation> {
        let find = |schema: &str| {
            let mut all = self.relations.iter();
            all.find(|relation| relation.schema == schema && relation.name == name.name)
        };
        match &name.schema {
            Some(schema) => find(schema),
            None => self.search_path.iter().find_map(|schema| find(schema)),
        }
    }
}

impl Relation {
    /// Its full name.
    pub fn full_name(&self) -> TableName {
        TableName {
            schema: Some(self.schema.clone()),
            name: self.name.clone(),
        }
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Publication {
    /// Whether it carries tables of that schema that nobody named.
    pub fn carries_schema(&self, schema: &str) -> bool {
        self.all_tables || self.schemas.iter().any(|s| s == schema)
    }

    /// Whether a column added to the relation would be sent to subscribers.
    pub fn carries_new_column(&self, relation: &Relation) -> bool {
        let named = |table: &&PublishedTable| {
            table.schema == relation.schema && table.name == relation.name
        };
        match self.tables.iter().find(named) {
            Some(table) => table.columns.is_none(),
            None => self.carries_schema(&relation.schema),
        }
    }
}
