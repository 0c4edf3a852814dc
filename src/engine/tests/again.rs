//! Finished backfills and comparisons, taken again.

use super::world::{World, back, forward};
use crate::engine::message::{Ask, Reply};
use crate::plan::fixture::{backfill, drop_old, parity, phase, plan, sql};
use crate::run::again::Again;
use crate::run::fault::Trouble;
use crate::run::{Outcome, Place, TaskState};
use crate::runbook::{PhaseId, StepId};

fn rerun(step: &str, what: Again) -> Ask {
    Ask::Rerun {
        step: StepId::new(step),
        what,
    }
}

fn key(parts: &[&str]) -> Option<Vec<String>> {
    Some(parts.iter().map(|part| (*part).to_owned()).collect())
}

/// In verify, with everything done.
fn verified() -> World {
    let mut world = World::new(plan(vec![
        phase("backfill", vec![sql("add-column"), backfill("copy")]),
        phase("verify", vec![parity("emails"), sql("validate")]),
        phase("rest", vec![sql("last")]),
    ]));
    world.advance("backfill");
    world.succeed(&forward("add-column"));
    world.succeed(&forward("copy"));
    world.advance("verify");
    world.succeed(&forward("emails"));
    world.succeed(&forward("validate"));
    world
}

#[test]
fn a_backfill_is_taken_again_and_what_was_compared_behind_it_too() {
    let mut world = verified();
    let some = Again::Range {
        low: key(&["7"]),
        high: None,
    };
    assert_eq!(
        world.ask(rerun("copy", some.clone())),
        Some(Reply::Accepted)
    );
    let step = StepId::new("copy");
    assert_eq!(
        (world.run.reruns[&step].round, &world.run.reruns[&step].what),
        (1, &some)
    );
    assert_eq!(world.performed(&forward("copy")), 2);
    assert_eq!(world.performed(&forward("emails")), 1, "after the backfill");
    let advance = Ask::Advance {
        into: PhaseId::new("rest"),
    };
    assert!(matches!(world.ask(advance), Some(Reply::Refused(_))));
    world.crash();
    // Its checkpoints know: it is begun again there, in the same round.
    assert_eq!(world.run.reruns[&step].round, 1);
    world = verified();
    world.ask(rerun("copy", Again::Whole));
    world.succeed(&forward("copy"));
    assert_eq!(world.performed(&forward("emails")), 2);
    world.succeed(&forward("emails"));
    assert_eq!(world.performed(&forward("validate")), 1, "it stays done");
    world.ask(rerun("copy", Again::Quarantined));
    assert_eq!(world.run.reruns[&step].round, 2);
    world.succeed(&forward("copy"));
    world.succeed(&forward("emails"));
    world.advance("rest");
    world.succeed(&forward("last"));
    assert_eq!(world.run.outcome, Some(Outcome::Finished));
}

#[test]
fn a_rerun_that_fails_holds_and_can_be_taken_back() {
    let mut world = verified();
    world.ask(rerun("copy", Again::Whole));
    world.fail(&forward("copy"), Trouble::Resources);
    assert!(world.run.hold.is_some());
    world.ask(Ask::Rollback {
        phase: PhaseId::new("verify"),
        reason: None,
    });
    world.succeed(&back("validate"));
    assert_eq!(world.run.place, Place::Before(1));
    world.ask(Ask::Rollback {
        phase: PhaseId::new("backfill"),
        reason: None,
    });
    world.succeed(&back("add-column"));
    assert_eq!(world.run.place, Place::Before(0));
    world.ask(Ask::Release);
    world.advance("backfill");
    world.succeed(&forward("add-column"));
    assert!(
        world.run.reruns.is_empty(),
        "another attempt is whole again"
    );
}

#[test]
fn what_cannot_be_taken_again_says_why() {
    let mut world = World::new(plan(vec![
        phase("backfill", vec![sql("add-column"), backfill("copy")]),
        phase("verify", vec![parity("emails")]),
        phase("contract", vec![drop_old("drop-old"), sql("tidy")]),
    ]));
    world.advance("backfill");
    world.succeed(&forward("add-column"));
    let refused = |world: &mut World, ask| {
        let Some(Reply::Refused(why)) = world.ask(ask) else {
            panic!("accepted");
        };
        why
    };
    let why = refused(&mut world, rerun("copy", Again::Whole));
    assert!(why.contains("not done"), "{why}");
    let why = refused(&mut world, rerun("add-column", Again::Whole));
    assert!(why.contains("no backfill"), "{why}");
    let why = refused(&mut world, rerun("emails", Again::Whole));
    assert!(why.contains("not of this phase"), "{why}");
    world.succeed(&forward("copy"));
    let wide = Again::Range {
        low: key(&["1", "2"]),
        high: None,
    };
    let why = refused(&mut world, rerun("copy", wide));
    assert!(why.contains("(id)"), "{why}");
    world.advance("verify");
    world.succeed(&forward("emails"));
    let why = refused(&mut world, rerun("emails", Again::Quarantined));
    assert!(why.contains("as a whole"), "{why}");
    assert_eq!(
        world.ask(rerun("emails", Again::Whole)),
        Some(Reply::Accepted)
    );
    assert_eq!(world.state(&forward("emails")), Some(&TaskState::Running));
    let signer = world.ask_as("bo", rerun("copy", Again::Whole));
    assert!(matches!(signer, Some(Reply::Refused(_))), "{signer:?}");
    world.succeed(&forward("emails"));
    world.advance("contract");
    world.answer_queries(crate::run::event::Verdict::Go);
    let why = refused(&mut world, rerun("copy", Again::Whole));
    assert!(why.contains("cannot be taken back"), "{why}");
}

#[test]
fn workers_are_set_for_every_backfill_to_come() {
    let mut world = verified();
    let workers = |workers| Ask::Workers { workers };
    assert!(matches!(world.ask(workers(0)), Some(Reply::Refused(_))));
    assert!(matches!(world.ask(workers(17)), Some(Reply::Refused(_))));
    assert_eq!(world.ask(workers(3)), Some(Reply::Accepted));
    assert!(matches!(world.ask(workers(3)), Some(Reply::Refused(_))));
    let task = forward("copy");
    assert_eq!(crate::engine::throttle::workers(&world.run, &task), 3);
}
