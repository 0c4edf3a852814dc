//! The account of a backfill's time and of its ETAs, by a scripted clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::{World, forward};
use crate::engine::message::{Ask, Found, Message};
use crate::plan::fixture::{backfill, lag_guard, phase, plan};
use crate::reading::Reading;
use crate::run::course::{Cause, Course};
use crate::run::event::{Actor, EventKind, Ground, Percent, Summary};
use crate::run::evolve::fold;
use crate::run::progress::{BackfillProgress, Progress};
use crate::run::{Run, TaskState};
use crate::runbook::GuardId;

fn copying() -> World {
    let mut plan = plan(vec![phase("backfill", vec![backfill("copy")])]);
    plan.body.guards = vec![lag_guard("lag")];
    let mut world = World::new(plan);
    world.measure("lag", Reading::measured(0.0, world.now));
    world.advance("backfill");
    world
}

/// So many seconds of that lag.
fn lag(world: &mut World, seconds: f64, lasting: u64) {
    for _ in 0..lasting {
        world.measure("lag", Reading::measured(seconds, world.now));
        world.now += Duration::from_secs(1);
    }
}

fn course(run: &Run, world: &World) -> Course {
    run.course(&forward("copy"), world.now)
        .expect("it was started")
}

/// Whole seconds by cause.
fn spent(world: &World) -> BTreeMap<Cause, u64> {
    let course = course(&world.run, world);
    let total: Duration = course.spent.values().sum();
    assert_eq!(total, course.whole(), "the account adds up");
    let seconds = |(cause, time): (&Cause, &Duration)| (cause.clone(), time.as_secs());
    course.spent.iter().map(seconds).collect()
}

fn lagging() -> GuardId {
    GuardId::new("lag")
}

#[test]
fn a_throttle_takes_its_share_and_a_stall_everything() {
    let mut world = copying();
    lag(&mut world, 0.0, 10);
    lag(&mut world, 6.0, 10);
    lag(&mut world, 12.0, 13);
    lag(&mut world, 0.0, 10);
    let spent = spent(&world);
    // 12 s is above the stall's limit for 3 s before it stalls.
    assert_eq!(spent[&Cause::Stalled(lagging())], 10);
    let throttled = spent[&Cause::Throttled(lagging())];
    // Half of ten seconds, and nine tenths of three.
    assert_eq!(throttled, 7, "{spent:?}");
    assert_eq!(spent[&Cause::Working], 20 + 5);
}

#[test]
fn what_people_do_goes_to_them_whatever_the_guards_say() {
    let mut world = copying();
    lag(&mut world, 0.0, 5);
    world.ask(Ask::Pause);
    lag(&mut world, 12.0, 20);
    world.ask(Ask::Hold {
        reason: String::new(),
    });
    lag(&mut world, 12.0, 30);
    lag(&mut world, 0.0, 1);
    world.ask(Ask::Resume);
    world.ask(Ask::Release);
    world.ask(Ask::Pace { pace: Percent(25) });
    lag(&mut world, 0.0, 8);
    let spent = spent(&world);
    assert_eq!(spent[&Cause::Paused], 20);
    assert_eq!(spent[&Cause::Held], 31);
    assert_eq!(spent[&Cause::Pace], 6);
    assert_eq!(spent[&Cause::Working], 5 + 2);
}

#[test]
fn the_account_survives_a_lead_that_died_and_knows_how_long_nobody_led() {
    let mut world = copying();
    lag(&mut world, 0.0, 10);
    world.now += Duration::from_secs(100);
    world.append(EventKind::LeadTaken {
        epoch: 2,
        by: Actor::Person("bo".into()),
        host: "there".into(),
        reason: None,
        from: None,
        ground: Ground::Silent,
        unled_ms: 90_000,
    });
    world.crash();
    world.append(EventKind::LinkRestored {
        outage_ms: 0,
        error: String::new(),
    });
    let spent = spent(&world);
    assert_eq!(spent[&Cause::NoLead], 90);
    assert_eq!(spent[&Cause::Working], 20);
    let again = fold(&world.journal).unwrap().unwrap();
    assert_eq!(course(&again, &world), course(&world.run, &world));
}

#[test]
fn time_under_a_hold_stays_the_holds_also_while_nobody_led() {
    let mut world = copying();
    world.ask(Ask::Hold {
        reason: String::new(),
    });
    world.now += Duration::from_secs(50);
    world.append(EventKind::LinkRestored {
        outage_ms: 40_000,
        error: "gone".into(),
    });
    assert_eq!(spent(&world)[&Cause::Held], 50);
}

fn progressed(world: &mut World, rows_done: u64) {
    let progress = BackfillProgress {
        rows_done,
        rows_total: 1000,
        ..BackfillProgress::default()
    };
    world.input(Message::Progressed {
        task: forward("copy"),
        progress: Progress::Backfill(progress),
    });
}

#[test]
fn etas_are_told_at_the_quarters_and_scored_at_the_end() {
    let mut world = copying();
    for done in 1..=100 {
        lag(&mut world, 0.0, 1);
        progressed(&mut world, done * 10);
    }
    let told: Vec<u8> = course(&world.run, &world)
        .told
        .iter()
        .map(|told| told.percent.0)
        .collect();
    assert_eq!(told, [25, 50, 75]);
    lag(&mut world, 0.0, 20);
    world.succeed(&forward("copy"));
    let state = world.state(&forward("copy")).cloned();
    let Some(TaskState::Done(Summary::Backfill(done))) = state else {
        panic!("{state:?}");
    };
    assert_eq!(done.whole_ms, 120_000);
    assert_eq!(done.lost_ms, BTreeMap::new());
    let took: Vec<u64> = done.eta.iter().map(|score| score.took_ms / 1000).collect();
    assert_eq!(took, [95, 70, 45]);
    for score in &done.eta {
        assert!(
            score.low_ms <= score.took_ms && score.took_ms <= score.high_ms,
            "{score:?}"
        );
    }
}

#[test]
fn a_copy_of_a_moment_has_no_eta_worth_keeping() {
    let mut world = copying();
    for done in 1..=4 {
        lag(&mut world, 0.0, 1);
        progressed(&mut world, done * 250);
    }
    assert_eq!(course(&world.run, &world).told, []);
}

#[test]
fn a_resumed_lead_tells_only_the_quarters_that_are_left() {
    let mut world = copying();
    for done in 1..=30 {
        lag(&mut world, 0.0, 1);
        progressed(&mut world, done * 10);
    }
    world.crash();
    world.measure("lag", Reading::measured(0.0, world.now));
    world.input(Message::Probed {
        task: forward("copy"),
        found: Found::NotDone,
        how: "goes on where it was".into(),
    });
    assert!(world.memory.performs(&forward("copy")));
    for done in 31..=60 {
        lag(&mut world, 0.0, 1);
        progressed(&mut world, done * 10);
    }
    let course = course(&world.run, &world);
    let told: Vec<u8> = course.told.iter().map(|told| told.percent.0).collect();
    assert_eq!(told, [25, 50]);
}
