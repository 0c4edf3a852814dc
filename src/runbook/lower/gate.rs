//! Owns the lowering of gates and of the ids that they refer to.

use std::time::Duration;

use super::Lowering;
use super::names::{Kind, Named};
use crate::runbook::raw::{self, At, Document};
use crate::runbook::{
    At as Boundary, Condition, Gate, GateId, ParityGate, Permission, RoleId, StepId,
};

impl Lowering<'_> {
    /// A gate of the phase with this index.
    pub(super) fn gate(
        &mut self,
        raw: &At<raw::Gate>,
        phase: usize,
        document: &Document,
    ) -> Option<Gate> {
        let fields = &raw.value;
        let at = self.boundary(fields.at.as_ref(), phase);
        let every = self.positive(fields.every.as_ref(), Duration::from_secs(2));
        let condition = self.condition(raw, phase, document)?;
        Some(Gate {
            id: GateId::new(fields.id.value.clone()),
            at,
            condition,
            waivable: fields.waivable.unwrap_or(true),
            every,
        })
    }

    /// `entry`, `exit`, or `after STEP` with a step of the same phase.
    fn boundary(&mut self, raw: Option<&At<String>>, phase: usize) -> Boundary {
        let Some(raw) = raw else {
            return Boundary::Exit;
        };
        match raw.value.as_str() {
            "entry" => return Boundary::Entry,
            "exit" => return Boundary::Exit,
            _ => {}
        }
        let Some(step) = raw.value.strip_prefix("after ").map(str::trim) else {
            let message = format!("a gate does not stand at `{}`", raw.value);
            self.fault_with(
                "bad-value",
                &raw.span,
                message,
                "`entry`, `exit` or `after STEP`",
            );
            return Boundary::Exit;
        };
        let of_phase = move |named: &Named| {
            named.phase == Some(phase) && matches!(named.kind, Kind::Step | Kind::Parity)
        };
        self.refers_to(step, &raw.span, "step of this phase", of_phase);
        Boundary::After(StepId::new(step))
    }

    /// Tells an id that names nothing of the wanted kind.
    fn refers_to(
        &mut self,
        id: &str,
        span: &std::ops::Range<usize>,
        what: &str,
        wanted: impl Fn(&Named) -> bool,
    ) {
        if !self.names.get(id).is_some_and(&wanted) && !self.damage.lost(id) {
            let hint = self.names.listed(wanted);
            self.fault_with(
                "dangling-id",
                span,
                format!("there is no {what} `{id}`"),
                hint,
            );
        }
    }

    /// The one condition of a gate.
    fn condition(
        &mut self,
        raw: &At<raw::Gate>,
        phase: usize,
        document: &Document,
    ) -> Option<Condition> {
        let fields = &raw.value;
        let present = [
            fields.sql.is_some(),
            fields.parity.is_some(),
            fields.signoff.is_some(),
            fields.soak.is_some(),
            fields.window.is_some(),
        ];
        let count = present.into_iter().filter(|present| *present).count();
        if count > 1 || (count == 0 && !self.damage.touched(&raw.span)) {
            let message = match count {
                0 => "this gate asks nothing",
                _ => "this gate asks more than one thing",
            };
            let hint = "exactly one of `sql`, `parity`, `signoff`, `soak`, `window`";
            self.fault_with("exactly-one", &raw.span, message, hint);
        }
        if let Some(sql) = &fields.sql {
            return Some(Condition::Sql {
                query: self.query(&sql.value.query),
                on: self.connection(sql.value.on.as_ref()),
            });
        }
        if let Some(parity) = &fields.parity {
            return Some(Condition::Parity(self.parity_gate(&parity.value, phase)));
        }
        if let Some(signoff) = &fields.signoff {
            return Some(self.signoff(&signoff.value, document));
        }
        if let Some(soak) = &fields.soak {
            return Some(self.soak(&soak.value));
        }
        fields
            .window
            .as_ref()
            .map(|window| self.window_gate(window, document))
    }

    fn parity_gate(&mut self, raw: &raw::ParityGate, phase: usize) -> ParityGate {
        let earlier = move |named: &Named| {
            named.kind == Kind::Parity && named.phase.is_some_and(|of| of <= phase)
        };
        self.refers_to(
            &raw.check.value,
            &raw.check.span,
            "parity step so far",
            earlier,
        );
        let coverage = raw.coverage.as_ref().map_or(1.0, |share| share.value);
        if let Some(share) = raw
            .coverage
            .as_ref()
            .filter(|share| !(0.0..=1.0).contains(&share.value))
        {
            let message = format!("`{}` is not a share from 0 to 1", share.value);
            self.fault("bad-threshold", &share.span, message);
        }
        ParityGate {
            check: StepId::new(raw.check.value.clone()),
            coverage,
            confirmed: raw.confirmed.as_ref().map_or(0, |n| n.value),
            max_age: self.positive(raw.max_age.as_ref(), Duration::from_secs(2 * 3600)),
        }
    }

    fn signoff(&mut self, raw: &raw::Signoff, document: &Document) -> Condition {
        if raw.seats.value.is_empty() {
            self.fault("bad-value", &raw.seats.span, "nobody has to sign this");
        }
        let mut seats = Vec::new();
        for seat in &raw.seats.value {
            let role = self.role(seat, document);
            let may = role.and_then(|role| role.can.as_ref());
            if may.is_some_and(|may| !may.contains(&Permission::Sign)) {
                let message = format!("the role `{}` may not sign", seat.value);
                self.fault_with(
                    "dangling-id",
                    &seat.span,
                    message,
                    "add \"sign\" to what it `can` do",
                );
            }
            seats.push(RoleId::new(seat.value.clone()));
        }
        Condition::Signoff {
            seats,
            valid_for: self.positive(raw.valid_for.as_ref(), Duration::from_secs(24 * 3600)),
        }
    }

    fn soak(&mut self, raw: &raw::Soak) -> Condition {
        for id in &raw.resets_on {
            let watched = |named: &Named| matches!(named.kind, Kind::Gate | Kind::Guard);
            self.refers_to(&id.value, &id.span, "gate or guard", watched);
        }
        Condition::Soak {
            duration: self.duration(&raw.span),
            resets_on: raw.resets_on.iter().map(|id| id.value.clone()).collect(),
        }
    }

    fn window_gate(&mut self, raw: &At<bool>, document: &Document) -> Condition {
        if !raw.value {
            self.fault(
                "bad-value",
                &raw.span,
                "write `window = true`, or leave it out",
            );
        }
        if document.window.is_none() && !self.damage.lost("window") {
            let message = "this gate waits for a window, and the runbook has none";
            self.fault_with("dangling-id", &raw.span, message, "add a [window]");
        }
        Condition::Window
    }
}
