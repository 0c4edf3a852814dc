//! What a server has lost is said, holds, and leaves doubts only where an effect
//! has outlived it.

use super::world::{World, forward};
use crate::engine::loss;
use crate::engine::message::{Ask, Effect, Found, Message, Reply};
use crate::plan::fixture::{exec, phase, plan, sql};
use crate::run::event::{Event, EventKind, Seq};
use crate::run::{Outcome, TaskState};
use crate::runbook::PhaseId;

/// A run that has come to the end of `flag-10`, `flag-100` under way.
fn switched() -> World {
    let expand = phase("expand", vec![sql("add-column")]);
    let mut switch = phase("switch", vec![exec("flag-10"), exec("flag-100")]);
    switch.rollback = Some(vec![exec("flag-0")]);
    let mut world = World::new(plan(vec![expand, switch]));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.advance("switch");
    world.succeed(&forward("flag-10"));
    world
}

/// The same journal up to an event, as a standby has it that lagged; and what is
/// lost by that.
fn cut(world: World, head: usize) -> (World, Vec<Event>) {
    let plan = (*world.run.plan).clone();
    let lost = world.journal[head..].to_vec();
    let mut back = World::new(plan);
    for event in &world.journal[1..head] {
        back.append(event.kind.clone());
    }
    (back, lost)
}

/// Where an event of that kind and task first stands.
fn place(world: &World, tag: &str, step: &str) -> usize {
    let named = |event: &&Event| {
        let json = serde_json::to_string(&event.kind).unwrap();
        event.kind.tag() == tag && json.contains(&format!("\"{step}\""))
    };
    let found = world.journal.iter().find(named);
    usize::try_from(found.unwrap().seq.0).unwrap() - 1
}

fn admit(world: &mut World, moved: Option<&str>, lost: &[Event]) {
    for kind in loss::events(&world.run, moved, lost) {
        world.append(kind);
    }
}

fn doubts(world: &World) -> Vec<String> {
    let open = world.run.open_questions();
    open.map(|(task, _)| task.to_string()).collect()
}

#[test]
fn a_command_whose_events_were_lost_is_in_doubt_and_not_repeated() {
    let world = switched();
    let head = place(&world, "step_started", "flag-10");
    let (mut world, lost) = cut(world, head);
    admit(&mut world, Some("the server is on timeline 2"), &lost);
    assert_eq!(doubts(&world), ["flag-10", "flag-100"]);
    let hold = world.run.hold.clone().unwrap();
    assert!(hold.reason.contains("timeline 2"), "{hold:?}");
    assert!(hold.reason.contains("2 steps are in doubt"), "{hold:?}");
    assert!(matches!(
        world.state(&forward("flag-10")),
        Some(TaskState::InDoubt(why)) if why.contains("flag-10 done")
    ));
    world.pass(3);
    assert_eq!(world.ask(Ask::Release), Some(Reply::Accepted));
    let probed = |effect: &&Effect| matches!(effect, Effect::Probe { .. });
    assert_eq!(world.effects.iter().filter(probed).count(), 2);
    assert_eq!(world.performed(&forward("flag-10")), 0);
    for (step, done) in [("flag-10", true), ("flag-100", false)] {
        world.input(Message::Probed {
            task: forward(step),
            found: if done { Found::Done } else { Found::NotDone },
            how: "asked".into(),
        });
    }
    assert_eq!(world.performed(&forward("flag-10")), 0);
    assert_eq!(world.performed(&forward("flag-100")), 1);
    world.succeed(&forward("flag-100"));
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_doubt_in_a_phase_whose_entry_was_lost_keeps_everything_from_starting() {
    let world = switched();
    let head = place(&world, "phase_entered", "switch");
    let (mut world, lost) = cut(world, head);
    admit(&mut world, None, &lost);
    world.ask(Ask::Release);
    let into = PhaseId::new("switch");
    let refused = world.ask(Ask::Advance { into: into.clone() });
    assert!(matches!(refused, Some(Reply::Refused(why)) if why.contains("in doubt")));
    for step in ["flag-10", "flag-100"] {
        world.input(Message::Probed {
            task: forward(step),
            found: Found::Done,
            how: "asked".into(),
        });
    }
    world.advance("switch");
    assert_eq!(world.performed(&forward("flag-10")), 0);
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_lost_way_back_leaves_what_it_took_back_in_doubt() {
    let mut world = switched();
    world.succeed(&forward("flag-100"));
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
    // As if the run had a phase more: rolled back out of switch, then lost.
    let head = world.journal.len() - 1;
    let (mut world, _) = cut(world, head);
    let lost = Event {
        seq: Seq(99),
        at: world.now,
        kind: EventKind::StepStarted {
            task: forward("flag-0"),
            attempt: 1,
        },
        hash: "h".into(),
    };
    admit(&mut world, None, &[lost]);
    assert_eq!(doubts(&world), ["flag-10", "flag-100"]);
}

#[test]
fn what_the_database_did_is_lost_with_its_events_and_leaves_no_doubt() {
    let world = switched();
    let head = place(&world, "step_started", "add-column");
    let end = place(&world, "phase_entered", "switch");
    let (mut world, mut lost) = cut(world, head);
    lost.truncate(end - head);
    admit(&mut world, None, &lost);
    assert!(doubts(&world).is_empty());
    assert!(world.run.hold.is_some());
    assert!(matches!(
        world.journal[head].kind,
        EventKind::TailLost { ref lost } if lost.len() == end - head
    ));
}

#[test]
fn another_server_that_has_lost_nothing_holds_too() {
    let mut world = switched();
    let before = world.journal.len();
    admit(&mut world, None, &[]);
    assert_eq!(world.journal.len(), before);
    admit(&mut world, Some("the server is on timeline 2"), &[]);
    assert!(world.run.hold.is_some());
    assert!(doubts(&world).is_empty());
}
