//! Owns how the table of a backfill or a comparison is resolved: what it is,
//! its key, and the columns that are set.

use super::draft::About;
use super::refusal::Refusal;
use super::world::World;
use super::{publication, trigger};
use crate::plan::catalog::{Column, Relation, RelationKind, UniqueIndex};
use crate::plan::{KeyColumn, SetColumn, Table};
use crate::runbook::{Backfill, Parity, TableName, Target, Writes};

/// The table of a backfill; absent where it has been refused.
pub(super) fn for_backfill(about: &mut About<'_>, world: &World, spec: &Backfill) -> Option<Table> {
    let relation = walkable(about, world, &spec.table)?;
    check_expressions(about, expressions(spec).into_iter());
    if let Writes::Set(_) = &spec.writes {
        trigger::check(about, world, relation, spec);
        publication::check_updates(about, world, relation);
    }
    let set = set_columns(about, relation, &spec.key, spec.set());
    let into: Vec<_> = spec
        .targets()
        .iter()
        .map(|target| for_target(about, world, spec, target))
        .collect();
    let key = key(about, relation, &spec.key);
    let into: Option<Vec<_>> = into.into_iter().collect();
    Some(Table {
        into: into?,
        ..resolved(relation, key?, set?)
    })
}

/// What the runbook's author wrote in SQL.
fn expressions(spec: &Backfill) -> Vec<&str> {
    let mut all: Vec<&str> = spec.filter.iter().map(String::as_str).collect();
    all.extend(spec.set().iter().map(|(_, sql)| sql.as_str()));
    for target in spec.targets() {
        all.extend(target.set.iter().map(|(_, sql)| sql.as_str()));
        all.extend(target.filter.as_deref());
    }
    if let Writes::Custom(custom) = &spec.writes {
        all.extend(custom.statements.iter().map(String::as_str));
        all.push(&custom.escaped);
    }
    all
}

/// A table that is copied into: its key finds the row that is there already.
fn for_target(
    about: &mut About<'_>,
    world: &World,
    spec: &Backfill,
    target: &Target,
) -> Option<Table> {
    let relation = walkable(about, world, &target.table)?;
    trigger::check_target(about, world, relation, spec);
    publication::check_updates(about, world, relation);
    let names: Vec<_> = target.key.iter().map(|(to, _)| to.clone()).collect();
    let set = set_columns(about, relation, &names, &target.set);
    let columns: Option<Vec<_>> = names
        .iter()
        .map(|name| column(about, relation, name))
        .collect();
    let columns = columns?;
    let unique = relation.unique_indexes.iter().any(|index| {
        let mut key = index.columns.clone();
        let mut wanted = names.clone();
        key.sort_unstable();
        wanted.sort_unstable();
        key == wanted && index.valid && index.immediate && !index.partial
    });
    if !unique {
        let list = names.join(", ");
        let message = format!(
            "({list}) is no key of `{}`: no unique index has just these columns",
            relation.full_name()
        );
        about.refuse(Refusal::new("no-key", message).hint(keys_hint(relation)));
        return None;
    }
    let key = columns.into_iter().map(key_column).collect();
    Some(resolved(relation, key, set?))
}

fn key_column(column: &Column) -> KeyColumn {
    KeyColumn {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
        collation: column.collation.clone(),
    }
}

/// The table of a comparison; absent where it has been refused.
pub(super) fn for_parity(about: &mut About<'_>, world: &World, spec: &Parity) -> Option<Table> {
    let relation = walkable(about, world, &spec.table)?;
    let filter = spec.filter.iter().map(String::as_str);
    check_expressions(
        about,
        [spec.left.as_str(), &spec.right].into_iter().chain(filter),
    );
    Some(resolved(
        relation,
        key(about, relation, &spec.key)?,
        Vec::new(),
    ))
}

fn resolved(relation: &Relation, key: Vec<KeyColumn>, set: Vec<SetColumn>) -> Table {
    Table {
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        key,
        set,
        into: Vec::new(),
    }
}

/// A table whose every row a walk by its key would see.
fn walkable<'w>(about: &mut About<'_>, world: &'w World, name: &TableName) -> Option<&'w Relation> {
    let Some(relation) = world.relation(name) else {
        let hint = "neither the catalog has it, nor does an earlier step create it";
        let refusal = Refusal::new("unknown-table", format!("there is no table `{name}`"));
        about.refuse(refusal.hint(hint));
        return None;
    };
    let full = relation.full_name();
    let kind = match relation.kind {
        RelationKind::Table | RelationKind::Partitioned => None,
        RelationKind::View => Some("a view"),
        RelationKind::MaterializedView => Some("a materialized view"),
        RelationKind::Foreign => Some("a foreign table"),
    };
    if let Some(kind) = kind {
        about.refuse(Refusal::new("not-a-table", format!("`{full}` is {kind}")));
        return None;
    }
    if relation.has_children {
        let message =
            format!("tables inherit from `{full}`: its key does not tell their rows apart");
        let hint = "name each table in a step of its own";
        about.refuse(Refusal::new("has-children", message).hint(hint));
        return None;
    }
    if relation.row_security {
        let message = format!(
            "row-level security hides rows of `{full}` from this role, which would be missed"
        );
        let hint = "connect as a role with BYPASSRLS, or as the owner";
        about.refuse(Refusal::new("row-security", message).hint(hint));
        return None;
    }
    Some(relation)
}

/// The key: its columns in the order of the runbook, if an index serves them.
fn key(about: &mut About<'_>, relation: &Relation, wanted: &[String]) -> Option<Vec<KeyColumn>> {
    let columns: Option<Vec<_>> = wanted
        .iter()
        .map(|name| column(about, relation, name))
        .collect();
    let columns = columns?;
    if let Some(reason) = unfit(relation, &columns, wanted) {
        let list = wanted.join(", ");
        let message = format!("({list}) is no key of `{}`: {reason}", relation.full_name());
        about.refuse(Refusal::new("no-key", message).hint(keys_hint(relation)));
        return None;
    }
    Some(columns.into_iter().map(key_column).collect())
}

/// Why the columns are no key, where they are none.
fn unfit(relation: &Relation, columns: &[&Column], wanted: &[String]) -> Option<String> {
    if let Some(nullable) = columns.iter().find(|column| !column.not_null) {
        return Some(format!(
            "`{}` may be NULL, and such rows are never visited",
            nullable.name
        ));
    }
    let candidates = relation
        .unique_indexes
        .iter()
        .filter(|index| index.columns == wanted);
    let mut reasons: Vec<_> = candidates.map(why_not).collect();
    if reasons.iter().any(Option::is_none) && !reasons.is_empty() {
        return None;
    }
    let nothing = "no unique index has these columns in this order".to_owned();
    Some(reasons.pop().flatten().unwrap_or(nothing))
}

fn why_not(index: &UniqueIndex) -> Option<String> {
    let name = &index.name;
    if !index.valid {
        Some(format!("its unique index `{name}` is not valid"))
    } else if !index.immediate {
        Some(format!("its unique index `{name}` is deferrable"))
    } else if index.partial {
        Some(format!(
            "its unique index `{name}` covers a part of the rows"
        ))
    } else if !index.plain_order {
        Some(format!(
            "its unique index `{name}` orders by another collation, operator class or direction"
        ))
    } else {
        None
    }
}

/// The keys that there are, or how to make one.
fn keys_hint(relation: &Relation) -> String {
    let fit = relation.unique_indexes.iter().filter(|index| {
        let not_null = |name| relation.column(name).is_some_and(|column| column.not_null);
        !index.columns.is_empty()
            && why_not(index).is_none()
            && index.columns.iter().all(|c| not_null(c))
    });
    let keys: Vec<_> = fit
        .map(|index| format!("({})", index.columns.join(", ")))
        .collect();
    if keys.is_empty() {
        "an earlier step can build one: CREATE UNIQUE INDEX CONCURRENTLY over NOT NULL columns"
            .into()
    } else {
        format!("it has {}", keys.join(" and "))
    }
}

/// The columns that are set, with their types.
fn set_columns(
    about: &mut About<'_>,
    relation: &Relation,
    key: &[String],
    set: &[(String, String)],
) -> Option<Vec<SetColumn>> {
    let each: Vec<_> = set
        .iter()
        .map(|(name, _)| set_column(about, relation, key, name))
        .collect();
    each.into_iter().collect()
}

fn set_column(
    about: &mut About<'_>,
    relation: &Relation,
    key: &[String],
    name: &str,
) -> Option<SetColumn> {
    let column = column(about, relation, name)?;
    let reason = if column.generated {
        Some((
            "generated-column",
            format!("`{name}` is generated: it cannot be set"),
        ))
    } else if key.iter().any(|key| key == name) {
        let message = format!("`{name}` is part of the key: rows would move while they are walked");
        Some(("sets-key", message))
    } else {
        None
    };
    if let Some((code, message)) = reason {
        about.refuse(Refusal::new(code, message));
        return None;
    }
    Some(SetColumn {
        name: name.to_owned(),
        data_type: column.data_type.clone(),
    })
}

fn column<'w>(about: &mut About<'_>, relation: &'w Relation, name: &str) -> Option<&'w Column> {
    let found = relation.column(name);
    if found.is_none() {
        let message = format!("`{}` has no column `{name}`", relation.full_name());
        let hint = "neither the catalog has it, nor does an earlier step add it";
        about.refuse(Refusal::new("unknown-column", message).hint(hint));
    }
    found
}

/// A `$1` in an expression would be taken for one of our own parameters.
fn check_expressions<'e>(about: &mut About<'_>, expressions: impl Iterator<Item = &'e str>) {
    for expression in expressions {
        let mut at = 0;
        for token in squawk_lexer::tokenize(expression) {
            let text = &expression[at..at + token.len as usize];
            at += text.len();
            if matches!(token.kind, squawk_lexer::TokenKind::PositionalParam { .. }) {
                let message =
                    format!("`{text}` in `{expression}` is a parameter, and nobody gives one");
                about.refuse(Refusal::new("positional-parameter", message));
            }
        }
    }
}
