//! Owns the list of fields that the format has and this version does not do
//! yet; refuses them by name, so that none is ever ignored.

use toml::de::{DeTable, DeValue};

use super::{Shaped, retain};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::source::Place;

/// Paths of keys without array indices. A `*` stands for any prefix.
const LATER: &[&str] = &[
    "notify",
    "sandbox",
    "phase.gate.metric",
    "phase.gate.clients",
    "phase.gate.readers",
    "phase.gate.exec",
    "phase.gate.http",
    "phase.gate.manual",
    "phase.gate.attached",
    "phase.step.parity.tables",
    "phase.step.parity.across",
    "phase.step.parity.counts",
    "phase.step.parity.drift",
    "phase.step.parity.invariant",
    "phase.step.parity.sample",
    "phase.step.parity.canaries",
    "phase.step.parity.same_row.normalise",
    "phase.step.parity.same_row.known",
    "guard.http",
    "guard.exec",
    "guard.metric",
    "guard.rollback",
    "guard.throttle.below",
    "guard.throttle.seen",
    "guard.stall.below",
    "guard.stall.seen",
    "guard.hold.below",
    "guard.hold.seen",
    "*.critical",
    "*.requires_rehearsal",
    "*.high_risk",
];

/// Refuses and cuts out what later versions bring.
pub(super) fn refuse(root: &mut DeTable<'_>, shaped: &mut Shaped) {
    table(root, 0, "", shaped);
}

fn table(table: &mut DeTable<'_>, start: usize, path: &str, shaped: &mut Shaped) {
    retain(table, |key, value| {
        let hit = is_later(&join(path, key.get_ref()));
        if hit {
            let place = Place::in_runbook(key.span());
            let message = format!("`{}` is not supported yet", key.get_ref());
            shaped
                .found
                .push(Diagnostic::fault("not-supported-yet", place, message));
            shaped.damage.record(start, key.get_ref(), value.get_ref());
        }
        !hit
    });
    for (key, inner) in table.iter_mut() {
        let path = join(path, key.get_ref());
        let start = inner.span().start;
        value(inner.get_mut(), start, &path, shaped);
    }
}

fn value(value: &mut DeValue<'_>, start: usize, path: &str, shaped: &mut Shaped) {
    match value {
        DeValue::Table(inner) => table(inner, start, path, shaped),
        DeValue::Array(array) => {
            for element in array.iter_mut() {
                let start = element.span().start;
                self::value(element.get_mut(), start, path, shaped);
            }
        }
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.into(),
        _ => format!("{path}.{key}"),
    }
}

fn is_later(path: &str) -> bool {
    // A rollback's steps have the fields of steps; what an author names freely has none.
    let path = path.replace("phase.rollback.", "phase.step.");
    if path == "phase.step.undo.backfill" {
        // Its checkpoints would be those of the backfill that it takes back.
        return true;
    }
    let path = path.replace(".undo.", ".");
    let free = ["vars.", "connections.", "roles.", "environments."];
    LATER.iter().any(|later| match later.strip_prefix('*') {
        Some(suffix) => {
            path == suffix[1..]
                || (path.ends_with(suffix) && !free.iter().any(|free| path.starts_with(free)))
        }
        None => path == *later,
    })
}
