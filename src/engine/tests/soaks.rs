//! Soaks count observed GO time: nothing else counts, and nothing but trouble
//! that was seen begins them anew.

use std::time::Duration;

use super::gates::{gated, verdict_of};
use super::world::{World, forward};
use crate::plan::fixture::{lag_guard, plan, soak, sql_gate};
use crate::reading::Reading;
use crate::run::event::Verdict;
use crate::runbook::{At, GateId};

#[test]
fn a_soak_counts_observed_time_only() {
    let mut world = World::new(plan(gated(vec![soak("bake", At::Exit, 60, &[])])));
    world.advance("expand");
    world.pass(100);
    assert_eq!(
        verdict_of(&world, "bake"),
        Verdict::Pending,
        "steps are not done"
    );
    world.succeed(&forward("add-column"));
    world.pass(30);
    // An hour in which nobody looked.
    world.now += Duration::from_secs(3600);
    world.pass(20);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Pending);
    world.pass(12);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Go);
}

#[test]
fn a_soak_of_a_phase_that_was_taken_back_begins_anew() {
    let mut world = World::new(plan(gated(vec![soak("bake", At::Exit, 60, &[])])));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.pass(60);
    assert!(world.run.verdict(&GateId::new("bake")).opens());
    world.goes_back_and_forward("expand", "add-column");
    world.pass(30);
    assert!(!world.run.verdict(&GateId::new("bake")).opens());
    world.pass(31);
    assert!(world.run.verdict(&GateId::new("bake")).opens());
}

#[test]
fn a_soak_survives_a_crash_as_far_as_the_journal_knows_it() {
    let mut world = World::new(plan(gated(vec![soak("bake", At::Exit, 60, &[])])));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.pass(45);
    world.crash();
    world.pass(25);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Go);
}

/// A soak of 60 s that watches a gate and a guard, everything fine for so long.
fn watched_soak(seconds: u64) -> World {
    let gates = vec![
        sql_gate("latency", At::Exit),
        soak("bake", At::Exit, 60, &["latency", "lag"]),
    ];
    let mut plan = plan(gated(gates));
    plan.body.guards = vec![lag_guard("lag")];
    let mut world = World::new(plan);
    world.advance("expand");
    world.succeed(&forward("add-column"));
    all_is_well(&mut world, seconds);
    world
}

fn all_is_well(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.answer_queries(Verdict::Go);
        world.measure("lag", Reading::measured(0.0, world.now));
        world.pass(1);
    }
}

#[test]
fn a_soak_that_watches_something_survives_a_crash() {
    let mut world = watched_soak(45);
    world.crash();
    world.pass(2);
    all_is_well(&mut world, 25);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Go);
}

#[test]
fn a_soak_that_watches_something_survives_an_outage_of_the_link() {
    let mut world = watched_soak(45);
    world.memory.forget_answers();
    world.pass(2);
    all_is_well(&mut world, 20);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Go);
}

#[test]
fn time_in_which_a_watched_signal_is_unknown_does_not_count() {
    let mut world = watched_soak(30);
    // Nobody answers, and nobody measures: after a while both are unknown.
    world.pass(60);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Pending);
    all_is_well(&mut world, 35);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Go);
}

#[test]
fn trouble_of_a_watched_guard_begins_a_soak_anew() {
    let mut world = watched_soak(45);
    for _ in 0..5 {
        world.answer_queries(Verdict::Go);
        world.measure("lag", Reading::measured(20.0, world.now));
        world.pass(1);
    }
    all_is_well(&mut world, 40);
    assert_eq!(verdict_of(&world, "bake"), Verdict::Pending);
}

#[test]
fn trouble_of_a_watched_gate_begins_a_soak_anew() {
    let gates = vec![
        sql_gate("latency", At::Exit),
        soak("bake", At::Exit, 30, &["latency"]),
    ];
    let mut world = World::new(plan(gated(gates)));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    for _ in 0..20 {
        world.answer_queries(Verdict::Go);
        world.pass(1);
    }
    world.answer_queries(Verdict::NoGo);
    world.pass(2);
    for _ in 0..20 {
        world.answer_queries(Verdict::Go);
        world.pass(1);
    }
    assert_eq!(verdict_of(&world, "bake"), Verdict::Pending);
}
