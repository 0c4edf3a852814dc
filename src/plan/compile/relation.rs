//! Owns how a relation changes under a statement; never finds it.

use crate::plan::catalog::{Check, Column, Dependent, Relation, UniqueIndex};
use crate::plan::statement::{Effect, NewColumn};

impl Relation {
    /// Takes an effect on this table into account; one on anything else is none.
    pub(super) fn change(&mut self, effect: &Effect) {
        match effect {
            Effect::AddColumn(_, column) => self.columns.push(added(column)),
            Effect::DropColumn { column, .. } => self.drop_column(column),
            Effect::RenameColumn(_, from, to) => self.alter(from, |c| c.name.clone_from(to)),
            Effect::RenameTable(_, to) => self.name.clone_from(to),
            Effect::NotNull(_, column, not_null) => self.alter(column, |c| c.not_null = *not_null),
            Effect::AddCheck {
                name,
                valid,
                not_null,
                ..
            } => self.checks.push(Check {
                name: name.clone().unwrap_or_default(),
                valid: *valid,
                not_null: not_null.clone(),
            }),
            Effect::Validate(_, name) => {
                let found = self.checks.iter_mut().find(|check| &check.name == name);
                found.into_iter().for_each(|check| check.valid = true);
            }
            Effect::DropConstraint(_, name) => {
                self.checks.retain(|check| &check.name != name);
                self.unique_indexes.retain(|index| &index.name != name);
                self.forget(name);
            }
            Effect::CreateUniqueIndex(_, name, columns) => {
                self.unique_indexes.push(plain_index(name, columns, false));
            }
            Effect::DropTrigger(_, name) => {
                self.triggers.retain(|trigger| &trigger.name != name);
                self.forget(name);
            }
            _ => {}
        }
    }

    /// Takes away what depended on a column under that name.
    pub(super) fn forget(&mut self, name: &str) {
        let of_that_name = |d: &Dependent| d.name.as_ref().is_some_and(|n| n.name == name);
        self.dependents.retain(|dependent| !of_that_name(dependent));
    }

    fn alter(&mut self, column: &str, change: impl FnOnce(&mut Column)) {
        if let Some(found) = self.columns.iter_mut().find(|c| c.name == column) {
            change(found);
        }
    }

    fn drop_column(&mut self, name: &str) {
        self.columns.retain(|column| column.name != name);
        self.dependents.retain(|dependent| dependent.column != name);
        let uses = |index: &UniqueIndex| index.columns.iter().any(|column| column == name);
        self.unique_indexes.retain(|index| !uses(index));
        self.checks
            .retain(|check| check.not_null.as_deref() != Some(name));
    }
}

/// A column as a statement adds it.
pub(super) fn added(new: &NewColumn) -> Column {
    Column {
        name: new.name.clone(),
        data_type: new.data_type.clone(),
        collation: None,
        not_null: new.not_null,
        generated: new.generated,
        has_default: false,
        has_grants: false,
    }
}

/// An index that can serve as a key.
pub(super) fn plain_index(name: &str, columns: &[String], primary: bool) -> UniqueIndex {
    UniqueIndex {
        name: name.to_owned(),
        columns: columns.to_vec(),
        primary,
        valid: true,
        immediate: true,
        partial: false,
        plain_order: true,
        replica_identity: false,
    }
}
