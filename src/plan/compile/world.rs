//! Owns the catalog as the steps before leave it: takes statements' effects
//! into account; never judges them.

use std::collections::BTreeSet;

use super::mention::names;
use super::relation::{added, plain_index};
use crate::plan::TableSize;
use crate::plan::catalog::{
    Catalog, Dependent, Enabled, Function, Relation, RelationKind, ReplicaIdentity, Trigger,
};
use crate::plan::statement::{Effect, NewColumn, NewFunction, NewTrigger};
use crate::runbook::TableName;

/// One database in the middle of a runbook.
#[derive(Debug, Clone)]
pub(super) struct World {
    catalog: Catalog,
    /// Tables that the runbook makes.
    new_tables: BTreeSet<TableName>,
    /// Triggers that the runbook makes, with their tables.
    new_triggers: BTreeSet<(TableName, String)>,
    /// Something ran whose effects cannot be read.
    pub(super) opaque: bool,
}

impl World {
    pub(super) fn new(catalog: &Catalog) -> Self {
        Self {
            catalog: catalog.clone(),
            new_tables: BTreeSet::new(),
            new_triggers: BTreeSet::new(),
            opaque: false,
        }
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(super) fn relation(&self, name: &TableName) -> Option<&Relation> {
        self.catalog.relation(name)
    }

    /// The table's full name where it is known, else the name as written.
    pub(super) fn full_name(&self, name: &TableName) -> TableName {
        self.relation(name)
            .map_or_else(|| name.clone(), Relation::full_name)
    }

    /// Its size, where it was there before the run.
    pub(super) fn size(&self, name: &TableName) -> Option<TableSize> {
        let relation = self.relation(name)?;
        let old = !self.new_tables.contains(&relation.full_name());
        old.then_some(relation.size)
    }

    /// Whether a step before made this trigger.
    pub(super) fn made(&self, relation: &Relation, trigger: &str) -> bool {
        self.new_triggers
            .contains(&(relation.full_name(), trigger.to_owned()))
    }

    /// The table of an index.
    pub(super) fn table_of_index(&self, index: &TableName) -> Option<TableName> {
        let has = |relation: &&Relation| {
            relation.unique_indexes.iter().any(|i| i.name == index.name)
                && index
                    .schema
                    .as_ref()
                    .is_none_or(|schema| schema == &relation.schema)
        };
        self.catalog
            .relations
            .iter()
            .find(has)
            .map(Relation::full_name)
    }

    /// Takes a statement's effect into account. What it is about may be
    /// unknown: then nothing changes.
    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::CreateTable {
                table,
                columns,
                keys,
            } => self.create_table(table, columns, keys),
            Effect::DropRelation(table) => self.drop_relation(table),
            Effect::DropIndex(name) => self.each(|r| {
                r.unique_indexes.retain(|index| index.name != name.name);
                r.forget(&name.name);
            }),
            Effect::CreateFunction(function) => self.create_function(function),
            Effect::DropFunction(name) => {
                let functions = &mut self.catalog.functions;
                functions.retain(|f| !is(name, &f.schema, &f.name));
            }
            Effect::CreateTrigger(trigger) => self.create_trigger(trigger),
            Effect::AddColumn(table, _)
            | Effect::DropColumn { table, .. }
            | Effect::RenameColumn(table, ..)
            | Effect::RenameTable(table, _)
            | Effect::NotNull(table, ..)
            | Effect::AddCheck { table, .. }
            | Effect::Validate(table, _)
            | Effect::DropConstraint(table, _)
            | Effect::CreateUniqueIndex(table, ..)
            | Effect::DropTrigger(table, _) => self.on(table, |relation| relation.change(effect)),
        }
    }

    fn on(&mut self, table: &TableName, change: impl FnOnce(&mut Relation)) {
        let name = self.full_name(table);
        let mut relations = self.catalog.relations.iter_mut();
        if let Some(relation) = relations.find(|relation| relation.full_name() == name) {
            change(relation);
        }
    }

    fn each(&mut self, change: impl FnMut(&mut Relation)) {
        self.catalog.relations.iter_mut().for_each(change);
    }

    /// Where something new goes whose name has no schema.
    fn home(&self, name: &TableName) -> String {
        let own = self
            .catalog
            .search_path
            .iter()
            .find(|schema| !schema.starts_with("pg_"));
        name.schema
            .as_ref()
            .or(own)
            .cloned()
            .unwrap_or_else(|| "public".to_owned())
    }

    fn create_table(&mut self, table: &TableName, columns: &[NewColumn], keys: &[Vec<String>]) {
        let relation = Relation {
            schema: self.home(table),
            name: table.name.clone(),
            kind: RelationKind::Table,
            size: TableSize::plain(Some(0), 0),
            has_children: false,
            row_security: false,
            replica_identity: ReplicaIdentity::Default,
            columns: columns.iter().map(added).collect(),
            unique_indexes: keys.iter().map(|key| plain_index("", key, true)).collect(),
            triggers: Vec::new(),
            checks: Vec::new(),
            dependents: Vec::new(),
        };
        if self.relation(&relation.full_name()).is_none() {
            self.new_tables.insert(relation.full_name());
            self.catalog.relations.push(relation);
        }
    }

    fn drop_relation(&mut self, table: &TableName) {
        let name = self.full_name(table);
        self.catalog
            .relations
            .retain(|relation| relation.full_name() != name);
        self.each(|r| {
            r.dependents
                .retain(|d| !d.name.as_ref().is_some_and(|n| same(table, n)))
        });
    }

    fn create_function(&mut self, new: &NewFunction) {
        let function = Function {
            schema: self.home(&new.name),
            name: new.name.name.clone(),
            returns_trigger: new.returns_trigger,
            body: new.body.clone(),
        };
        let functions = &mut self.catalog.functions;
        functions.retain(|f| (&f.schema, &f.name) != (&function.schema, &function.name));
        functions.push(function);
    }

    fn create_trigger(&mut self, new: &NewTrigger) {
        let function = (self.home(&new.function), new.function.name.clone());
        self.new_triggers
            .insert((self.full_name(&new.table), new.name.clone()));
        self.on(&new.table, |relation| {
            relation.triggers.retain(|trigger| trigger.name != new.name);
            relation.triggers.push(Trigger {
                name: new.name.clone(),
                function,
                enabled: Enabled::Origin,
                on_update: new.on_update,
                update_of: Vec::new(),
            });
            // Its UPDATE OF and WHEN make it depend on the columns they name.
            let columns = relation
                .columns
                .iter()
                .filter(|c| names(&new.text, &c.name));
            relation.dependents.extend(columns.map(|column| Dependent {
                column: column.name.clone(),
                kind: "trigger".into(),
                name: Some(TableName {
                    schema: None,
                    name: new.name.clone(),
                }),
                identity: new.name.clone(),
                blocks: true,
            }));
        });
    }
}

/// Whether a written name, perhaps without a schema, is that object.
pub(super) fn is(written: &TableName, schema: &str, name: &str) -> bool {
    written.name == name && written.schema.as_ref().is_none_or(|s| s == schema)
}

fn same(written: &TableName, full: &TableName) -> bool {
    written.name == full.name
        && (written.schema.is_none() || full.schema.is_none() || written.schema == full.schema)
}
