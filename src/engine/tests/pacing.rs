//! Pacing under scripted readings: every signal in its unit, and what holds
//! whatever the readings are.

use std::time::Duration;

use proptest::prelude::*;

use super::world::{World, forward};
use crate::engine::message::Ask;
use crate::engine::throttle;
use crate::plan::fixture::{backfill, lag_guard, phase, plan};
use crate::reading::{Absence, Reading};
use crate::run::event::{Percent, Rung};
use crate::runbook::{ConnectionId, Guard, GuardId, Signal, Stall, TableName, Threshold};

/// Throttles above a limit, stalls above twice that until at the limit again,
/// holds above four times that.
fn guard(id: &str, signal: Signal, limit: f64) -> Guard {
    let above = |above: f64| Threshold {
        above,
        hold_for: Duration::ZERO,
    };
    Guard {
        signal,
        throttle: Some(above(limit)),
        stall: Some(Stall {
            at: above(2.0 * limit),
            until_below: limit,
        }),
        hold: Some(above(4.0 * limit)),
        ..lag_guard(id)
    }
}

fn copying_under(guards: Vec<Guard>) -> World {
    let mut plan = plan(vec![phase("backfill", vec![backfill("copy")])]);
    plan.body.guards.clone_from(&guards);
    let mut world = World::new(plan);
    for guard in &guards {
        read(&mut world, guard.id.as_str(), Some(0.0));
    }
    world.advance("backfill");
    assert!(world.memory.performs(&forward("copy")));
    world
}

/// A second later this is read, or nothing.
fn read(world: &mut World, id: &str, value: Option<f64>) {
    world.now += Duration::from_secs(1);
    let reading = match value {
        Some(value) => Reading::measured(value, world.now),
        None => Reading::Absent {
            why: Absence::TimedOut,
            since: Some(world.now),
        },
    };
    world.measure(id, reading);
}

fn stands(world: &World, id: &str) -> (Rung, String) {
    let state = &world.memory.guards[&GuardId::new(id)];
    (state.rung, state.reason.clone())
}

fn pace(world: &World) -> Percent {
    throttle::pace(&world.run, &world.memory).effective
}

fn signals() -> Vec<(Signal, f64, [&'static str; 4])> {
    let table = TableName {
        schema: None,
        name: "users".into(),
    };
    let query = Signal::Sql {
        query: "SELECT 1".into(),
        on: ConnectionId::new("main"),
        timeout: Duration::from_secs(1),
    };
    const MB: f64 = 1024.0 * 1024.0;
    vec![
        (
            Signal::ReplicationLag { standby: None },
            2.0,
            [
                "1.0s",
                "3.0s, above 2.0s",
                "5.0s, above 4.0s",
                "10.0s, above 8.0s",
            ],
        ),
        (
            Signal::WaitingBehindUs,
            4.0,
            ["2", "6, above 4", "10, above 8", "20, above 16"],
        ),
        (
            Signal::WalRate,
            64.0 * MB,
            [
                "32.0 MB/s",
                "96.0 MB/s, above 64.0 MB/s",
                "160 MB/s, above 128 MB/s",
                "320 MB/s, above 256 MB/s",
            ],
        ),
        (
            Signal::ArchiveQueue,
            100.0,
            ["50", "150, above 100", "250, above 200", "500, above 400"],
        ),
        (
            Signal::SlotRetention { slot: None },
            1024.0 * MB,
            [
                "512 MB",
                "1.5 GB, above 1.0 GB",
                "2.5 GB, above 2.0 GB",
                "5.0 GB, above 4.0 GB",
            ],
        ),
        (
            Signal::OldestXmin,
            1e6,
            [
                "500k",
                "1.5M, above 1.0M",
                "2.5M, above 2.0M",
                "5.0M, above 4.0M",
            ],
        ),
        (
            Signal::DeadTuples { table },
            0.1,
            [
                "5.0%",
                "15.0%, above 10.0%",
                "25.0%, above 20.0%",
                "50.0%, above 40.0%",
            ],
        ),
        (
            Signal::ActiveBackends,
            40.0,
            ["20", "60, above 40", "100, above 80", "200, above 160"],
        ),
        (
            query,
            40.0,
            ["20", "60, above 40", "100, above 80", "200, above 160"],
        ),
    ]
}

#[test]
fn every_signal_climbs_the_same_ladder_in_its_own_unit() {
    for (signal, limit, reasons) in signals() {
        let mut world = copying_under(vec![guard("g", signal.clone(), limit)]);
        let steps = [
            (0.5, Rung::Quiet, 100),
            (1.5, Rung::Throttle, 50),
            (2.5, Rung::Stall, 0),
            (5.0, Rung::Hold, 0),
        ];
        for ((of_limit, rung, left), reason) in steps.into_iter().zip(reasons) {
            read(&mut world, "g", Some(of_limit * limit));
            assert_eq!(stands(&world, "g"), (rung, reason.to_owned()), "{signal:?}");
            assert_eq!(pace(&world), Percent(left), "{signal:?}");
        }
        assert!(world.run.hold.is_some(), "{signal:?}");
    }
}

#[test]
fn an_absence_says_why_and_stalls() {
    for (signal, limit, _) in signals() {
        let mut world = copying_under(vec![guard("g", signal.clone(), limit)]);
        read(&mut world, "g", None);
        let unknown = (Rung::Stall, "unknown: timed out".to_owned());
        assert_eq!(stands(&world, "g"), unknown, "{signal:?}");
        assert_eq!(pace(&world), Percent::ZERO);
        read(&mut world, "g", Some(0.0));
        assert_eq!(pace(&world), Percent::FULL, "{signal:?}");
    }
}

#[test]
fn a_slow_down_is_journaled_when_it_changes_and_not_as_it_lasts() {
    let mut world = copying_under(vec![guard("g", Signal::WalRate, 10.0)]);
    let count = |world: &World| {
        let kinds = world.kinds();
        let paced = |kind: &&&str| matches!(**kind, "pace_changed" | "guard_changed");
        kinds.iter().filter(paced).count()
    };
    read(&mut world, "g", Some(15.0));
    let before = count(&world);
    for jitter in 0..60 {
        read(&mut world, "g", Some(15.0 + f64::from(jitter % 10) / 20.0));
    }
    assert_eq!(count(&world), before, "{:?}", world.kinds());
    read(&mut world, "g", Some(17.0));
    assert_eq!(count(&world), before + 1);
}

#[test]
fn two_guards_that_take_as_much_do_not_take_turns() {
    let guards = vec![
        guard("a", Signal::WalRate, 10.0),
        guard("b", Signal::OldestXmin, 10.0),
    ];
    let mut world = copying_under(guards);
    read(&mut world, "a", Some(15.0));
    read(&mut world, "b", Some(15.0));
    let before = world.journal.len();
    for round in 0..20 {
        let (a, b) = if round % 2 == 0 {
            (15.2, 15.0)
        } else {
            (15.0, 15.2)
        };
        read(&mut world, "a", Some(a));
        read(&mut world, "b", Some(b));
    }
    assert_eq!(world.journal.len(), before, "{:?}", world.kinds());
    assert_eq!(world.run.pace.by, Some(GuardId::new("a")));
    read(&mut world, "b", Some(18.0));
    assert_eq!(world.run.pace.by, Some(GuardId::new("b")));
}

fn readings() -> impl Strategy<Value = Vec<Option<f64>>> {
    let reading = prop_oneof![
        4 => (0.0..30.0).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(f64::INFINITY)),
    ];
    prop::collection::vec(reading, 1..60)
}

proptest! {
    #[test]
    fn the_pace_is_never_above_the_ceiling_and_unknown_never_raises_it(
        readings in readings(), ceiling in 1_u8..=100,
    ) {
        let mut world = copying_under(vec![guard("g", Signal::WalRate, 10.0)]);
        world.ask(Ask::Pace { pace: Percent(ceiling) });
        for reading in readings {
            let before = pace(&world);
            read(&mut world, "g", reading);
            prop_assert!(pace(&world) <= Percent(ceiling));
            if !reading.is_some_and(f64::is_finite) {
                prop_assert!(pace(&world) <= before, "{reading:?} raised it");
                prop_assert_eq!(pace(&world), Percent::ZERO);
            }
        }
    }

    #[test]
    fn within_its_band_a_guard_stays_where_it_stands(
        first in prop_oneof![Just(25.0), Just(5.0)],
        band in prop::collection::vec(10.001_f64..=20.0, 1..60),
    ) {
        let throttle = None;
        let guard = Guard { throttle, ..guard("g", Signal::WalRate, 10.0) };
        let mut world = copying_under(vec![guard]);
        read(&mut world, "g", Some(first));
        let (stood, _) = stands(&world, "g");
        for value in band {
            read(&mut world, "g", Some(value));
            prop_assert_eq!(stands(&world, "g").0, stood, "at {}", value);
        }
    }

    #[test]
    fn the_working_pace_is_the_journaled_one(readings in readings()) {
        let mut world = copying_under(vec![guard("g", Signal::WalRate, 10.0)]);
        for reading in readings {
            read(&mut world, "g", reading);
            if world.memory.performs(&forward("copy")) {
                prop_assert_eq!(pace(&world), world.run.pace.pace);
            }
        }
    }
}
