//! Owns the lowering of steps and of what they accept.

use super::Lowering;
use super::action::Kinds;
use super::phase::Spot;
use crate::runbook::diagnostic::{Diagnostic, Severity};
use crate::runbook::raw::{self, At};
use crate::runbook::source::Place;
use crate::runbook::sql::lint;
use crate::runbook::{COMPILE_HAZARDS, Step, StepId};

/// What a step accepts: code, reason, place, and whether it was ever needed.
pub(super) struct Accepted {
    code: String,
    reason: String,
    place: Place,
    used: bool,
}

impl Lowering<'_> {
    /// A step of a phase, or of its rollback.
    pub(super) fn step(&mut self, raw: &At<raw::Step>, mut spot: Spot) -> Option<Step> {
        let fields = &raw.value;
        spot.step = self.accepted.len();
        let accepted = self.accepts(fields);
        self.accepted.push(accepted);
        let kinds = Kinds {
            sql: fields.sql.as_ref(),
            backfill: fields.backfill.as_ref(),
            parity: fields.parity.as_ref(),
            exec: fields.exec.as_ref(),
            manual: fields.manual.as_ref(),
            wait: fields.wait.as_ref(),
        };
        let first_unit = self.units.len();
        let action = self.action(&kinds, &raw.span, spot);
        let unit = (self.units.len() > first_unit).then_some(first_unit);
        let undo = fields.undo.as_ref().and_then(|undo| self.undo(undo, spot));
        let done_when = self.done_when(
            fields.done_when.as_ref(),
            fields.exec.as_ref(),
            fields.sql.as_ref(),
        );
        let undo_fields = fields.undo.as_ref().map(|undo| &undo.value);
        let undo_done_when = undo_fields
            .and_then(|undo| self.done_when(None, undo.exec.as_ref(), undo.sql.as_ref()));
        let on = self.connection(fields.on.as_ref());
        let action = action?;
        let reversal = self.reversal(raw, &action, undo, unit, spot);
        self.remember_columns(fields, unit, &reversal);
        Some(Step {
            id: StepId::new(fields.id.value.clone()),
            on,
            action,
            reversal,
            done_when,
            undo_done_when,
            accept: fields
                .accept
                .iter()
                .map(|(k, v)| (k.value.clone(), v.value.clone()))
                .collect(),
        })
    }

    /// The probe of a step, or of its undo: beside the kind's sub-table or in it.
    fn done_when(
        &mut self,
        beside: Option<&At<raw::DoneWhen>>,
        exec: Option<&At<raw::Exec>>,
        sql: Option<&At<raw::Sql>>,
    ) -> Option<crate::runbook::Probe> {
        let exec = exec.map(|exec| &exec.value);
        let places = [
            beside,
            exec.and_then(|exec| exec.done_when.as_ref()),
            sql.and_then(|sql| sql.value.done_when.as_ref()),
        ];
        let mut given = places.into_iter().flatten();
        let probe = given.next()?;
        if let Some(second) = given.next() {
            self.fault(
                "exactly-one",
                &second.span,
                "this step has a `done_when` already",
            );
        }
        Some(self.probe(probe, exec))
    }

    /// What `accept` names, unknown codes told.
    fn accepts(&mut self, raw: &raw::Step) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        for (code, reason) in raw.accept.iter() {
            // What compile may say shows against a catalog only.
            let compiled = COMPILE_HAZARDS.contains(&code.value.as_str());
            if compiled || lint::is_hazard(&code.value) {
                self.said(reason);
                accepted.push(Accepted {
                    code: code.value.clone(),
                    reason: reason.value.clone(),
                    place: Place::in_runbook(code.span.clone()),
                    used: compiled,
                });
            } else {
                let known = lint::hazards().map(|(code, _)| code);
                let known: Vec<_> = known
                    .chain(COMPILE_HAZARDS.iter().copied())
                    .map(|code| format!("`{code}`"))
                    .collect();
                let message = format!("`{}` is no fault that can be accepted", code.value);
                let hint = format!("these can: {}", known.join(", "));
                self.fault_with("unknown-accept", &code.span, message, hint);
            }
        }
        accepted
    }

    /// Lints all SQL at once; what its step accepts becomes a warning.
    pub(super) fn lint(&mut self) {
        for (step, mut told) in lint::lint(&self.units) {
            let accepted = self.accepted[step]
                .iter_mut()
                .find(|accepted| accepted.code == told.code);
            if let Some(accepted) = accepted {
                accepted.used = true;
                told.severity = Severity::Warning;
                told.hint = Some(format!("accepted: {}", accepted.reason));
            }
            self.found.push(told);
        }
        for accepted in self
            .accepted
            .iter()
            .flatten()
            .filter(|accepted| !accepted.used)
        {
            let message = format!("nothing here has the fault `{}` any more", accepted.code);
            self.found.push(Diagnostic::warning(
                "unused-accept",
                accepted.place,
                message,
            ));
        }
    }
}
