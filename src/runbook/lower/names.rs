//! Owns the one namespace of phases, steps, gates and guards; never resolves
//! connections or roles.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Lowering;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::raw::{At, Document, Step};
use crate::runbook::source::Place;

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Phase,
    Step,
    /// A step of a phase's rollback.
    Rollback,
    Parity,
    Gate,
    Guard,
}

/// Something that has an id.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) kind: Kind,
    /// Index of its phase; guards have none.
    pub(super) phase: Option<usize>,
    span: Range<usize>,
}

/// Everything that has an id.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Named>);

impl Names {
    pub(super) fn get(&self, id: &str) -> Option<&Named> {
        self.0.get(id)
    }

    /// The ids that `wanted` allows, for a hint.
    pub(super) fn listed(&self, wanted: impl Fn(&Named) -> bool) -> String {
        let all = self.0.iter().filter(|(_, named)| wanted(named));
        let all: Vec<_> = all.map(|(id, _)| format!("`{id}`")).collect();
        match all.is_empty() {
            true => "there is none".into(),
            false => format!("there are: {}", all.join(", ")),
        }
    }
}

impl Lowering<'_> {
    /// Collects all ids and tells the ones that stand twice.
    pub(super) fn collect_names(&mut self, raw: &Document) -> Names {
        let mut names = Names::default();
        for guard in &raw.guard {
            self.name(&mut names, &guard.value.id, Kind::Guard, None);
        }
        for (i, phase) in raw.phase.iter().enumerate() {
            let phase = &phase.value;
            self.name(&mut names, &phase.id, Kind::Phase, Some(i));
            for step in &phase.step {
                let kind = kind_of(&step.value);
                self.name(&mut names, &step.value.id, kind, Some(i));
            }
            for step in phase.rollback.iter().flatten() {
                self.name(&mut names, &step.value.id, Kind::Rollback, Some(i));
            }
            for gate in &phase.gate {
                self.name(&mut names, &gate.value.id, Kind::Gate, Some(i));
            }
        }
        names
    }

    fn name(&mut self, names: &mut Names, id: &At<String>, kind: Kind, phase: Option<usize>) {
        self.check_id(id);
        let named = Named {
            kind,
            phase,
            span: id.span.clone(),
        };
        if let Some(first) = names.0.get(&id.value) {
            let message = format!("`{}` names two things", id.value);
            let fault =
                Diagnostic::fault("duplicate-id", Place::in_runbook(id.span.clone()), message)
                    .label(Place::in_runbook(first.span.clone()), "named first here")
                    .hint("phases, steps, gates and guards share one namespace");
            self.found.push(fault);
        } else {
            names.0.insert(id.value.clone(), named);
        }
    }
}

fn kind_of(step: &Step) -> Kind {
    match step.parity {
        Some(_) => Kind::Parity,
        None => Kind::Step,
    }
}
