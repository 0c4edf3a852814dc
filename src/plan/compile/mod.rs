//! Owns the way from a runbook and the catalogs behind it to a plan, or to
//! everything that speaks against one; never asks a server, and has no clock:
//! the time arrives as an argument.
//!
//! The steps are read in order, each in the [`world::World`] that the steps
//! before it leave behind: a column that the runbook adds itself is there for
//! its backfill, and a trigger that it drops is gone for its DROP COLUMN.

mod draft;
mod drop_column;
#[cfg(test)]
pub(crate) mod fixture;
mod forecast;
mod mention;
mod publication;
mod refusal;
mod relation;
mod server;
mod table;
mod trigger;
mod wanted;
mod world;

pub use refusal::Refusal;
pub use wanted::tables;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::draft::{About, Draft};
use self::world::World;
use super::catalog::Catalog;
use super::{Body, Observed, Phase, Plan, PlannedStep, Preflight};
use crate::runbook::{self, Action, ConnectionId, Runbook, Step};

/// Compiles a runbook against the catalog behind each of its connections.
/// Deterministic: the same runbook and catalogs give the same plan.
///
/// # Errors
/// Everything that speaks against it, in the order of the runbook.
pub fn compile(
    runbook: &Runbook,
    catalogs: &BTreeMap<ConnectionId, Catalog>,
    at: Timestamp,
) -> Result<Plan, Vec<Refusal>> {
    let mut draft = Draft::new(at);
    let mut worlds = BTreeMap::new();
    for connection in &runbook.connections {
        let Some(catalog) = catalogs.get(&connection.id) else {
            draft.refuse(Refusal::new(
                "not-looked-at",
                format!("`{}` has not been looked at", connection.id),
            ));
            continue;
        };
        let servers = &mut draft.observed.servers;
        servers.insert(connection.id.clone(), catalog.server.clone());
        server::check(&mut draft, runbook, connection, catalog);
        worlds.insert(connection.id.clone(), World::new(catalog));
    }
    let phases = runbook.phases.iter();
    let phases = phases
        .map(|phase| compile_phase(&mut draft, &mut worlds, phase))
        .collect();
    let Draft { observed, refusals } = draft;
    if refusals.is_empty() {
        Ok(assemble(runbook, phases, observed))
    } else {
        Err(refusals)
    }
}

fn assemble(runbook: &Runbook, phases: Vec<Phase>, observed: Observed) -> Plan {
    let body = Body {
        format: runbook::FORMAT,
        runbook_hash: runbook.hash.clone(),
        cutover: runbook.cutover.clone(),
        connections: runbook.connections.clone(),
        journal: runbook.journal.clone(),
        roles: runbook.roles.clone(),
        window: runbook.window.clone(),
        ddl: runbook.ddl,
        guards: runbook.guards.clone(),
        phases,
    };
    Plan { body, observed }
}

type Worlds = BTreeMap<ConnectionId, World>;

fn compile_phase(draft: &mut Draft, worlds: &mut Worlds, phase: &runbook::Phase) -> Phase {
    let steps = phase.steps.iter();
    let steps = steps
        .map(|step| compile_step(draft, worlds, step))
        .collect();
    let rollback = phase.rollback.as_ref().map(|back| {
        // It starts from what the whole phase leaves, and leads out of the order.
        let mut worlds = worlds.clone();
        back.iter()
            .map(|step| compile_step(draft, &mut worlds, step))
            .collect()
    });
    Phase {
        id: phase.id.clone(),
        owner: phase.owner.clone(),
        notes: phase.notes.clone(),
        enter: phase.enter,
        point_of_no_return: phase.point_of_no_return,
        compatible: phase.compatible.clone(),
        steps,
        rollback,
        gates: phase.gates.clone(),
    }
}

fn compile_step(draft: &mut Draft, worlds: &mut Worlds, step: &Step) -> PlannedStep {
    let mut planned = PlannedStep {
        step: step.clone(),
        table: None,
        forecast: Vec::new(),
        undo_forecast: Vec::new(),
    };
    let about = &mut About { draft, step };
    about.note_accepted();
    // A connection without a catalog has been refused already.
    let Some(world) = worlds.get_mut(&step.on) else {
        return planned;
    };
    match &step.action {
        Action::Sql(sql) => planned.forecast = forecast::run(about, world, &sql.statements),
        Action::Backfill(backfill) => {
            planned.table = table::for_backfill(about, world, backfill);
            if let Some(table) = &planned.table {
                planned.forecast = forecast::backfill(about, world, table, backfill);
                let relation = world.relation(&backfill.table);
                let cost = relation.and_then(|relation| Preflight::of(relation, backfill));
                let costs = &mut about.draft.observed.costs;
                costs.extend(cost.map(|cost| (step.id.clone(), cost)));
            }
        }
        Action::Parity(parity) => {
            planned.table = table::for_parity(about, world, parity);
            let table = planned.table.iter();
            planned.forecast = table
                .map(|table| forecast::parity(about, world, table, parity))
                .collect();
        }
        Action::Exec(_) | Action::Manual(_) | Action::Wait(_) => {}
    }
    if let Some(Action::Sql(undo)) = step.reversal.undo() {
        planned.undo_forecast = forecast::back(about, &mut world.clone(), &undo.statements);
    }
    planned
}

#[cfg(test)]
mod tests;
