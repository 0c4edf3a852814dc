//! Whatever comes in, in whatever order: only legal events, no gate opened
//! without a GO, no irreversible step without fresh answers, and one fold.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::{World, forward, summary};
use crate::engine::message::{Ask, Ended, Found, Message, Outcome as Ending};
use crate::plan::fixture::{
    backfill, drop_old, exec, lag_guard, manual, parity, parity_gate, phase, plan, signoff, soak,
    sql, sql_gate,
};
use crate::plan::{Phase, Plan};
use crate::reading::{Absence, Reading};
use crate::run::again::Again;
use crate::run::event::{Answer, EventKind, Percent, Task, Verdict};
use crate::run::evolve::{evolve, fold};
use crate::run::fault::{Fault, Trouble};
use crate::runbook::{At, Gate, GateId, StepId};

/// A plan with every kind of step and gate.
fn everything() -> Plan {
    let mut expand = phase("expand", vec![sql("add-column"), manual("deployed")]);
    expand.gates = vec![signoff("app-works", At::Exit)];
    let copy = phase("backfill", vec![backfill("copy")]);
    let mut verify = phase("verify", vec![parity("emails")]);
    verify.gates = vec![
        parity_gate("exact", "emails"),
        soak("bake", At::Exit, 5, &["lag"]),
    ];
    let mut switch = phase("switch", vec![exec("flag-10"), exec("flag-100")]);
    switch.rollback = Some(vec![exec("flag-0")]);
    switch.gates = vec![sql_gate("latency", At::After(StepId::new("flag-10")))];
    let mut contract = phase("contract", vec![drop_old("drop-old")]);
    contract.point_of_no_return = true;
    contract.gates = vec![sql_gate("old-gone", At::Entry)];
    let mut plan = plan(vec![expand, copy, verify, switch, contract]);
    plan.body.guards = vec![lag_guard("lag")];
    plan
}

/// The end of such a plan, where random moves come to: gates behind steps, the
/// last one included, and a step without a way back behind them.
fn the_brink() -> Plan {
    let mut switch = phase("switch", vec![sql("flag")]);
    switch.gates = vec![sql_gate("settled", At::After(StepId::new("flag")))];
    let steps = vec![sql("prepare"), sql("not-null"), drop_old("drop-old")];
    let mut contract = phase("contract", steps);
    contract.point_of_no_return = true;
    contract.gates = vec![
        sql_gate("old-gone", At::Entry),
        sql_gate("exact", At::After(StepId::new("prepare"))),
        sql_gate("dropped", At::After(StepId::new("drop-old"))),
    ];
    plan(vec![switch, contract])
}

/// What the world may do next.
#[derive(Debug, Clone)]
enum Move {
    Pass(u8),
    Sample(u8),
    End(u8, u8),
    Probe(u8),
    Lag(u8),
    Ask(u8),
    Crash,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (1..5u8).prop_map(Move::Pass),
        4 => any::<u8>().prop_map(Move::Sample),
        6 => any::<(u8, u8)>().prop_map(|(which, how)| Move::End(which, how)),
        2 => any::<u8>().prop_map(Move::Probe),
        2 => any::<u8>().prop_map(Move::Lag),
        8 => any::<u8>().prop_map(Move::Ask),
        1 => Just(Move::Crash),
    ];
    proptest::collection::vec(one, 1..150)
}

fn make(world: &mut World, step: &Move) {
    match step {
        Move::Pass(seconds) => world.pass(u64::from(*seconds)),
        Move::Sample(n) => {
            use Verdict::{Error, Go, Inconclusive, NoGo};
            let all = [Go, Go, Go, NoGo, Inconclusive, Error];
            world.answer_queries(all[usize::from(*n) % all.len()]);
        }
        Move::End(which, how) => end(world, *which, *how),
        Move::Probe(n) => probe(world, *n),
        Move::Lag(n) => {
            let value = match n % 4 {
                0 => Reading::Absent {
                    why: Absence::TimedOut,
                    since: None,
                },
                1 => Reading::measured(90.0, world.now),
                _ => Reading::measured(f64::from(n % 3), world.now),
            };
            world.measure("lag", value);
        }
        Move::Ask(n) => ask(world, *n),
        Move::Crash => world.crash(),
    }
}

fn in_flight(world: &World, probes: bool, which: u8) -> Option<Task> {
    let flights = world.memory.flights.iter();
    let tasks: Vec<_> = flights.filter(|(_, f)| f.probe == probes).collect();
    let (task, _) = tasks.get(usize::from(which) % tasks.len().max(1))?;
    Some((*task).clone())
}

fn end(world: &mut World, which: u8, how: u8) {
    let Some(task) = in_flight(world, false, which) else {
        return;
    };
    let fault = |trouble| Fault::new(trouble, "boom");
    let outcome = match how % 8 {
        0 => Ending::NotDone(fault(Trouble::LockTimeout)),
        1 => Ending::NotDone(fault(Trouble::Interrupted)),
        2 => Ending::Unknown(fault(Trouble::ConnectionLost)),
        3 => Ending::NotDone(fault(Trouble::Other)),
        _ => Ending::Done(summary(&world.run, &task)),
    };
    world.input(Message::Ended(Ended { task, outcome }));
}

fn probe(world: &mut World, n: u8) {
    let Some(task) = in_flight(world, true, n) else {
        return;
    };
    use Found::{Done, Never, NotDone, NotNow};
    let found = [Done, NotDone, Never, NotNow][usize::from(n) % 4];
    world.input(Message::Probed {
        task,
        found,
        how: "looked".into(),
    });
}

fn ask(world: &mut World, n: u8) {
    let run = &world.run;
    let reason = || "because".to_owned();
    let phases = run.plan.phases();
    let into = phases.get(run.boundary()).unwrap_or(&phases[0]).id.clone();
    let current = run.phase().id.clone();
    let open = run.open_questions().next().map(|(task, _)| task.clone());
    let ask = match n % 16 {
        0 => Ask::Hold { reason: reason() },
        1 | 2 => Ask::Release,
        3 => Ask::Pause,
        4 => Ask::Resume,
        5 => Ask::Pace { pace: Percent(n) },
        6 => Ask::Rollback {
            phase: current,
            reason: None,
        },
        7 if n > 200 => Ask::Unwind { reason: None },
        8 => Ask::Answer {
            step: StepId::new("deployed"),
        },
        9 | 10 => Ask::Resolve {
            task: open.unwrap_or_else(|| forward("copy")),
            done: n > 128,
            how: reason(),
        },
        11 => Ask::Sign {
            gate: GateId::new("app-works"),
            seat: None,
            answer: if n > 60 { Answer::Go } else { Answer::NoGo },
            reason: None,
        },
        12 => Ask::Rerun {
            step: StepId::new(if n > 128 { "copy" } else { "emails" }),
            what: Again::Whole,
        },
        _ => Ask::Advance { into },
    };
    let user = if n % 16 == 11 { "bo" } else { "ana" };
    world.ask_as(user, ask);
}

/// Every crossing carries a GO of each gate of its boundary, and each gate
/// behind a step was passed by a GO before its phase was left.
fn crossings_have_evidence(world: &World) {
    let plan = &world.run.plan;
    let mut passed = BTreeSet::new();
    let left = |phase: &Phase, passed: &BTreeSet<GateId>| {
        let behind = |gate: &&Gate| matches!(gate.at, At::After(_));
        for gate in phase.gates.iter().filter(behind) {
            assert!(passed.contains(&gate.id), "{} was left without", phase.id);
        }
    };
    for event in &world.journal {
        match &event.kind {
            EventKind::GatePassed { evidence } => {
                assert!(evidence.verdict.opens(), "{evidence:?}");
                passed.insert(evidence.gate.clone());
            }
            EventKind::PhaseRolledBack { phase } => {
                let phase = plan.phases().iter().find(|p| p.id == *phase).unwrap();
                passed.retain(|gate| phase.gates.iter().all(|g| g.id != *gate));
            }
            EventKind::Finished => left(plan.phases().last().unwrap(), &passed),
            _ => {}
        }
        if let EventKind::PhaseEntered {
            phase, evidence, ..
        } = &event.kind
        {
            let index = plan.phases().iter().position(|p| &p.id == phase).unwrap();
            let wanted = world.run.boundary_gates(index).count();
            assert_eq!(evidence.len(), wanted, "into {phase}");
            assert!(evidence.iter().all(|e| e.verdict.opens()), "into {phase}");
            if let Some(before) = index.checked_sub(1) {
                left(&plan.phases()[before], &passed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_sequence_is_legal_and_folds_the_same_way(moves in moves()) {
        let mut world = World::new(everything());
        for step in &moves {
            make(&mut world, step);
        }
        crossings_have_evidence(&world);
        let folded = fold(&world.journal).unwrap().unwrap();
        prop_assert_eq!(&folded, &world.run, "one fold");
        let mut twice = folded;
        for event in &world.journal {
            evolve(&mut twice, event).unwrap();
        }
        prop_assert_eq!(&twice, &world.run, "duplicates are ignored");
    }

    #[test]
    fn no_gate_behind_a_step_is_left_out_and_no_drop_rests_on_old_answers(moves in moves()) {
        let mut world = World::new(the_brink());
        for step in &moves {
            make(&mut world, step);
        }
        crossings_have_evidence(&world);
    }

    #[test]
    fn what_the_engine_remembers_survives_the_way_to_another_terminal(moves in moves()) {
        let mut world = World::new(everything());
        for step in &moves {
            make(&mut world, step);
        }
        let json = serde_json::to_string(&world.memory).unwrap();
        let there: crate::engine::memory::Memory = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(format!("{there:?}"), format!("{:?}", world.memory));
    }

    #[test]
    fn events_survive_their_serialised_form(moves in moves()) {
        let mut world = World::new(everything());
        for step in &moves {
            make(&mut world, step);
        }
        for event in &world.journal {
            let json = serde_json::to_string(event).unwrap();
            let back: crate::run::event::Event = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&back, event);
            let tag = serde_json::to_value(&event.kind).unwrap()["kind"].clone();
            prop_assert_eq!(tag.as_str(), Some(event.kind.tag()));
        }
    }
}
