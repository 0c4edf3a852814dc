//! Owns the lowering of guards, of what they measure and of their ladder.

use std::time::Duration;

use super::Lowering;
use crate::runbook::raw::{self, At, SignalName};
use crate::runbook::{Connection, Guard, GuardId, NoData, Signal, StandbyId, Threshold};

/// How long a query may take unless it says otherwise.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

impl Lowering<'_> {
    /// A guard, where its signal is known. `first` is the connection that
    /// built-in signals are of.
    pub(super) fn guard(
        &mut self,
        raw: &At<raw::Guard>,
        first: Option<&Connection>,
    ) -> Option<Guard> {
        let guard = &raw.value;
        let signal = self.signal(raw, first);
        let rungs = [
            guard.throttle.is_some(),
            guard.stall.is_some(),
            guard.hold.is_some(),
        ];
        if !rungs.contains(&true) && !self.damage.touched(&raw.span) {
            let hint = "give it `throttle`, `stall` or `hold`";
            self.fault_with("missing-field", &raw.span, "this guard does nothing", hint);
        }
        let signal = signal?;
        let unit = signal.unit();
        let throttle = guard.throttle.as_ref();
        let throttle = throttle.map(|raw| self.threshold(&raw.value, unit));
        let stall = guard.stall.as_ref();
        let stall = stall.map(|raw| self.stall(&raw.value, unit));
        let hold = guard.hold.as_ref();
        let hold = hold.map(|raw| self.threshold(&raw.value, unit));
        self.check_ladder(guard, [throttle, stall.map(|stall| stall.at), hold]);
        Some(Guard {
            id: GuardId::new(guard.id.value.clone()),
            every: self.positive(guard.every.as_ref(), Duration::from_secs(1)),
            signal,
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
        let mut below = f64::NEG_INFINITY;
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

    /// Exactly one of `signal` and `sql`, with the selectors that go with it.
    fn signal(&mut self, raw: &At<raw::Guard>, first: Option<&Connection>) -> Option<Signal> {
        let guard = &raw.value;
        match (&guard.signal, &guard.sql) {
            (None, None) => {
                if !self.damage.touched(&raw.span) {
                    let hint = "give it `signal` or `sql`";
                    self.fault_with(
                        "missing-field",
                        &raw.span,
                        "this guard measures nothing",
                        hint,
                    );
                }
                None
            }
            (Some(_), Some(sql)) => {
                let hint = "exactly one of `signal`, `sql`";
                self.fault_with(
                    "exactly-one",
                    &sql.span,
                    "this guard has a signal already",
                    hint,
                );
                None
            }
            (None, Some(sql)) => {
                self.check_selectors(guard, None);
                Some(self.sql_probe(&sql.value))
            }
            (Some(name), None) => {
                self.check_selectors(guard, Some(name.value));
                self.built_in(guard, name, first)
            }
        }
    }

    fn built_in(
        &mut self,
        guard: &raw::Guard,
        name: &At<SignalName>,
        first: Option<&Connection>,
    ) -> Option<Signal> {
        Some(match name.value {
            SignalName::ReplicationLag => {
                let standby = guard.standby.as_ref();
                let standby = standby.map(|raw| self.known_standby(raw, first));
                Signal::ReplicationLag { standby }
            }
            SignalName::WaitingBehindUs => Signal::WaitingBehindUs,
            SignalName::WalRate => Signal::WalRate,
            SignalName::ArchiveQueue => Signal::ArchiveQueue,
            SignalName::SlotRetention => {
                let slot = guard.slot.as_ref().map(|raw| self.said(raw));
                Signal::SlotRetention { slot }
            }
            SignalName::OldestXmin => Signal::OldestXmin,
            SignalName::DeadTuples => match &guard.table {
                Some(table) => Signal::DeadTuples {
                    table: self.table(table),
                },
                None => {
                    let message = "`dead_tuples` of which table?";
                    let hint = "give it `table`";
                    self.fault_with("missing-field", &name.span, message, hint);
                    return None;
                }
            },
            SignalName::ActiveBackends => Signal::ActiveBackends,
        })
    }

    /// Tells a selector that goes with another signal: it would be ignored.
    fn check_selectors(&mut self, guard: &raw::Guard, signal: Option<SignalName>) {
        let selectors = [
            ("standby", &guard.standby, SignalName::ReplicationLag),
            ("slot", &guard.slot, SignalName::SlotRetention),
            ("table", &guard.table, SignalName::DeadTuples),
        ];
        for (field, given, of) in selectors {
            if let Some(given) = given.as_ref().filter(|_| signal != Some(of)) {
                let message = format!("this signal has no `{field}`");
                self.fault("bad-value", &given.span, message);
            }
        }
    }

    fn known_standby(&mut self, raw: &At<String>, first: Option<&Connection>) -> StandbyId {
        let id = StandbyId::new(raw.value.clone());
        let standbys = first.map_or(&[][..], |first| &first.standbys);
        if !standbys.iter().any(|standby| standby.id == id) && !self.damage.lost(&raw.value) {
            let known: Vec<_> = standbys
                .iter()
                .map(|standby| format!("`{}`", standby.id))
                .collect();
            self.fault_with(
                "dangling-id",
                &raw.span,
                format!("the first connection has no standby `{}`", raw.value),
                match known.is_empty() {
                    true => "it has none: [connections.NAME.standbys.NAME]".into(),
                    false => format!("there are: {}", known.join(", ")),
                },
            );
        }
        id
    }

    fn sql_probe(&mut self, raw: &raw::SqlProbe) -> Signal {
        Signal::Sql {
            query: self.query(&raw.query),
            on: self.connection(raw.on.as_ref()),
            timeout: self.positive(raw.timeout.as_ref(), PROBE_TIMEOUT),
        }
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
