//! Resume is the ordinary path: the memory is empty, the run says the rest.

use super::world::{World, forward};
use crate::engine::message::{Ask, Effect, Found, Message, Outcome as Ending, Reply};
use crate::plan::fixture::{backfill, exec, phase, plan, sql};
use crate::run::event::Summary;
use crate::run::fault::{Fault, Trouble};
use crate::run::{Outcome, TaskState};

fn probes(world: &World) -> usize {
    let probe = |effect: &&Effect| matches!(effect, Effect::Probe { .. });
    world.effects.iter().filter(probe).count()
}

fn probed(world: &mut World, step: &str, found: Found) {
    world.input(Message::Probed {
        task: forward(step),
        found,
        how: "looked".into(),
    });
}

#[test]
fn a_step_that_a_dead_lead_left_running_is_probed_before_it_runs_again() {
    let mut world = World::new(plan(vec![phase("expand", vec![sql("add-column")])]));
    world.advance("expand");
    world.crash();
    world.pass(5);
    assert_eq!(probes(&world), 1);
    assert_eq!(world.performed(&forward("add-column")), 1);
    probed(&mut world, "add-column", Found::NotDone);
    assert_eq!(world.performed(&forward("add-column")), 2);
}

#[test]
fn a_step_found_done_is_not_run_again() {
    let mut world = World::new(plan(vec![phase("switch", vec![exec("flag")])]));
    world.advance("switch");
    world.crash();
    probed(&mut world, "flag", Found::Done);
    assert_eq!(world.performed(&forward("flag")), 1);
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_command_that_nobody_can_tell_about_waits_for_a_person() {
    let mut world = World::new(plan(vec![phase("switch", vec![exec("flag")])]));
    world.advance("switch");
    world.crash();
    probed(&mut world, "flag", Found::Never);
    world.pass(60);
    let task = forward("flag");
    assert!(matches!(world.state(&task), Some(TaskState::InDoubt(_))));
    assert_eq!((probes(&world), world.performed(&task)), (1, 1));
    let resolve = Ask::Resolve {
        task: task.clone(),
        done: true,
        how: "seen on the dashboard".into(),
    };
    assert_eq!(world.ask(resolve), Some(Reply::Accepted));
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_doubt_that_nothing_can_settle_now_is_probed_again_ever_more_rarely() {
    let mut world = World::new(plan(vec![phase("switch", vec![exec("flag")])]));
    world.advance("switch");
    world.crash();
    for _ in 0..120 {
        // The server restarts: nobody can be asked.
        if world.memory.flights.contains_key(&forward("flag")) {
            probed(&mut world, "flag", Found::NotNow);
        }
        world.pass(1);
    }
    assert!(
        (6..15).contains(&probes(&world)),
        "{} probes",
        probes(&world)
    );
    assert!(matches!(
        world.state(&forward("flag")),
        Some(TaskState::InDoubt(_))
    ));
    world.pass(30);
    probed(&mut world, "flag", Found::Done);
    assert_eq!(world.performed(&forward("flag")), 1);
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_person_settles_a_doubt_that_is_being_probed() {
    let mut world = World::new(plan(vec![phase("switch", vec![exec("flag")])]));
    world.advance("switch");
    world.crash();
    probed(&mut world, "flag", Found::NotNow);
    world.pass(1);
    let task = forward("flag");
    assert!(world.memory.flights.contains_key(&task), "probed again");
    let resolve = Ask::Resolve {
        task: task.clone(),
        done: false,
        how: "seen on the dashboard".into(),
    };
    assert_eq!(world.ask(resolve), Some(Reply::Accepted));
    assert_eq!(world.performed(&task), 1, "not beside the probe");
    probed(&mut world, "flag", Found::NotNow);
    assert_eq!(world.performed(&task), 2);
}

#[test]
fn a_connection_lost_in_a_commit_is_in_doubt_and_probed() {
    let mut world = World::new(plan(vec![phase("expand", vec![sql("add-column")])]));
    world.advance("expand");
    let lost = Fault::new(Trouble::ConnectionLost, "gone");
    world.end(&forward("add-column"), Ending::Unknown(lost));
    assert_eq!(probes(&world), 1);
    assert_eq!(world.performed(&forward("add-column")), 1);
    probed(&mut world, "add-column", Found::Done);
    assert!(matches!(
        world.state(&forward("add-column")),
        Some(TaskState::Done(Summary::Found { .. }))
    ));
}

#[test]
fn an_outcome_whose_event_was_committed_with_the_work_is_not_recorded_twice() {
    use crate::run::event::EventKind;
    let two = vec![sql("add-column"), sql("add-index")];
    let mut world = World::new(plan(vec![phase("expand", two)]));
    world.advance("expand");
    let task = forward("add-column");
    let summary = super::world::summary(&world.run, &task);
    world.append(EventKind::StepSucceeded {
        task: task.clone(),
        summary,
    });
    let before = world.journal.len();
    world.succeed(&task);
    assert_eq!(
        world.journal.len(),
        before + 1,
        "add-index was started, no more"
    );
}

#[test]
fn a_backfill_goes_on_after_a_crash() {
    let mut world = World::new(plan(vec![phase("backfill", vec![backfill("copy")])]));
    world.advance("backfill");
    world.crash();
    probed(&mut world, "copy", Found::NotDone);
    assert_eq!(world.performed(&forward("copy")), 2);
}
