//! Soaks: observed GO time, and nothing else, counts.
//!
//! Owns the clockwork of `soak` gates. Time in which this engine did not look
//! (a crash, a stopped process, a lost link) is not observed; trouble of a gate
//! or guard in `resets_on` begins it anew.

use std::time::Duration;

use jiff::Timestamp;

use super::gate;
use super::memory::Memory;
use super::message::Decision;
use crate::reading::elapsed;
use crate::run::Run;
use crate::run::event::{EventKind, Rung};
use crate::runbook::{Condition, Gate, GateId};

/// A longer gap between two inputs is time that nobody observed.
const GAP: Duration = Duration::from_secs(3);

/// Credits the time since the last input, and records what is worth it.
pub fn settle(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    let since = memory.soaked_at.replace(now).unwrap_or(now);
    let passed = Some(elapsed(since, now)).filter(|passed| *passed <= GAP);
    let standing = gate::standing(run);
    // One of a phase that was taken back begins anew when it stands again.
    memory
        .soaks
        .retain(|id, _| standing.iter().any(|gate| gate.id == *id));
    for gate in standing {
        let Condition::Soak {
            duration,
            resets_on,
        } = &gate.condition
        else {
            continue;
        };
        let phase = run.plan.gate(&gate.id).map(|(phase, _)| phase);
        if !phase.is_some_and(|phase| gate::steps_before_are_done(run, phase, gate)) {
            continue;
        }
        let recorded = recorded(run, &gate.id);
        let soaked = memory.soaks.get(&gate.id).copied().unwrap_or(recorded);
        let trouble = resets_on.iter().find(|id| in_trouble(run, memory, id, now));
        let soaked = match trouble {
            Some(_) => Duration::ZERO,
            None => soaked + passed.unwrap_or_default(),
        };
        memory.soaks.insert(gate.id.clone(), soaked);
        if worth_recording(recorded, soaked, *duration) {
            decision.events.push(EventKind::Soaked {
                gate: gate.id.clone(),
                observed_ms: u64::try_from(soaked.as_millis()).unwrap_or(u64::MAX),
                reset_by: trouble.cloned(),
            });
        }
    }
}

/// Observed GO time of a soak so far.
pub fn observed(run: &Run, memory: &Memory, gate: &GateId) -> Duration {
    let soaked = memory.soaks.get(gate).copied();
    soaked.unwrap_or_else(|| recorded(run, gate))
}

fn recorded(run: &Run, gate: &GateId) -> Duration {
    run.gates.get(gate).map_or(Duration::ZERO, |g| g.soaked)
}

/// A twentieth of the way, a reset, or the end.
fn worth_recording(recorded: Duration, soaked: Duration, duration: Duration) -> bool {
    let step = (duration / 20).max(Duration::from_secs(10));
    let ended = soaked >= duration && recorded < duration;
    ended || soaked < recorded || (soaked < duration && soaked - recorded >= step)
}

/// Whether a gate that `resets_on` names is not open, or a guard stalls.
fn in_trouble(run: &Run, memory: &Memory, id: &str, now: Timestamp) -> bool {
    let by_gate = gate_named(run, id)
        .is_some_and(|(phase, gate)| !gate::judge(run, memory, phase, gate, now).verdict.opens());
    let guards = memory.guards.iter();
    let by_guard = guards
        .filter(|(guard, _)| guard.as_str() == id)
        .any(|(_, state)| state.rung >= Rung::Stall);
    by_gate || by_guard
}

fn gate_named<'a>(run: &'a Run, id: &str) -> Option<(usize, &'a Gate)> {
    run.plan.gate(&GateId::new(id))
}

/// Gates that a standing soak watches: they are sampled although they may
/// have been passed.
pub fn watched(run: &Run) -> Vec<&Gate> {
    let soaks = gate::standing(run);
    let ids = soaks.into_iter().flat_map(|gate| match &gate.condition {
        Condition::Soak { resets_on, .. } => resets_on.as_slice(),
        _ => &[],
    });
    ids.filter_map(|id| gate_named(run, id).map(|(_, gate)| gate))
        .collect()
}
