//! Which versions may be deployed, wherever a run stands.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::plan::fixture;
use crate::run::event::{Actor, Event, EventKind, RunId, Scope, Seq};
use crate::run::evolve::begin;
use crate::run::{Mark, Outcome, Place, Rollback};
use crate::runbook::{Enter, parse_version};

/// expand, then copy and verify by themselves, switch, contract; each wants its own.
fn run(place: Place) -> Run {
    let wants = [
        ("expand", "< 2", Enter::Person),
        ("copy", "< 3", Enter::Auto),
        ("verify", "< 4", Enter::Auto),
        ("switch", ">= 1", Enter::Person),
        ("contract", ">= 2", Enter::Person),
    ];
    let phases = wants.map(|(id, wants, enter)| {
        let mut phase = fixture::phase(id, Vec::new());
        phase.enter = enter;
        phase.compatible = [("shop".to_owned(), wants.parse().unwrap())].into();
        phase
    });
    let plan = fixture::plan(phases.into());
    let plan_hash = plan.hash();
    let created = EventKind::RunCreated {
        run: RunId("run".into()),
        plan: Arc::new(plan),
        plan_hash,
        by: Actor::Person("ana".into()),
        tool: "test".into(),
    };
    let mut run = begin(&Event {
        seq: Seq(1),
        at: Timestamp::UNIX_EPOCH,
        kind: created,
        hash: "h".into(),
    })
    .unwrap();
    run.place = place;
    run
}

fn said(run: &Run, version: &str) -> (bool, String) {
    let answer = answer(run, "shop", &parse_version(version).unwrap()).unwrap();
    (answer.compatible, answer.line())
}

fn taken_back(mut run: Run, phase: usize, scope: Scope) -> Run {
    let mark = Mark {
        by: Actor::Person("ana".into()),
        at: Timestamp::UNIX_EPOCH,
        reason: String::new(),
    };
    run.rollback = Some(Rollback { phase, scope, mark });
    run
}

#[test]
fn it_answers_from_the_phase_the_run_is_in_and_tells_of_the_next() {
    let switch = run(Place::In(3));
    let fits = "shop 1.9.0 fits switch; would not fit contract: shop >=2";
    assert_eq!(said(&switch, "1.9"), (true, fits.to_owned()));
    let fits = "shop 2.0.0 fits switch; would fit contract";
    assert_eq!(said(&switch, "2"), (true, fits.to_owned()));
    let not = "shop 0.9.0 does not fit switch: shop >=1";
    assert_eq!(said(&switch, "0.9"), (false, not.to_owned()));
    let fits = "shop 2.0.0 fits contract";
    assert_eq!(said(&run(Place::In(4)), "2"), (true, fits.to_owned()));
}

#[test]
fn phases_that_begin_by_themselves_count_unless_they_were_taken_back() {
    let expand = run(Place::In(0));
    let not = "shop 3.0.0 does not fit expand: shop <2; nor copy, which begins by itself: shop <3";
    assert_eq!(said(&expand, "3"), (false, not.to_owned()));
    let fits = "shop 1.0.0 fits expand, copy, verify; would fit switch";
    assert_eq!(said(&expand, "1"), (true, fits.to_owned()));
    let mut again = run(Place::Before(1));
    again
        .rolled_back
        .insert(again.plan.phases()[1].id.clone(), 1);
    let fits = "shop 1.0.0 fits expand; would fit copy";
    assert_eq!(said(&again, "1"), (true, fits.to_owned()));
}

#[test]
fn before_the_first_phase_the_first_phases_requirement_counts() {
    let (fits, _) = said(&run(Place::Before(0)), "2");
    assert!(!fits);
    let mut over = run(Place::Before(0));
    over.outcome = Some(Outcome::RolledBack);
    let line = "shop 1.0.0 fits expand";
    assert_eq!(said(&over, "1"), (true, line.to_owned()));
}

#[test]
fn on_the_way_back_where_it_leads_counts_too() {
    let back = taken_back(run(Place::In(3)), 3, Scope::Phase);
    let not = "shop 4.0.0 does not fit verify, to which the way back leads: shop <4";
    assert_eq!(said(&back, "4"), (false, not.to_owned()));
    let fits = "shop 3.0.0 fits verify, switch";
    assert_eq!(said(&back, "3"), (true, fits.to_owned()));
    let unwound = taken_back(run(Place::In(3)), 3, Scope::Unwind);
    assert!(!said(&unwound, "2").0);
    let fits = "shop 1.0.0 fits expand, copy, verify, switch";
    assert_eq!(said(&unwound, "1"), (true, fits.to_owned()));
}

#[test]
fn an_application_that_the_runbook_does_not_name_gets_no_answer() {
    let version = parse_version("1").unwrap();
    assert_eq!(answer(&run(Place::In(3)), "billing", &version), None);
}
