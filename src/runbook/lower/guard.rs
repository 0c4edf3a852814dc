//! Owns the lowering of guards and their ladder of thresholds.

use std::time::Duration;

use super::Lowering;
use crate::runbook::raw::{self, At};
use crate::runbook::{Guard, GuardId, NoData, Signal, Stall, Threshold};

impl Lowering<'_> {
    /// A guard, where its signal is known.
    pub(super) fn guard(&mut self, raw: &At<raw::Guard>) -> Option<Guard> {
        let guard = &raw.value;
        let signal = self.signal(raw);
        let throttle = guard
            .throttle
            .as_ref()
            .map(|raw| self.threshold(&raw.value));
        let stall = guard.stall.as_ref().map(|raw| self.stall(&raw.value));
        let hold = guard.hold.as_ref().map(|raw| self.threshold(&raw.value));
        if throttle.is_none()
            && stall.is_none()
            && hold.is_none()
            && !self.damage.touched(&raw.span)
        {
            let hint = "give it `throttle`, `stall` or `hold`";
            self.fault_with("missing-field", &raw.span, "this guard does nothing", hint);
        }
        self.check_ladder(guard, [throttle, stall.map(|stall| stall.at), hold]);
        Some(Guard {
            id: GuardId::new(guard.id.value.clone()),
            every: self.positive(guard.every.as_ref(), Duration::from_secs(1)),
            signal: signal?,
            throttle,
            stall,
            hold,
            no_data: self.no_data(guard.no_data.as_ref()),
        })
    }

    /// Tells a rung that trips before the gentler one.
    fn check_ladder(&mut self, raw: &raw::Guard, rungs: [Option<Threshold>; 3]) {
        let spans = [
            raw.throttle.as_ref().map(|rung| &rung.value.above.span),
            raw.stall.as_ref().map(|rung| &rung.value.above.span),
            raw.hold.as_ref().map(|rung| &rung.value.above.span),
        ];
        let mut below = 0.0;
        for (rung, span) in rungs.into_iter().zip(spans) {
            let (Some(rung), Some(span)) = (rung, span) else {
                continue;
            };
            if rung.above < below {
                let message = "this rung is lower than the one before it";
                self.fault_with(
                    "bad-threshold",
                    span,
                    message,
                    "throttle, then stall, then hold",
                );
            }
            below = rung.above;
        }
    }

    fn signal(&mut self, raw: &At<raw::Guard>) -> Option<Signal> {
        let Some(signal) = &raw.value.signal else {
            if !self.damage.touched(&raw.span) {
                self.fault("missing-field", &raw.span, "this guard measures nothing");
            }
            return None;
        };
        if signal.value == "replication_lag" {
            return Some(Signal::ReplicationLag);
        }
        let message = format!("the signal `{}` is not supported yet", signal.value);
        self.fault_with(
            "not-supported-yet",
            &signal.span,
            message,
            "known: `replication_lag`",
        );
        None
    }

    fn threshold(&mut self, raw: &raw::Threshold) -> Threshold {
        Threshold {
            above: self.seconds(&raw.above),
            hold_for: self.duration_or(raw.hold_for.as_ref(), Duration::ZERO),
        }
    }

    fn stall(&mut self, raw: &raw::StallAt) -> Stall {
        let at = Threshold {
            above: self.seconds(&raw.above),
            hold_for: self.duration_or(raw.hold_for.as_ref(), Duration::ZERO),
        };
        let until_below = match &raw.until_below {
            Some(until) => {
                let value = self.seconds(until);
                if value > at.above {
                    let message = "a stall has to end at or below where it begins";
                    self.fault("bad-threshold", &until.span, message);
                }
                value
            }
            None => at.above,
        };
        Stall { at, until_below }
    }

    fn no_data(&mut self, raw: Option<&raw::NoData>) -> NoData {
        let default = NoData::default();
        let stall = raw.and_then(|raw| raw.stall.as_ref());
        let hold = raw.and_then(|raw| raw.hold.as_ref());
        NoData {
            stall: self.duration_or(stall, default.stall),
            hold: self.duration_or(hold, default.hold),
        }
    }
}
