//! Effects: which work each one starts.
//!
//! Owns the step from an effect to a task; the work itself is in `sql`,
//! `chunks`, `command` and `probe`. Each task opens its own sessions, and they
//! end with it.

mod chunks;
mod command;
mod probe;
mod sql;
mod wait;

use std::future::Future;

use tokio::sync::watch;

use super::tasks::{Lever, UnderHold};
use super::turn::at_now;
use super::{Driver, Incoming};
use crate::engine::message::{Effect, Message, Outcome};
use crate::engine::{gate, hear, proceed};
use crate::monitor::guarded;
use crate::pg::connect::Target;
use crate::pg::lease::Lease;
use crate::pg::step::Stop;
use crate::plan::StepPlace;
use crate::run::event::{Task, Verdict};
use crate::run::fault::{Fault, Trouble};
use crate::run::progress::Progress;
use crate::runbook::{Action, Condition, GateId, Wait};

impl Driver {
    /// Starts what the engine wants done.
    pub(super) async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Perform { task, .. } => self.start(&task),
            Effect::Probe { task } => self.start_probe(&task),
            Effect::Stop { task } => self.tasks.stop(&task, Stop::AtSafePoint),
            Effect::Cancel { task } => self.tasks.stop(&task, Stop::Now),
            Effect::Sample { gate, question } => self.sample(&gate, question),
            Effect::Reply { intent, reply } => self.reply(intent, reply).await,
        }
    }

    /// Starts a task. What cannot be started ends at once: a flight lands.
    fn start(&mut self, task: &Task) {
        let started = match self.under_hold(task) {
            // Set since the decision; the engine's next one knows.
            UnderHold::Stops if self.latch.is_set() => {
                Err(Fault::new(Trouble::Interrupted, "held before it began"))
            }
            _ => self.start_action(task),
        };
        if let Err(fault) = started {
            let (lever, _) = stop_lever();
            let outcome = Outcome::NotDone(fault);
            self.start_work(task, lever, async move { outcome });
        }
    }

    /// Starts a task's work.
    fn start_work(
        &mut self,
        task: &Task,
        lever: Lever,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let hold = self.under_hold(task);
        self.tasks.start(task, hold, lever, work);
    }

    /// What a hold means for a task.
    pub(super) fn under_hold(&self, task: &Task) -> UnderHold {
        match self.run.is_way_back(task) {
            true => UnderHold::GoesOn,
            false => UnderHold::Stops,
        }
    }

    fn start_action(&mut self, task: &Task) -> Result<(), Fault> {
        let run = std::sync::Arc::clone(&self.run);
        let place = run.plan.step(&task.step);
        let place = place.ok_or_else(|| Fault::new(Trouble::Other, "the plan has no such step"))?;
        match proceed::action_of(place.step, task) {
            Some(Action::Sql(action)) => self.start_sql(task, place, action)?,
            Some(Action::Backfill(spec)) => self.start_backfill(task, place, spec)?,
            Some(Action::Parity(spec)) => self.start_parity(task, place, spec)?,
            Some(Action::Exec(exec)) => self.start_command(task, exec),
            Some(Action::Wait(Wait::Until {
                query,
                every,
                timeout,
            })) => {
                let until = wait::Until {
                    on: place.step.step.on.clone(),
                    query: query.clone(),
                    every: *every,
                    timeout: *timeout,
                };
                let (lever, stop) = stop_lever();
                let wait = wait::until(self.questions.clone(), until, stop);
                self.start_work(task, lever, wait);
            }
            // A person's and the clock's: nothing to start.
            Some(Action::Manual(_) | Action::Wait(Wait::For(_))) | None => {}
        }
        Ok(())
    }

    /// Where a step runs.
    fn target_of(&self, place: StepPlace<'_>) -> Result<Target, Fault> {
        let on = &place.step.step.on;
        self.places.targets.get(on).cloned().ok_or_else(|| {
            let message = format!("connection `{on}` has no address here");
            Fault::new(Trouble::Other, message)
        })
    }

    fn sample(&mut self, id: &GateId, question: u64) {
        let run = std::sync::Arc::clone(&self.run);
        let Some((_, planned)) = run.plan.gate(id) else {
            return;
        };
        let Condition::Sql { query, on } = &planned.condition else {
            return;
        };
        let (questions, gate_id) = (self.questions.clone(), id.clone());
        let (query, on) = (query.clone(), on.clone());
        self.tasks.start_sample(id, question, async move {
            let (verdict, reason) = match questions.ask(&on, &query).await {
                Ok(answer) => {
                    let reason = format!("the query says {}", answer.word());
                    (gate::verdict_of_answer(answer.known()), reason)
                }
                Err(fault) => (Verdict::Error, fault.message),
            };
            Message::Sampled {
                gate: gate_id,
                question,
                verdict,
                reason,
            }
        });
    }

    /// Hands the guards' signals in, as the monitor last read them.
    pub(super) async fn read_guards(&mut self) -> Result<(), super::Ended> {
        let readings = self.readings.borrow_and_update().clone();
        let run = std::sync::Arc::clone(&self.run);
        let Some(connection) = run.plan.body.connections.first() else {
            return Ok(());
        };
        for guard in &run.plan.body.guards {
            let value = guarded::value(guard, &readings, &connection.standbys);
            let guard = guard.id.clone();
            let measured = Message::Measured { guard, value };
            match self.link.is_up() {
                true => self.input(measured).await?,
                // The newest is enough by the time that something follows from it.
                false => hear(&mut self.memory, &at_now(measured)),
            }
        }
        Ok(())
    }

    /// What every writing transaction shows.
    fn lease(&self) -> Lease {
        let lease = self.link.journal().lease();
        Lease {
            run: lease.run.clone(),
            token: lease.token.clone(),
        }
    }

    /// The attempt of the phase that a task belongs to, as the tables have it.
    fn phase_attempt(&self, phase: usize) -> i32 {
        let id = &self.run.plan.phases()[phase].id;
        i32::try_from(self.run.attempt(id)).unwrap_or(i32::MAX)
    }

    /// Passes progress on; the newest wins, a full queue loses it.
    fn reporter(&self, task: &Task) -> impl Fn(Progress) + Send + Sync + use<> {
        let (outbox, task) = (self.outbox.clone(), task.clone());
        move |progress| {
            let _ = outbox.try_send(Incoming::Progress(task.clone(), progress));
        }
    }
}

fn stop_lever() -> (Lever, watch::Receiver<Stop>) {
    let (sender, receiver) = watch::channel(Stop::No);
    (Lever::Stop(sender), receiver)
}
