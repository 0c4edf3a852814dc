//! Steps: started, tried again, held, taken back.

use super::world::{World, back, forward};
use crate::engine::message::{Ask, Effect, Reply};
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot::Link;
use crate::plan::fixture::{backfill, drop_old, exec, manual, parity, phase, plan, sql};
use crate::run::event::Scope;
use crate::run::fault::Trouble;
use crate::run::{Outcome, Place, TaskState};
use crate::runbook::{PhaseId, Reversal, StepId};

fn hold() -> Ask {
    Ask::Hold {
        reason: String::new(),
    }
}

fn roll_back(phase: &str) -> Ask {
    Ask::Rollback {
        phase: PhaseId::new(phase),
        reason: None,
    }
}

fn two_phases() -> World {
    World::new(plan(vec![
        phase("expand", vec![sql("add-column"), sql("add-index")]),
        phase("backfill", vec![backfill("copy")]),
    ]))
}

#[test]
fn a_run_goes_from_not_started_to_finished() {
    let mut world = two_phases();
    world.pass(3);
    assert_eq!(world.run.place, Place::Before(0), "nobody advanced");
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.succeed(&forward("add-index"));
    world.pass(3);
    assert_eq!(world.run.place, Place::In(0), "nobody advanced");
    world.advance("backfill");
    world.succeed(&forward("copy"));
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
    assert_eq!(world.kinds().last(), Some(&"finished"));
}

#[test]
fn steps_run_one_after_the_other() {
    let mut world = two_phases();
    world.advance("expand");
    assert_eq!(world.performed(&forward("add-index")), 0);
    world.succeed(&forward("add-column"));
    assert_eq!(world.performed(&forward("add-index")), 1);
}

#[test]
fn a_lock_timeout_is_tried_again_and_then_asks_a_person() {
    let mut world = two_phases();
    world.advance("expand");
    let task = forward("add-column");
    let tries = world.run.plan.body.ddl.retry_max + 1;
    for _ in 0..tries {
        assert_eq!(world.run.hold, None);
        world.fail(&task, Trouble::LockTimeout);
        world.pass(7);
    }
    assert_eq!(world.performed(&task), tries as usize);
    assert!(matches!(world.state(&task), Some(TaskState::Failed(_))));
    assert!(world.run.hold.is_some());
    world.ask(Ask::Release);
    assert_eq!(world.performed(&task), tries as usize + 1);
}

#[test]
fn a_server_that_is_away_is_waited_for_without_end() {
    let mut world = two_phases();
    world.advance("expand");
    for _ in 0..60 {
        world.fail(&forward("add-column"), Trouble::Unavailable);
        world.pass(7);
    }
    assert_eq!(world.run.hold, None);
}

#[test]
fn an_error_of_another_kind_holds_at_once() {
    let mut world = two_phases();
    world.advance("expand");
    world.fail(&forward("add-column"), Trouble::Privilege);
    assert!(world.run.hold.is_some());
    world.pass(60);
    assert_eq!(world.performed(&forward("add-column")), 1);
}

#[test]
fn a_hold_stops_what_waits_and_a_release_starts_it_again() {
    let mut world = two_phases();
    world.advance("expand");
    let task = forward("add-column");
    assert_eq!(world.ask_as("stranger", hold()), Some(Reply::Accepted));
    assert!(world.effects.contains(&Effect::Stop { task: task.clone() }));
    world.fail(&task, Trouble::Interrupted);
    world.pass(30);
    assert_eq!(world.performed(&task), 1);
    world.ask(Ask::Release);
    assert_eq!(world.performed(&task), 2);
}

#[test]
fn a_hold_keeps_the_backfill_in_flight_and_starts_nothing_new() {
    let mut world = two_phases();
    world.advance("expand");
    world.ask(hold());
    world.succeed(&forward("add-column"));
    world.pass(10);
    assert_eq!(world.performed(&forward("add-index")), 0);
}

#[test]
fn a_rollback_undoes_touched_steps_in_reverse() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.succeed(&forward("add-index"));
    world.ask(roll_back("expand"));
    assert_eq!(world.performed(&back("add-column")), 0);
    world.succeed(&back("add-index"));
    world.succeed(&back("add-column"));
    assert_eq!(world.run.place, Place::Before(0));
    assert_eq!(world.run.attempt(&PhaseId::new("expand")), 2);
    assert!(world.run.tasks.is_empty());
    world.advance("expand");
    assert_eq!(world.performed(&forward("add-column")), 2);
}

#[test]
fn a_rollback_cancels_running_sql_and_does_not_undo_what_never_committed() {
    let mut world = two_phases();
    world.advance("expand");
    let task = forward("add-column");
    world.ask(roll_back("expand"));
    assert!(
        world
            .effects
            .contains(&Effect::Cancel { task: task.clone() })
    );
    world.fail(&task, Trouble::Interrupted);
    assert_eq!(world.performed(&back("add-column")), 0);
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn a_rollback_runs_while_held() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask(hold());
    world.ask(roll_back("expand"));
    world.fail(&forward("add-index"), Trouble::Interrupted);
    world.succeed(&back("add-column"));
    assert_eq!(world.run.place, Place::Before(0));
    assert!(world.run.hold.is_some());
}

#[test]
fn a_failed_undo_is_stuck_until_a_person_decides() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask(roll_back("expand"));
    world.fail(&forward("add-index"), Trouble::Interrupted);
    world.fail(&back("add-column"), Trouble::Other);
    assert!(world.run.is_stuck());
    world.ask(hold());
    world.ask(Ask::Release);
    world.pass(60);
    assert!(world.run.is_stuck(), "a release does not settle it");
    assert_eq!(world.performed(&back("add-column")), 1);
    let resolve = |how: &str| Ask::Resolve {
        task: back("add-column"),
        done: false,
        how: how.into(),
    };
    assert!(matches!(world.ask(resolve(" ")), Some(Reply::Refused(_))));
    assert_eq!(world.ask(resolve("grant given")), Some(Reply::Accepted));
    world.succeed(&back("add-column"));
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn a_step_that_failed_is_taken_back_without_being_stuck() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.fail(&forward("add-index"), Trouble::Privilege);
    world.ask(roll_back("expand"));
    assert!(!world.run.is_stuck());
    world.succeed(&back("add-column"));
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn an_undo_that_a_person_tries_again_has_all_its_attempts() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask(roll_back("expand"));
    world.fail(&forward("add-index"), Trouble::Interrupted);
    let undo = back("add-column");
    let tries = world.run.plan.body.ddl.retry_max as usize + 1;
    for round in 1..=2 {
        for _ in 0..tries {
            assert!(!world.run.is_stuck());
            world.fail(&undo, Trouble::LockTimeout);
            world.pass(7);
        }
        assert!(world.run.is_stuck());
        assert_eq!(world.performed(&undo), tries * round);
        let again = Ask::Resolve {
            task: undo.clone(),
            done: false,
            how: "the report has ended".into(),
        };
        assert_eq!(world.ask(again), Some(Reply::Accepted));
    }
    world.succeed(&undo);
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn a_phase_with_its_own_rollback_runs_that_and_an_unwind_the_undos() {
    let mut switch = phase("switch", vec![exec("flag-10"), exec("flag-100")]);
    switch.rollback = Some(vec![exec("flag-0")]);
    let mut world = World::new(plan(vec![switch]));
    world.advance("switch");
    world.succeed(&forward("flag-10"));
    world.succeed(&forward("flag-100"));
    let way = |world: &World, scope| world.run.way_back(0, scope);
    // The last phase's steps are done, so the run is finished; look at the plan alone.
    assert_eq!(way(&world, Scope::Phase), [forward("flag-0")]);
    assert_eq!(
        way(&world, Scope::Unwind),
        [back("flag-100"), back("flag-10")]
    );
}

#[test]
fn an_unwind_goes_through_every_phase_to_the_start() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.succeed(&forward("add-index"));
    world.advance("backfill");
    world.ask(Ask::Unwind { reason: None });
    assert!(world.effects.contains(&Effect::Stop {
        task: forward("copy")
    }));
    world.fail(&forward("copy"), Trouble::Interrupted);
    world.succeed(&back("add-index"));
    world.succeed(&back("add-column"));
    assert_eq!(world.run.outcome, Some(Outcome::RolledBack));
}

#[test]
fn at_a_boundary_a_rollback_takes_the_phase_before() {
    let mut world = two_phases();
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.succeed(&forward("add-index"));
    world.advance("backfill");
    world.ask(roll_back("backfill"));
    world.fail(&forward("copy"), Trouble::Interrupted);
    assert_eq!(world.run.place, Place::Before(1));
    assert!(matches!(
        world.ask(roll_back("backfill")),
        Some(Reply::Refused(_))
    ));
    world.ask(roll_back("expand"));
    world.succeed(&back("add-index"));
    world.succeed(&back("add-column"));
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn past_the_point_of_no_return_it_is_roll_forward_only() {
    let mut contract = phase("contract", vec![drop_old("drop-old"), manual("tell")]);
    contract.point_of_no_return = true;
    let mut world = World::new(plan(vec![contract]));
    world.advance("contract");
    assert_eq!(world.performed(&forward("drop-old")), 1);
    let refused = world.ask(roll_back("contract"));
    assert!(
        matches!(&refused, Some(Reply::Refused(why)) if why.contains("roll forward only")),
        "it may have been committed: {refused:?}"
    );
    world.succeed(&forward("drop-old"));
    assert!(matches!(
        world.ask(roll_back("contract")),
        Some(Reply::Refused(_))
    ));
}

#[test]
fn a_manual_step_waits_for_an_answer() {
    let mut world = World::new(plan(vec![phase("verify", vec![manual("look")])]));
    world.advance("verify");
    world.pass(100);
    assert_eq!(world.run.outcome, None);
    let answer = |step: &str| Ask::Answer {
        step: StepId::new(step),
    };
    assert!(matches!(
        world.ask(answer("other")),
        Some(Reply::Refused(_))
    ));
    assert_eq!(world.ask(answer("look")), Some(Reply::Accepted));
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_hold_ends_a_comparison_and_a_release_begins_it_again() {
    let mut world = World::new(plan(vec![phase("verify", vec![parity("compare")])]));
    world.advance("verify");
    let task = forward("compare");
    world.ask(hold());
    assert!(world.effects.contains(&Effect::Stop { task: task.clone() }));
    world.fail(&task, Trouble::Interrupted);
    world.ask(Ask::Release);
    assert_eq!(world.performed(&task), 2);
}

#[test]
fn a_latched_hold_starts_no_step_but_the_way_back() {
    let mut world = two_phases();
    world.advance("expand");
    world.memory.latched = true;
    world.succeed(&forward("add-column"));
    world.pass(10);
    assert_eq!(world.performed(&forward("add-index")), 0);
    world.ask(roll_back("expand"));
    assert_eq!(world.performed(&back("add-column")), 1);
}

#[test]
fn a_manual_undo_asks_and_is_answered_on_the_way_back() {
    let mut step = sql("add-column");
    let ask = manual("unused").action().clone();
    step.step.reversal = Reversal::Undo(Box::new(ask));
    let mut world = World::new(plan(vec![
        phase("expand", vec![step, sql("add-index")]),
        phase("next", vec![sql("more")]),
    ]));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.succeed(&forward("add-index"));
    world.ask(roll_back("expand"));
    world.succeed(&back("add-index"));
    let standing = Standing {
        link: Link::Up,
        led: true,
        latched: false,
    };
    let state = posture::state(&world.run, &world.memory, &standing, world.now);
    let verdict = posture::verdict(&world.run, &world.memory, state, &standing, world.now);
    assert!(verdict.contains("asks: Done?"), "{verdict}");
    let answer = Ask::Answer {
        step: StepId::new("add-column"),
    };
    assert_eq!(world.ask(answer), Some(Reply::Accepted));
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn what_an_own_rollback_leaves_is_not_run_again_and_an_unwind_undoes_it() {
    let mut expand = phase("expand", vec![sql("add-column"), exec("flag-10")]);
    expand.rollback = Some(vec![exec("flag-0")]);
    let mut world = World::new(plan(vec![expand, phase("next", vec![sql("more")])]));
    for round in 1..=2 {
        world.advance("expand");
        if round == 1 {
            world.succeed(&forward("add-column"));
        }
        world.succeed(&forward("flag-10"));
        world.ask(roll_back("expand"));
        world.succeed(&forward("flag-0"));
        assert_eq!(world.run.place, Place::Before(0));
        assert_eq!(world.performed(&forward("flag-10")), round);
    }
    assert_eq!(world.performed(&forward("add-column")), 1);
    world.ask(Ask::Unwind { reason: None });
    world.succeed(&back("add-column"));
    assert_eq!(world.performed(&back("flag-10")), 0);
    assert_eq!(world.run.outcome, Some(Outcome::RolledBack));
}

#[test]
fn what_a_later_phase_left_is_undone_before_the_phase_ahead_of_it() {
    let mut switch = phase("switch", vec![sql("view"), exec("flag-10")]);
    switch.rollback = Some(vec![exec("flag-0")]);
    let expand = phase("expand", vec![sql("add-column")]);
    let mut world = World::new(plan(vec![expand, switch]));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.advance("switch");
    world.succeed(&forward("view"));
    world.ask(roll_back("switch"));
    world.fail(&forward("flag-10"), Trouble::Interrupted);
    world.succeed(&forward("flag-0"));
    world.ask(Ask::Unwind { reason: None });
    assert_eq!(world.performed(&back("add-column")), 0);
    world.succeed(&back("view"));
    world.succeed(&back("add-column"));
    assert_eq!(world.run.outcome, Some(Outcome::RolledBack));
}
