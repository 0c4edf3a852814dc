//! Owns what publications would carry to subscribers that lack it: our own
//! tables and new columns stop a subscriber at the first write.

use super::draft::{About, Draft};
use super::refusal::Refusal;
use super::world::World;
use crate::plan::catalog::{Catalog, Relation, RelationKind, ReplicaIdentity};
use crate::runbook::{Connection, Runbook, TableName};

/// The schema of our own tables.
const OURS: &str = "pgcutover";
/// The code of the refusal about them, which any step may accept: it is about
/// no step.
const CARRIES_US: &str = "publication-carries-journal";

/// Checks that no subscriber would be sent the journal's tables.
pub(super) fn check_own_tables(
    draft: &mut Draft,
    runbook: &Runbook,
    connection: &Connection,
    catalog: &Catalog,
) {
    let id = &connection.id;
    let mut steps = runbook.phases.iter().flat_map(|phase| &phase.steps);
    let accepted = steps.any(|step| step.accept.contains_key(CARRIES_US));
    for publication in catalog
        .publications
        .iter()
        .filter(|p| p.carries_schema(OURS))
    {
        let name = &publication.name;
        let message = format!("the publication `{name}` on `{id}` would carry the schema `{OURS}`");
        if catalog.subscribers > 0 && !accepted {
            let message = format!("{message} to a subscriber that lacks it, and stop it there");
            let hint = format!(
                "publish tables or schemas by name, keep the journal elsewhere (`[journal] on`), \
                 or create the schema on the subscriber and accept `{CARRIES_US}` on a step"
            );
            draft.refuse(Refusal::new(CARRIES_US, message).hint(hint));
        } else {
            draft.note_plan(CARRIES_US, message);
        }
    }
}

/// Checks that no subscriber would be sent a new column or table.
pub(super) fn check_addition(about: &mut About<'_>, world: &World, table: &TableName, what: &str) {
    let Some(relation) = world.relation(table) else {
        return;
    };
    let catalog = world.catalog();
    for publication in catalog
        .publications
        .iter()
        .filter(|p| p.carries_new_column(relation))
    {
        let message = format!("the publication `{}` would carry {what}", publication.name);
        if catalog.subscribers == 0 {
            about.note("published-column", message);
            continue;
        }
        let message = format!("{message} to a subscriber that lacks it, and stop it there");
        let hint = "add it on the subscribers first, then accept `published-column` on this step";
        about.refuse(Refusal::new("published-column", message).hint(hint));
    }
}

/// Tells which subscribers lose a column.
pub(super) fn note_drop(about: &mut About<'_>, world: &World, relation: &Relation, column: &str) {
    for publication in carriers(world.catalog(), relation) {
        let message = format!("the publication `{publication}` stops sending `{column}`");
        about.note("goes-with-column", message);
    }
}

/// A published table without a replica identity refuses every UPDATE.
pub(super) fn check_updates(about: &mut About<'_>, world: &World, relation: &Relation) {
    let identified = match relation.replica_identity {
        ReplicaIdentity::Full | ReplicaIdentity::Index => true,
        ReplicaIdentity::Nothing => false,
        ReplicaIdentity::Default => relation.unique_indexes.iter().any(|index| index.primary),
    };
    // Partitions are identified one by one, and have not been looked at.
    if identified || relation.kind != RelationKind::Table {
        return;
    }
    if let Some(publication) = carriers(world.catalog(), relation).next() {
        let message = format!(
            "`{}` is published by `{publication}` without a replica identity: the server refuses every UPDATE",
            relation.full_name()
        );
        let hint = "ALTER TABLE ... REPLICA IDENTITY USING INDEX, or FULL";
        about.refuse(Refusal::new("no-replica-identity", message).hint(hint));
    }
}

/// The publications that carry a table, by name.
fn carriers<'w>(catalog: &'w Catalog, relation: &'w Relation) -> impl Iterator<Item = &'w str> {
    let carried = catalog.publications.iter().filter(|publication| {
        let named = publication.tables.iter();
        publication.carries_schema(&relation.schema)
            || named
                .into_iter()
                .any(|t| t.schema == relation.schema && t.name == relation.name)
    });
    carried.map(|publication| publication.name.as_str())
}
