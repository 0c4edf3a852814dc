//! Owns what a step's statements do to others, each in the world that the
//! ones before it leave behind.

use super::draft::About;
use super::drop_column;
use super::publication;
use super::refusal::Refusal;
use super::world::World;
use crate::plan::sql::{BackfillSql, Ends, ParitySql};
use crate::plan::statement::{Effect, Statement};
use crate::plan::{Forecast, LockMode, Table, Work};
use crate::runbook::{Backfill, Parity, TableName};

/// Statements on the way forward: whatever speaks against one is said, and
/// the world is moved on.
pub(super) fn run(
    about: &mut About<'_>,
    world: &mut World,
    statements: &[String],
) -> Vec<Forecast> {
    let mut dropped = Vec::new();
    let mut forecasts = Vec::new();
    for sql in statements {
        let statement = Statement::read(sql);
        check_relation(about, world, sql, &statement);
        forecasts.push(forecast(about, world, sql, &statement));
        for effect in &statement.effects {
            if let Effect::DropColumn {
                table,
                column,
                cascade,
            } = effect
            {
                drop_column::check(about, world, table, column, *cascade);
                dropped.push((world.full_name(table), column.clone()));
            }
            world.apply(effect);
            check_addition(about, world, effect);
        }
        world.opaque |= statement.work == Work::Unknown;
    }
    // In one transaction it does not matter which goes first: the column, or
    // the function that names it.
    for (table, column) in dropped {
        drop_column::check_bodies(about, world, &table, &column);
    }
    forecasts
}

/// Statements on the way back. What they take away, the runbook has made.
pub(super) fn back(
    about: &mut About<'_>,
    world: &mut World,
    statements: &[String],
) -> Vec<Forecast> {
    let each = statements.iter().map(|sql| {
        let statement = Statement::read(sql);
        let forecast = forecast(about, world, sql, &statement);
        for effect in &statement.effects {
            if let Effect::DropColumn { table, column, .. } = effect {
                drop_column::check_bodies(about, world, &world.full_name(table), column);
            }
            world.apply(effect);
        }
        forecast
    });
    each.collect()
}

/// One chunk of a backfill.
pub(super) fn backfill(
    about: &mut About<'_>,
    world: &World,
    table: &Table,
    spec: &Backfill,
) -> Vec<Forecast> {
    let statements = BackfillSql::new(table, spec).writes(Ends::Between);
    let targets = spec.targets().iter().map(|target| &target.table);
    // The author's own SQL says where it writes; what it walks is what counts.
    let tables = targets.chain(std::iter::repeat(&spec.table));
    let statements = statements.into_iter().zip(tables);
    statements
        .map(|(sql, table)| chunk(about, world, table, sql, LockMode::RowExclusive))
        .collect()
}

/// One chunk of a comparison.
pub(super) fn parity(
    about: &mut About<'_>,
    world: &World,
    table: &Table,
    spec: &Parity,
) -> Forecast {
    let sql = ParitySql::new(table, spec).compare(Ends::After);
    chunk(about, world, &spec.table, sql, LockMode::AccessShare)
}

fn chunk(
    about: &mut About<'_>,
    world: &World,
    table: &TableName,
    sql: String,
    lock: LockMode,
) -> Forecast {
    let relation = Some(world.full_name(table));
    about.observe_size(world, relation.as_ref());
    Forecast {
        sql,
        lock: Some(lock),
        relation,
        work: Work::Rows,
    }
}

fn forecast(about: &mut About<'_>, world: &World, sql: &str, statement: &Statement) -> Forecast {
    let relation = statement
        .relation
        .as_ref()
        .map(|name| world.full_name(name));
    let index = statement.effects.iter().find_map(|effect| match effect {
        Effect::DropIndex(index) => world.table_of_index(index),
        _ => None,
    });
    let relation = relation.or(index);
    about.observe_size(world, relation.as_ref());
    let proved = !statement.effects.is_empty()
        && statement
            .effects
            .iter()
            .all(|effect| proved_not_null(world, effect));
    Forecast {
        sql: sql.to_owned(),
        lock: statement.lock,
        relation,
        work: if proved {
            Work::Catalog
        } else {
            statement.work
        },
    }
}

/// SET NOT NULL takes a valid CHECK as proof, from 12 on, and scans nothing.
fn proved_not_null(world: &World, effect: &Effect) -> bool {
    let Effect::NotNull(table, column, true) = effect else {
        return false;
    };
    let checks = world.relation(table).map(|relation| &relation.checks);
    checks.is_some_and(|checks| {
        checks
            .iter()
            .any(|check| check.valid && check.not_null.as_ref() == Some(column))
    })
}

/// A typing error is better found now than in the middle of the run.
fn check_relation(about: &mut About<'_>, world: &World, sql: &str, statement: &Statement) {
    let Some(name) = &statement.relation else {
        return;
    };
    let may_lack = world.opaque || is_conditional(sql) || is_foreign(name);
    if world.relation(name).is_none() && !may_lack {
        let message = format!("there is no table `{name}`");
        let hint = "neither the catalog has it, nor does an earlier step create it";
        about.refuse(Refusal::new("unknown-table", message).hint(hint));
    }
}

/// IF EXISTS and IF NOT EXISTS.
fn is_conditional(sql: &str) -> bool {
    let words: Vec<_> = sql
        .split_whitespace()
        .map(str::to_ascii_lowercase)
        .collect();
    words
        .windows(2)
        .any(|pair| pair[0] == "if" && (pair[1] == "exists" || pair[1] == "not"))
}

/// System catalogs and our own tables are not looked at.
fn is_foreign(name: &TableName) -> bool {
    let schema = name.schema.as_deref().unwrap_or_default();
    schema == "information_schema"
        || schema == "pgcutover"
        || schema.starts_with("pg_")
        || name.name.starts_with("pg_")
}

fn check_addition(about: &mut About<'_>, world: &World, effect: &Effect) {
    match effect {
        Effect::AddColumn(table, column) => {
            let what = format!(
                "the new column `{}.{}`",
                world.full_name(table),
                column.name
            );
            publication::check_addition(about, world, table, &what);
        }
        Effect::CreateTable { table, .. } => {
            let what = format!("the new table `{}`", world.full_name(table));
            publication::check_addition(about, world, table, &what);
        }
        _ => {}
    }
}
