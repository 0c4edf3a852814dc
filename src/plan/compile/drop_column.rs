//! Owns what speaks against dropping a column, and what goes with it.

use super::draft::About;
use super::mention::names;
use super::publication;
use super::refusal::Refusal;
use super::world::World;
use crate::plan::catalog::{Enabled, Function, Relation};
use crate::runbook::TableName;

/// At the statement itself: what the server would refuse, and what it would
/// drop along silently.
pub(super) fn check(
    about: &mut About<'_>,
    world: &World,
    table: &TableName,
    column: &str,
    cascade: bool,
) {
    let Some(relation) = world.relation(table) else {
        return;
    };
    for dependent in relation.dependents.iter().filter(|d| d.column == column) {
        let what = format!("{} `{}`", dependent.kind, dependent.identity);
        if dependent.blocks && !cascade {
            let message = format!("`{column}` cannot be dropped: the {what} depends on it");
            let hint = "drop or change that first, in the same step or an earlier one";
            about.refuse(Refusal::new("column-has-dependents", message).hint(hint));
        } else {
            about.note(
                "goes-with-column",
                format!("the {what} goes with `{column}`"),
            );
        }
    }
    note_guarantees(about, relation, column);
    publication::note_drop(about, world, relation, column);
}

/// What the column promised, and nothing promises after it.
fn note_guarantees(about: &mut About<'_>, relation: &Relation, name: &str) {
    let mut note = |message: String| about.note("goes-with-column", message);
    if let Some(column) = relation.column(name) {
        if column.not_null {
            note(format!("NOT NULL goes with `{name}`"));
        }
        if column.has_grants {
            note(format!(
                "the privileges granted on `{name}` itself go with it"
            ));
        }
    }
    let indexes = relation.unique_indexes.iter();
    for index in indexes.filter(|index| index.columns.iter().any(|column| column == name)) {
        let columns = index.columns.join(", ");
        note(format!("the uniqueness of ({columns}) goes with `{name}`"));
        if index.replica_identity {
            note(format!("the replica identity goes with `{name}`"));
        }
    }
}

/// At the end of the step: DROP COLUMN succeeds under a body that names the
/// column, and then every statement that runs the body fails.
pub(super) fn check_bodies(about: &mut About<'_>, world: &World, table: &TableName, column: &str) {
    for function in &world.catalog().functions {
        let Some(caller) = caller(world, function, table, column) else {
            continue;
        };
        let message = format!(
            "`{}.{}` still names `{column}` when it is gone from `{table}`, and fails in {caller}",
            function.schema, function.name
        );
        let hint = "drop or replace it in this step or an earlier one, together with its trigger; \
                    accept `column-in-use` where it means another table's column";
        about.refuse(Refusal::new("column-in-use", message).hint(hint));
    }
}

/// Who would run into the missing column, where the function names it.
fn caller(world: &World, function: &Function, table: &TableName, column: &str) -> Option<String> {
    if !names(&function.body, column) {
        return None;
    }
    let mut attached = Vec::new();
    for relation in &world.catalog().relations {
        let live = relation
            .triggers
            .iter()
            .filter(|t| t.enabled != Enabled::Never);
        let own = live.filter(|t| t.function.0 == function.schema && t.function.1 == function.name);
        attached.extend(own.map(|trigger| (relation.full_name(), &trigger.name)));
    }
    let on_table = attached.iter().find(|(relation, _)| relation == table);
    if let Some((_, trigger)) = on_table {
        return Some(format!("every statement that fires `{trigger}`"));
    }
    // Elsewhere it has to name the table as well. A trigger's function that no
    // trigger calls is never run.
    let called = !function.returns_trigger || !attached.is_empty();
    (called && names(&function.body, &table.name)).then(|| "every call".to_owned())
}
