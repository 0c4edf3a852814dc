//! The latch acts without the loop, and leaving ends everything.

use super::*;
use crate::runbook::StepId;

/// In flight until its lever is pulled; the way it was pulled.
fn fly(tasks: &mut Tasks, task: &Task, hold: UnderHold) -> watch::Receiver<Stop> {
    let (lever, stop) = watch::channel(Stop::No);
    let mut told = stop.clone();
    tasks.start(task, hold, Lever::Stop(lever), async move {
        let _ = told.wait_for(|stop| *stop != Stop::No).await;
        Outcome::NotDone(Fault::new(Trouble::Interrupted, "held"))
    });
    stop
}

#[tokio::test]
async fn the_latch_reaches_what_is_in_flight_and_what_begins_later_without_the_loop() {
    let latch = Latch::default();
    let mut tasks = Tasks::new(latch.clone());
    // A step of a phase's own rollback is a task forward, and on the way back.
    let back = fly(
        &mut tasks,
        &Task::forward(StepId::new("own")),
        UnderHold::GoesOn,
    );
    let mut before = fly(
        &mut tasks,
        &Task::forward(StepId::new("a")),
        UnderHold::Stops,
    );
    latch.set();
    let told = before.wait_for(|stop| *stop != Stop::No).await;
    assert_eq!(*told.unwrap(), Stop::AtSafePoint);
    let after = fly(
        &mut tasks,
        &Task::forward(StepId::new("b")),
        UnderHold::Stops,
    );
    assert_eq!(*after.borrow(), Stop::AtSafePoint);
    assert_eq!(*back.borrow(), Stop::No, "the way back goes on");
}

#[tokio::test]
async fn leaving_ends_everything_in_flight() {
    let mut tasks = Tasks::new(Latch::default());
    let stop = fly(&mut tasks, &Task::back(StepId::new("a")), UnderHold::GoesOn);
    tasks.shutdown().await;
    assert_eq!(*stop.borrow(), Stop::Now);
    assert!(tasks.is_idle());
}
