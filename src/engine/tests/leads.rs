//! Who may take the lead, who hands it over, and what waits meanwhile.

use std::collections::BTreeSet;

use super::world::{World, forward};
use crate::engine::lead::may_lead;
use crate::engine::message::{Ask, Reply};
use crate::plan::fixture::{exec, manual, phase, plan, sql};
use crate::run::event::{Actor, Answer, EventKind, Ground};
use crate::runbook::{Permission, Role, RoleId, StepId};

fn person(name: &str) -> Actor {
    Actor::Person(name.into())
}

fn led(world: &mut World, epoch: i64, by: &str) {
    world.append(EventKind::LeadTaken {
        epoch,
        by: person(by),
        host: "here".into(),
        reason: None,
        from: None,
        ground: Ground::Free,
        unled_ms: 0,
    });
}

/// A run that ana leads, its first step under way.
fn led_by_ana(steps: Vec<crate::plan::PlannedStep>) -> World {
    let mut world = World::new(plan(vec![phase("switch", steps)]));
    led(&mut world, 1, "ana");
    world.advance("switch");
    world
}

fn consent(answer: Answer) -> Ask {
    let to = Some("ana2".to_owned());
    Ask::Consent { to, answer }
}

/// Somebody asks; whether they may was looked at before.
fn asked(world: &mut World) {
    world.append(EventKind::LeadAsked { by: person("ana2") });
}

fn refused(reply: Option<Reply>) -> String {
    match reply {
        Some(Reply::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn may(world: &World, by: &str) -> Result<(), String> {
    may_lead(&world.run, by, &BTreeSet::from([by.to_owned()]))
}

#[test]
fn whoever_may_advance_may_lead_until_a_role_says_otherwise() {
    let mut world = led_by_ana(vec![sql("a")]);
    assert_eq!(may(&world, "ana"), Ok(()));
    let why = may(&world, "bo").unwrap_err();
    assert_eq!(why, "bo may not take the lead: it takes lead");
    let mut plan = (*world.run.plan).clone();
    plan.body.roles.push(Role {
        id: RoleId::new("night"),
        members: vec!["cy".into()],
        can: vec![Permission::TakeOver],
        contact: None,
    });
    world = World::new(plan);
    led(&mut world, 1, "bo");
    assert_eq!(may(&world, "cy"), Ok(()));
    assert_eq!(may(&world, "bo"), Ok(()), "who led last may lead again");
    let why = may(&world, "ana").unwrap_err();
    assert_eq!(why, "ana may not take the lead: it takes night");
}

#[test]
fn only_the_lead_answers_and_only_who_asks() {
    let mut world = led_by_ana(vec![sql("a")]);
    let why = refused(world.ask(consent(Answer::Go)));
    assert_eq!(why, "nobody asks to take over");
    asked(&mut world);
    let why = refused(world.ask_as("bo", consent(Answer::Go)));
    assert_eq!(why, "ana leads, not bo");
    let other = Ask::Consent {
        to: Some("cy".into()),
        answer: Answer::Go,
    };
    let why = refused(world.ask(other));
    assert!(why.contains("ana2 asks to take over"), "{why}");
    assert_eq!(world.ask(consent(Answer::NoGo)), Some(Reply::Accepted));
    let lead = world.run.lead.clone().unwrap();
    assert_eq!((lead.asked, lead.consent), (None, None));
}

#[test]
fn a_command_under_way_is_not_handed_over() {
    let mut world = led_by_ana(vec![exec("flag"), sql("b")]);
    asked(&mut world);
    let why = refused(world.ask(consent(Answer::Go)));
    assert!(why.contains("flag is under way"), "{why}");
    assert_eq!(world.ask(consent(Answer::NoGo)), Some(Reply::Accepted));
}

#[test]
fn after_a_consent_nothing_starts_for_a_while_and_then_goes_on() {
    let mut world = led_by_ana(vec![manual("ready"), sql("b")]);
    asked(&mut world);
    assert_eq!(world.ask(consent(Answer::Go)), Some(Reply::Accepted));
    let step = StepId::new("ready");
    assert_eq!(world.ask(Ask::Answer { step }), Some(Reply::Accepted));
    world.pass(20);
    assert_eq!(world.performed(&forward("b")), 0, "the next lead's");
    world.pass(15);
    assert_eq!(world.performed(&forward("b")), 1, "nobody came");
}

#[test]
fn a_take_over_ends_what_was_asked_and_agreed() {
    let mut world = led_by_ana(vec![manual("ready")]);
    asked(&mut world);
    world.ask(consent(Answer::Go));
    assert!(world.run.lead.as_ref().unwrap().consent.is_some());
    world.append(EventKind::LeadTaken {
        epoch: 2,
        by: person("ana2"),
        host: "there".into(),
        reason: None,
        from: Some(person("ana")),
        ground: Ground::Consent,
        unled_ms: 0,
    });
    let lead = world.run.lead.as_ref().unwrap();
    assert!(lead.took_over());
    assert_eq!((&lead.asked, &lead.consent), (&None, &None));
}
