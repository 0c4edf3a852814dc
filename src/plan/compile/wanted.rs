//! Owns the list of tables that compile wants to find in each catalog.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::statement::Statement;
use crate::runbook::{Action, ConnectionId, Runbook, Step, TableName};

/// Every table that the runbook names, by connection; each connection has an
/// entry.
pub fn tables(runbook: &Runbook) -> BTreeMap<ConnectionId, BTreeSet<TableName>> {
    let connections = runbook.connections.iter();
    let mut wanted: BTreeMap<_, BTreeSet<_>> = connections
        .map(|connection| (connection.id.clone(), BTreeSet::new()))
        .collect();
    for phase in &runbook.phases {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            let names = wanted.entry(step.on.clone()).or_default();
            actions(step).for_each(|action| named(action, names));
        }
    }
    wanted
}

fn actions(step: &Step) -> impl Iterator<Item = &Action> {
    std::iter::once(&step.action).chain(step.reversal.undo())
}

fn named(action: &Action, names: &mut BTreeSet<TableName>) {
    match action {
        Action::Sql(sql) => {
            let statements = sql.statements.iter();
            names.extend(statements.filter_map(|sql| Statement::read(sql).relation));
        }
        Action::Backfill(backfill) => {
            names.insert(backfill.table.clone());
            names.extend(backfill.targets().iter().map(|target| target.table.clone()));
        }
        Action::Parity(parity) => {
            names.insert(parity.table.clone());
        }
        Action::Exec(_) | Action::Manual(_) | Action::Wait(_) => {}
    }
}
