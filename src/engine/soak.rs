//! Soaks: observed GO time, and nothing else, counts.
//!
//! Owns the clockwork of `soak` gates. Time in which this engine did not look
//! (a crash, a stopped process, a lost link), or in which a gate or guard of
//! `resets_on` did not answer, is not observed. Trouble that one of them answers
//! begins it anew; that one has not been asked yet is no trouble.

use std::time::Duration;

use jiff::Timestamp;

use super::memory::Memory;
use super::message::Decision;
use super::{gate, guard};
use crate::reading::elapsed;
use crate::run::Run;
use crate::run::event::{EventKind, Rung, Verdict};
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
        let seen = |id: &&String| watch(run, memory, id, now);
        let trouble = resets_on.iter().find(|id| seen(id) == Seen::Trouble);
        let soaked = match trouble {
            Some(_) => Duration::ZERO,
            None if resets_on.iter().all(|id| seen(&id) == Seen::Fine) => {
                soaked + passed.unwrap_or_default()
            }
            None => soaked,
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

/// What a gate or guard that a soak watches says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Fine,
    /// No answer, or none that is still one: it neither counts nor resets.
    Unknown,
    Trouble,
}

/// A gate is in trouble at a NO-GO, a guard when a live value makes it stall.
fn watch(run: &Run, memory: &Memory, id: &str, now: Timestamp) -> Seen {
    if let Some((phase, gate)) = gate_named(run, id) {
        return match gate::judge(run, memory, phase, gate, now).verdict {
            verdict if verdict.opens() => Seen::Fine,
            Verdict::NoGo => Seen::Trouble,
            _ => Seen::Unknown,
        };
    }
    let mut guards = run.plan.body.guards.iter();
    let guard = guards.find(|guard| guard.id.as_str() == id);
    let state = guard.and_then(|guard| Some((guard, memory.guards.get(&guard.id)?)));
    match state {
        Some((guard, state)) if guard::live(guard, state, now).is_some() => match state.rung {
            Rung::Stall | Rung::Hold => Seen::Trouble,
            Rung::Quiet | Rung::Throttle => Seen::Fine,
        },
        _ => Seen::Unknown,
    }
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
