//! Guards and the pace that they leave.

use std::time::Duration;

use super::world::{World, forward};
use crate::engine::message::Ask;
use crate::engine::throttle;
use crate::plan::fixture::{backfill, lag_guard, phase, plan};
use crate::reading::{Absence, Reading};
use crate::run::event::{Actor, Percent, Rung};
use crate::runbook::GuardId;

fn copying() -> World {
    let mut plan = plan(vec![phase("backfill", vec![backfill("copy")])]);
    plan.body.guards = vec![lag_guard("lag")];
    let mut world = World::new(plan);
    lag(&mut world, 0.0, 1);
    world.advance("backfill");
    assert!(world.memory.performs(&forward("copy")));
    world
}

/// So many seconds of that lag, one reading each.
fn lag(world: &mut World, seconds: f64, lasting: u64) {
    for _ in 0..lasting {
        world.now += Duration::from_secs(1);
        world.measure("lag", Reading::measured(seconds, world.now));
    }
}

fn rung(world: &World) -> Rung {
    world.memory.guards[&GuardId::new("lag")].rung
}

fn pace(world: &World) -> Percent {
    throttle::pace(&world.run, &world.memory).effective
}

#[test]
fn a_lag_throttles_in_proportion() {
    let mut world = copying();
    for (seconds, left) in [(0.0, 100), (2.0, 100), (4.0, 75), (6.0, 50), (9.9, 10)] {
        lag(&mut world, seconds, 1);
        assert_eq!(pace(&world), Percent(left), "at {seconds} s");
    }
}

#[test]
fn a_stall_takes_its_time_to_begin_and_ends_below_its_lower_limit() {
    let mut world = copying();
    lag(&mut world, 12.0, 3);
    assert_eq!(rung(&world), Rung::Throttle, "above for less than 3 s");
    lag(&mut world, 12.0, 1);
    assert_eq!((rung(&world), pace(&world)), (Rung::Stall, Percent::ZERO));
    lag(&mut world, 3.0, 5);
    assert_eq!(rung(&world), Rung::Stall, "not yet below 2 s");
    lag(&mut world, 1.0, 1);
    assert_eq!((rung(&world), pace(&world)), (Rung::Quiet, Percent::FULL));
    assert!(world.kinds().contains(&"pace_changed"));
}

#[test]
fn a_long_lag_holds_the_run_once() {
    let mut world = copying();
    lag(&mut world, 90.0, 32);
    let hold = world.run.hold.clone().expect("held");
    assert_eq!(hold.by, Actor::Guard(GuardId::new("lag")));
    world.ask(Ask::Release);
    lag(&mut world, 90.0, 10);
    assert_eq!(world.run.hold, None, "a person's release stands");
    assert_eq!(pace(&world), Percent::ZERO, "but nothing moves");
}

#[test]
fn unknown_stalls_at_once_and_holds_when_it_lasts() {
    for unknown in [
        Reading::Absent {
            why: Absence::NoPrivilege,
            since: None,
        },
        Reading::measured(f64::NAN, jiff::Timestamp::MAX),
    ] {
        let mut world = copying();
        world.measure("lag", unknown.clone());
        assert_eq!(rung(&world), Rung::Stall, "{unknown:?}");
        world.pass(59);
        assert_eq!(world.run.hold, None);
        world.pass(2);
        assert!(world.run.hold.is_some(), "{unknown:?}");
    }
}

#[test]
fn an_old_reading_is_an_unknown_one() {
    let mut world = copying();
    world.pass(4);
    assert_eq!(rung(&world), Rung::Quiet);
    world.pass(3);
    assert_eq!(rung(&world), Rung::Stall);
}

#[test]
fn a_guard_does_not_hold_a_run_that_has_not_begun() {
    let mut plan = plan(vec![phase("backfill", vec![backfill("copy")])]);
    plan.body.guards = vec![lag_guard("lag")];
    let mut world = World::new(plan);
    world.pass(200);
    assert_eq!(world.run.hold, None);
}

#[test]
fn the_operator_ceiling_and_the_guards_do_not_multiply() {
    let mut world = copying();
    lag(&mut world, 6.0, 1);
    world.ask(Ask::Pace { pace: Percent(80) });
    assert_eq!(pace(&world), Percent(50));
    world.ask(Ask::Pace { pace: Percent(30) });
    assert_eq!(pace(&world), Percent(30));
}

#[test]
fn the_account_of_lost_time_names_whoever_takes_most() {
    let mut world = copying();
    let reason = |world: &World| throttle::reason(&throttle::pace(&world.run, &world.memory));
    assert_eq!(reason(&world), None);
    lag(&mut world, 6.0, 1);
    assert_eq!(reason(&world).as_deref(), Some("lag"));
    world.ask(Ask::Pace { pace: Percent(30) });
    assert_eq!(reason(&world).as_deref(), Some("pace"));
}

#[test]
fn a_hold_that_could_not_be_made_on_the_climb_is_made_when_it_can() {
    let mut plan = plan(vec![phase("backfill", vec![backfill("copy")])]);
    plan.body.guards = vec![lag_guard("lag")];
    let mut world = World::new(plan);
    lag(&mut world, 90.0, 40);
    assert_eq!(world.run.hold, None, "nothing has begun");
    world.advance("backfill");
    let by = world.run.hold.clone().map(|hold| hold.by);
    assert_eq!(by, Some(Actor::Guard(GuardId::new("lag"))));
    assert!(!world.memory.performs(&forward("copy")));
    world.ask(Ask::Release);
    lag(&mut world, 90.0, 10);
    assert_eq!(world.run.hold, None, "a person's release stands");
}
