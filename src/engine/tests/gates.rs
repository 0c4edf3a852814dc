//! Gates fail closed: table and sequences.

use std::time::Duration;

use super::world::{World, forward, summary};
use crate::engine::gate;
use crate::engine::message::{Ask, Effect, Message, Outcome as Ending, Reply};
use crate::plan::Phase;
use crate::plan::fixture::{
    drop_old, parity, parity_gate, phase, plan, signoff, soak, sql, sql_gate,
};
use crate::run::event::{Answer, Summary, Verdict};
use crate::run::{Outcome, Place};
use crate::runbook::{At, Enter, Gate, GateId, PhaseId, StepId};

pub(super) fn gated(gates: Vec<Gate>) -> Vec<Phase> {
    let mut expand = phase("expand", vec![sql("add-column")]);
    expand.gates = gates;
    vec![expand, phase("next", vec![sql("more")])]
}

fn advance(into: &str) -> Ask {
    Ask::Advance {
        into: PhaseId::new(into),
    }
}

pub(super) fn verdict_of(world: &World, gate: &str) -> Verdict {
    let (phase, planned) = world.run.plan.gate(&GateId::new(gate)).unwrap();
    gate::judge(&world.run, &world.memory, phase, planned, world.now).verdict
}

#[test]
fn only_go_opens_a_query_gate() {
    use Verdict::{Error, Go, Inconclusive, NoGo, Pending, Stale};
    for (verdict, opens) in [
        (Pending, false),
        (Go, true),
        (NoGo, false),
        (Inconclusive, false),
        (Error, false),
        (Stale, false),
    ] {
        let mut world = World::new(plan(gated(vec![sql_gate("quiet", At::Exit)])));
        world.advance("expand");
        world.succeed(&forward("add-column"));
        world.ask(advance("next"));
        assert_eq!(world.last_reply(), None, "no answer before the query's");
        world.answer_queries(verdict);
        let accepted = world.last_reply() == Some(Reply::Accepted);
        assert_eq!(
            (accepted, world.run.place == Place::In(1)),
            (opens, opens),
            "{verdict:?}"
        );
    }
}

#[test]
fn an_old_go_does_not_count_at_the_crossing() {
    let mut world = World::new(plan(gated(vec![sql_gate("quiet", At::Exit)])));
    world.advance("expand");
    world.answer_queries(Verdict::Go);
    world.succeed(&forward("add-column"));
    assert_eq!(verdict_of(&world, "quiet"), Verdict::Go);
    world.ask(advance("next"));
    assert_eq!(world.run.place, Place::In(0), "asked afresh first");
    world.answer_queries(Verdict::NoGo);
    assert!(matches!(world.last_reply(), Some(Reply::Refused(_))));
}

#[test]
fn an_answer_to_a_question_from_before_does_not_count() {
    let mut world = World::new(plan(gated(vec![sql_gate("quiet", At::Exit)])));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    // The sampling asked already and is still pending when the person advances.
    world.pass(2);
    assert!(world.memory.samples.values().any(|sample| sample.pending));
    world.ask(advance("next"));
    world.answer_queries(Verdict::Go);
    assert_eq!(world.run.place, Place::In(0));
    world.answer_queries(Verdict::Go);
    assert_eq!(world.run.place, Place::In(1));
}

#[test]
fn a_query_that_never_answers_refuses_the_crossing() {
    let mut world = World::new(plan(gated(vec![sql_gate("quiet", At::Exit)])));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask(advance("next"));
    world.pass(20);
    assert!(matches!(world.last_reply(), Some(Reply::Refused(_))));
    assert_eq!(world.run.place, Place::In(0));
}

#[test]
fn a_sample_grows_stale() {
    let mut world = World::new(plan(gated(vec![sql_gate("quiet", At::Exit)])));
    world.advance("expand");
    world.answer_queries(Verdict::Go);
    assert_eq!(verdict_of(&world, "quiet"), Verdict::Go);
    world.now += Duration::from_secs(60);
    assert_eq!(verdict_of(&world, "quiet"), Verdict::Stale);
}

#[test]
fn a_parity_gate_wants_a_finished_check_with_full_coverage_and_nothing_confirmed() {
    let table = [
        (1.0, 0, 0, Verdict::Go),
        (1.0, 1, 0, Verdict::NoGo),
        (0.99, 0, 0, Verdict::Inconclusive),
        (f64::NAN, 0, 0, Verdict::Inconclusive),
        (1.0, 0, 4000, Verdict::Stale),
    ];
    for (coverage, confirmed, age, expected) in table {
        let mut verify = phase("verify", vec![parity("emails")]);
        verify.gates = vec![parity_gate("exact", "emails")];
        let mut world = World::new(plan(vec![verify, phase("next", vec![])]));
        world.advance("verify");
        assert_eq!(verdict_of(&world, "exact"), Verdict::Pending);
        let Summary::Parity(mut found) = summary(&world.run, &forward("emails")) else {
            unreachable!("a parity step");
        };
        (found.coverage, found.confirmed) = (coverage, confirmed);
        world.end(&forward("emails"), Ending::Done(Summary::Parity(found)));
        world.now += Duration::from_secs(age);
        assert_eq!(verdict_of(&world, "exact"), expected);
    }
}

#[test]
fn a_comparison_is_as_old_as_its_beginning_by_the_journals_clock() {
    let mut verify = phase("verify", vec![parity("emails")]);
    verify.gates = vec![parity_gate("exact", "emails")];
    let mut world = World::new(plan(vec![verify, phase("next", vec![])]));
    world.advance("verify");
    let Summary::Parity(mut found) = summary(&world.run, &forward("emails")) else {
        unreachable!("a parity step");
    };
    // The compared database's clock is an hour ahead, the walk took 50 minutes.
    found.at = world.now + Duration::from_secs(3600);
    found.took_ms = 50 * 60 * 1000;
    world.end(&forward("emails"), Ending::Done(Summary::Parity(found)));
    assert_eq!(verdict_of(&world, "exact"), Verdict::Go);
    world.now += Duration::from_secs(11 * 60);
    assert_eq!(verdict_of(&world, "exact"), Verdict::Stale);
}

#[test]
fn a_gate_behind_a_step_opens_by_itself() {
    let mut switch = phase("switch", vec![sql("ten"), sql("hundred")]);
    switch.gates = vec![sql_gate("latency", At::After(StepId::new("ten")))];
    let mut world = World::new(plan(vec![switch]));
    world.advance("switch");
    world.succeed(&forward("ten"));
    assert_eq!(world.performed(&forward("hundred")), 0);
    world.answer_queries(Verdict::NoGo);
    world.pass(2);
    assert_eq!(world.performed(&forward("hundred")), 0);
    world.answer_queries(Verdict::Go);
    assert_eq!(world.performed(&forward("hundred")), 1);
}

/// A phase whose only gate stands behind its last step, in this many phases.
fn gated_at_its_end(more: Vec<Phase>) -> World {
    let mut switch = phase("switch", vec![sql("ten")]);
    switch.gates = vec![sql_gate("latency", At::After(StepId::new("ten")))];
    let mut phases = vec![switch];
    phases.extend(more);
    let mut world = World::new(plan(phases));
    world.advance("switch");
    world.succeed(&forward("ten"));
    world.answer_queries(Verdict::NoGo);
    world.pass(3);
    world
}

#[test]
fn a_gate_behind_the_last_step_keeps_a_person_from_the_next_phase() {
    let mut world = gated_at_its_end(vec![phase("next", vec![sql("more")])]);
    let refused = world.ask(advance("next"));
    assert!(
        matches!(&refused, Some(Reply::Refused(why)) if why.contains("latency")),
        "{refused:?}"
    );
    assert_eq!(world.run.place, Place::In(0));
    world.answer_queries(Verdict::Go);
    world.advance("next");
}

#[test]
fn a_gate_behind_the_last_step_keeps_a_phase_from_entering_by_itself() {
    let mut next = phase("next", vec![sql("more")]);
    next.enter = Enter::Auto;
    let mut world = gated_at_its_end(vec![next]);
    assert_eq!(world.run.place, Place::In(0));
    world.answer_queries(Verdict::Go);
    world.pass(5);
    assert_eq!(world.run.place, Place::In(1));
}

#[test]
fn a_gate_behind_the_last_step_keeps_the_run_from_its_end() {
    let mut world = gated_at_its_end(Vec::new());
    assert_eq!(world.run.outcome, None);
    world.answer_queries(Verdict::Go);
    world.pass(1);
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn an_automatic_phase_takes_three_rounds_of_go_and_never_re_enters() {
    let mut phases = gated(vec![sql_gate("quiet", At::Exit)]);
    phases[1].enter = Enter::Auto;
    let mut world = World::new(plan(phases));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    let mut rounds = 0;
    while world.run.place == Place::In(0) {
        world.answer_queries(Verdict::Go);
        world.pass(1);
        rounds += 1;
        assert!(rounds < 30, "it never entered");
    }
    assert!(rounds >= 3, "after {rounds} rounds");
    world.ask(Ask::Rollback {
        phase: PhaseId::new("next"),
        reason: None,
    });
    world.fail(&forward("more"), crate::run::fault::Trouble::Interrupted);
    assert_eq!(world.run.place, Place::Before(1));
    for _ in 0..30 {
        world.answer_queries(Verdict::Go);
        world.pass(1);
    }
    assert_eq!(
        world.run.place,
        Place::Before(1),
        "a person takes it from here"
    );
}

#[test]
fn an_irreversible_step_asks_the_gates_again_before_each_attempt() {
    let mut contract = phase("contract", vec![sql("prepare"), drop_old("drop-old")]);
    contract.point_of_no_return = true;
    contract.gates = vec![sql_gate("old-clients-gone", At::Entry)];
    let mut world = World::new(plan(vec![contract]));
    world.advance("contract");
    world.succeed(&forward("prepare"));
    assert_eq!(world.performed(&forward("drop-old")), 0);
    world.answer_queries(Verdict::NoGo);
    world.pass(1);
    assert_eq!(world.performed(&forward("drop-old")), 0);
    world.answer_queries(Verdict::Go);
    assert_eq!(world.performed(&forward("drop-old")), 1);
    world.fail(
        &forward("drop-old"),
        crate::run::fault::Trouble::LockTimeout,
    );
    world.pass(7);
    assert_eq!(
        world.performed(&forward("drop-old")),
        1,
        "asked again first"
    );
    // What was asked while it waited for its next try does not count.
    world.answer_queries(Verdict::Go);
    assert_eq!(world.performed(&forward("drop-old")), 1);
    world.answer_queries(Verdict::Go);
    assert_eq!(world.performed(&forward("drop-old")), 2);
}

/// A phase that drops what a gate behind an earlier step looked at.
fn looked_at_before_the_drop(gate: Gate) -> World {
    let steps = vec![sql("compare"), sql("not-null"), drop_old("drop-old")];
    let mut contract = phase("contract", steps);
    contract.point_of_no_return = true;
    contract.gates = vec![gate];
    let mut world = World::new(plan(vec![contract]));
    world.advance("contract");
    world.succeed(&forward("compare"));
    world
}

#[test]
fn a_gate_passed_long_before_an_irreversible_step_is_asked_again() {
    let at = At::After(StepId::new("compare"));
    let mut world = looked_at_before_the_drop(sql_gate("still-exact", at));
    world.answer_queries(Verdict::Go);
    assert_eq!(world.performed(&forward("not-null")), 1, "passed");
    world.now += Duration::from_secs(24 * 3600);
    world.succeed(&forward("not-null"));
    assert_eq!(world.performed(&forward("drop-old")), 0, "asked first");
    world.answer_queries(Verdict::NoGo);
    world.pass(1);
    assert_eq!(world.performed(&forward("drop-old")), 0);
    world.answer_queries(Verdict::Go);
    assert_eq!(world.performed(&forward("drop-old")), 1);
}

#[test]
fn a_signature_that_expired_before_an_irreversible_step_is_given_again() {
    let at = At::After(StepId::new("compare"));
    let mut world = looked_at_before_the_drop(signoff("app-works", at));
    let sign = || Ask::Sign {
        gate: GateId::new("app-works"),
        seat: None,
        answer: Answer::Go,
        reason: None,
    };
    assert_eq!(world.ask_as("bo", sign()), Some(Reply::Accepted));
    world.now += Duration::from_secs(24 * 3600);
    world.succeed(&forward("not-null"));
    assert_eq!(world.performed(&forward("drop-old")), 0);
    assert_eq!(world.ask_as("bo", sign()), Some(Reply::Accepted));
    assert_eq!(world.performed(&forward("drop-old")), 1);
}

#[test]
fn the_recheck_holds_for_gates_of_the_phase_before_too() {
    let mut switch = phase("switch", vec![sql("flag")]);
    switch.gates = vec![soak("bake", At::Exit, 5, &[])];
    let mut contract = phase("contract", vec![sql("prepare"), drop_old("drop-old")]);
    contract.point_of_no_return = true;
    let mut world = World::new(plan(vec![switch, contract]));
    world.advance("switch");
    world.succeed(&forward("flag"));
    world.pass(6);
    world.advance("contract");
    world.succeed(&forward("prepare"));
    assert_eq!(world.performed(&forward("drop-old")), 1);
}

#[test]
fn a_finished_last_phase_waits_for_its_exit_gates() {
    let mut last = phase("last", vec![sql("more")]);
    last.gates = vec![soak("bake", At::Exit, 10, &[])];
    let mut world = World::new(plan(vec![last]));
    world.advance("last");
    world.succeed(&forward("more"));
    world.pass(5);
    assert_eq!(world.run.outcome, None);
    world.pass(10);
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_late_answer_to_an_older_question_does_not_count() {
    let mut expand = phase("expand", vec![sql("add-column")]);
    expand.gates = vec![sql_gate("quiet", At::Entry)];
    let mut world = World::new(plan(vec![expand]));
    world.pass(1);
    world.answer_queries(Verdict::NoGo);
    world.pass(3);
    let quiet = GateId::new("quiet");
    let newest = world.memory.samples[&quiet].question;
    assert!(newest > 1 && world.memory.samples[&quiet].pending);
    world.input(Message::Sampled {
        gate: quiet.clone(),
        question: newest - 1,
        verdict: Verdict::Go,
        reason: "late".into(),
    });
    assert!(world.memory.samples[&quiet].pending, "still to be answered");
    assert_eq!(world.run.verdict(&quiet), Verdict::NoGo);
}

#[test]
fn a_question_is_asked_once_a_decision() {
    let mut expand = phase("expand", vec![sql("add-column")]);
    expand.gates = vec![sql_gate("quiet", At::Entry)];
    let mut world = World::new(plan(vec![expand]));
    let into = PhaseId::new("expand");
    world.ask(Ask::Advance { into });
    let asked = |effect: &&Effect| matches!(effect, Effect::Sample { .. });
    assert_eq!(world.effects.iter().filter(asked).count(), 1);
}
