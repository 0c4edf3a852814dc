//! Owns the lowering of phases and the rules of the point of no return.

use super::Lowering;
use crate::runbook::raw::{self, At, Document};
use crate::runbook::sql::lint::Role;
use crate::runbook::{Enter, Phase, PhaseId, RoleId, Step};

/// Where a step stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// Index into what steps accept.
    pub(super) step: usize,
    /// When its SQL runs.
    pub(super) role: Role,
    /// Its phase may hold irreversible steps.
    pub(super) no_return: bool,
    /// An irreversible step comes before it.
    pub(super) past: bool,
    /// Its phase has rollback steps of its own.
    pub(super) rollback: bool,
}

impl Lowering<'_> {
    /// The phases, in order, then the lints over all their SQL.
    pub(super) fn phases(&mut self, raw: &Document) -> Vec<Phase> {
        if raw.phase.is_empty() && !self.damage.lost("phase") {
            self.fault("missing-field", &(0..0), "there is no phase");
        }
        let last = raw.phase.len().saturating_sub(1);
        let mut past = false;
        let mut phases = Vec::new();
        for (i, phase) in raw.phase.iter().enumerate() {
            phases.push(self.phase(i, phase, i == last, &mut past, raw));
        }
        self.check_every_phase_names(&raw.phase);
        self.lint();
        phases
    }

    fn phase(
        &mut self,
        index: usize,
        raw: &At<raw::Phase>,
        last: bool,
        past: &mut bool,
        document: &Document,
    ) -> Phase {
        let fields = &raw.value;
        let no_return = fields
            .point_of_no_return
            .as_ref()
            .is_some_and(|flag| flag.value);
        self.check_entry(raw, no_return);
        if let Some(owner) = &fields.owner {
            self.role(owner, document);
        }
        let spot = Spot {
            step: 0,
            role: if last { Role::Last } else { Role::Early },
            no_return,
            past: *past,
            rollback: fields.rollback.is_some(),
        };
        let steps = self.steps(&fields.step, spot, past);
        let back = Spot {
            role: Role::Back,
            ..spot
        };
        let rollback = fields.rollback.as_ref();
        let rollback = rollback.map(|steps| self.steps(steps, back, &mut false));
        let gates = fields
            .gate
            .iter()
            .filter_map(|gate| self.gate(gate, index, document))
            .collect();
        Phase {
            id: PhaseId::new(fields.id.value.clone()),
            owner: fields
                .owner
                .as_ref()
                .map(|owner| RoleId::new(owner.value.clone())),
            notes: fields.notes.as_ref().map(|notes| self.plain(notes)),
            enter: fields
                .enter
                .as_ref()
                .map_or(Enter::Person, |enter| enter.value),
            point_of_no_return: no_return,
            compatible: self.compatible(&fields.compatible),
            steps,
            rollback,
            gates,
        }
    }

    /// Steps in order; `past` turns true behind the first irreversible one.
    fn steps(&mut self, raw: &[At<raw::Step>], spot: Spot, past: &mut bool) -> Vec<Step> {
        let mut steps = Vec::new();
        for step in raw {
            let spot = Spot {
                past: *past,
                ..spot
            };
            steps.extend(self.step(step, spot));
            *past |= step.value.irreversible.is_some();
        }
        steps
    }

    /// The rules between the flag, the steps and `enter`.
    fn check_entry(&mut self, raw: &At<raw::Phase>, no_return: bool) {
        let fields = &raw.value;
        if !no_return {
            return;
        }
        if let Some(enter) = fields
            .enter
            .as_ref()
            .filter(|enter| enter.value == Enter::Auto)
        {
            let message = "a person has to cross into a point of no return";
            self.fault("auto-into-no-return", &enter.span, message);
        }
        let irreversible = fields
            .step
            .iter()
            .any(|step| step.value.irreversible.is_some());
        if !irreversible
            && !self.damage.touched(&raw.span)
            && let Some(flag) = &fields.point_of_no_return
        {
            let message = format!("no step of `{}` is irreversible", fields.id.value);
            let hint =
                "say on the step what is lost, `irreversible = \"...\"`, or leave the flag out";
            self.fault_with("no-irreversible-step", &flag.span, message, hint);
        }
    }

    /// Tells a role that there is not; gives the one that there is.
    pub(super) fn role<'r>(
        &mut self,
        wanted: &At<String>,
        document: &'r Document,
    ) -> Option<&'r raw::Role> {
        let role = document
            .roles
            .iter()
            .find(|(name, _)| name.value == wanted.value);
        if role.is_none() && !self.damage.lost(&wanted.value) {
            let known: Vec<_> = document
                .roles
                .iter()
                .map(|(name, _)| format!("`{}`", name.value))
                .collect();
            let message = format!("there is no role `{}`", wanted.value);
            let hint = match known.is_empty() {
                true => "declare it under [roles]".into(),
                false => format!("there are: {}", known.join(", ")),
            };
            self.fault_with("dangling-id", &wanted.span, message, hint);
        }
        role.map(|(_, role)| &role.value)
    }
}
