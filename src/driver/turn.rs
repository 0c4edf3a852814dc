//! The loop: one input at a time, handled to the end.
//!
//! Owns the order decide, append, evolve, publish, perform. An append whose
//! outcome is not known is never guessed at: the input waits, the link comes
//! back ([`super::outage`]), the journal is read, and the decision is made again.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::link::CatchUp;
use super::tasks::UnderHold;
use super::{Driver, Ended, Incoming, Leaving, rhythm};
use crate::clock;
use crate::engine::memory::Flight;
use crate::engine::message::{Ask, Decision, Input, Message, Outcome};
use crate::engine::{decide, hear, proceed, throttle};
use crate::pg::cadence::Control;
use crate::run::event::{Event, EventKind, Percent, Scope, Summary, Task};
use crate::run::evolve::evolve;
use crate::run::fault::{Fault, Trouble};
use crate::run::{Outcome as RunOutcome, Rollback, Run};
use crate::runbook::Action;
use crate::store::journal::AppendError;

/// Whether the input was dealt with.
pub(super) enum Turn {
    Done,
    /// The journal is away; the input waits.
    Later,
}

impl Turn {
    /// The journal went away. What had followed from the message is recorded
    /// and begun where it was `dealt_with`; what follows from that, the next
    /// tick finds. A message that were handled again would begin it twice.
    fn later(dealt_with: bool) -> Self {
        match dealt_with {
            true => Self::Done,
            false => Self::Later,
        }
    }
}

impl Driver {
    /// Turns until the run is left or lost.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn turn(mut self) -> Result<(), Ended> {
        let ended = self.turns().await;
        self.tasks.shutdown().await;
        ended
    }

    async fn turns(&mut self) -> Result<(), Ended> {
        let mut ticks = interval(rhythm::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut frames = interval(rhythm::FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulse = interval(rhythm::PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut latch = self.latch.watch();
        let mut news = true;
        loop {
            let head = self.run.head;
            let heard = tokio::select! {
                biased;
                _ = latch.changed() => { self.publish(); false }
                Some(incoming) = self.inbox.recv() => { self.take(incoming).await?; true }
                message = self.tasks.ended() => {
                    self.take(Incoming::Message(message)).await?;
                    true
                }
                change = self.link.change() => { self.follow(change).await?; true }
                _ = ticks.tick() => { self.tick().await?; false }
                Ok(()) = self.readings.changed() => { self.read_guards().await?; true }
                _ = pulse.tick() => true,
                _ = frames.tick(), if news => { self.publish(); news = false; false }
            };
            news |= heard;
            self.steer();
            if self.run.head != head {
                self.publish();
            }
            if self.may_leave() {
                self.publish();
                return Ok(());
            }
        }
    }

    async fn take(&mut self, incoming: Incoming) -> Result<(), Ended> {
        match incoming {
            Incoming::Message(message) => self.input(message).await,
            Incoming::Progress(task, progress) => {
                hear(
                    &mut self.memory,
                    &at_now(Message::Progressed { task, progress }),
                );
                Ok(())
            }
            Incoming::Request(request) => self.request(request).await,
            Incoming::Leave(how) => {
                self.leaving = Some(how);
                match (how, self.run.hold.is_some()) {
                    (Leaving::AsItIs, _) => Ok(()),
                    (Leaving::Hold, true) => {
                        self.latch.clear();
                        Ok(())
                    }
                    (Leaving::Hold, false) => self.hold_by_lead("the lead has left").await,
                }
            }
            Incoming::LeaseLost => {
                // Taken over, or lost by the server: who comes back finds out.
                self.link.lost("the lease is not ours any more");
                Ok(())
            }
        }
    }

    /// Hands an input to the engine, or lets it wait for the journal.
    pub(super) async fn input(&mut self, message: Message) -> Result<(), Ended> {
        if !self.link.is_up() || !self.waiting.is_empty() {
            self.waiting.push_back(message);
            return Ok(());
        }
        if let Turn::Later = self.settle(message.clone()).await? {
            self.waiting.push_front(message);
        }
        Ok(())
    }

    /// Decides, appends, folds and performs until nothing more follows.
    pub(super) async fn settle(&mut self, message: Message) -> Result<Turn, Ended> {
        if was_recorded(&message)
            && let Turn::Later = self.catch_up().await?
        {
            return Ok(Turn::Later);
        }
        let mut input = at_now(message);
        let mut dealt_with = false;
        loop {
            let run = Arc::clone(&self.run);
            self.memory.latched = self.latch.is_set();
            let decision = decide(&run, &mut self.memory, &input);
            let quiet = decision.events.is_empty();
            match self.append(&decision).await? {
                Appended::Yes => {}
                Appended::HeadMoved => match self.catch_up().await? {
                    Turn::Done => continue,
                    Turn::Later => return Ok(Turn::later(dealt_with)),
                },
                Appended::Unknown => return Ok(Turn::later(dealt_with)),
            }
            for effect in decision.effects {
                self.memory.launched(&effect, input.now);
                self.perform(effect).await;
            }
            // A second hold records nothing, and has to let go all the same.
            if is_hold(&input.message) {
                self.latch.clear();
            }
            if quiet {
                return Ok(Turn::Done);
            }
            input = at_now(Message::Tick);
            dealt_with = true;
        }
    }

    pub(super) async fn append(&mut self, decision: &Decision) -> Result<Appended, Ended> {
        if decision.events.is_empty() {
            return Ok(Appended::Yes);
        }
        let journal = self.link.journal();
        let outcome = outcome_of(&self.run, &decision.events);
        match journal
            .append(self.run.head, &decision.events, outcome)
            .await
        {
            Ok(events) => {
                self.watch_log();
                self.fold(events)?;
                Ok(Appended::Yes)
            }
            Err(AppendError::HeadMoved) => Ok(Appended::HeadMoved),
            Err(AppendError::LeaseLost) => Err(Ended::LeaseLost),
            Err(AppendError::Unknown(fault)) => {
                self.link.lost(&fault.message);
                Ok(Appended::Unknown)
            }
            Err(AppendError::Refused(fault)) if can_wait(&fault) => {
                warn!("the journal refuses: {fault}");
                self.link.lost(&fault.message);
                Ok(Appended::Unknown)
            }
            Err(AppendError::Refused(fault)) => Err(Ended::Journal(fault)),
        }
    }

    /// Folds events in; each one that is folded has been committed.
    pub(super) fn fold(&mut self, events: Vec<Event>) -> Result<(), Ended> {
        for event in events {
            let run = Arc::make_mut(&mut self.run);
            evolve(run, &event).map_err(|illegal| Ended::Broken(illegal.to_string()))?;
            debug!("event {} {}", event.seq, event.kind.tag());
            self.remember(event);
        }
        Ok(())
    }

    pub(super) async fn catch_up(&mut self) -> Result<Turn, Ended> {
        match self.link.catch_up(&self.run).await {
            Ok(events) => {
                self.fold(events)?;
                Ok(Turn::Done)
            }
            Err(CatchUp::Lost(_)) => Ok(Turn::Later),
            Err(CatchUp::Broken(why)) => Err(Ended::Broken(why)),
        }
    }

    async fn tick(&mut self) -> Result<(), Ended> {
        if !self.link.is_up() {
            return Ok(());
        }
        self.take_requests().await?;
        if self.link.is_up() {
            self.call_the_roll().await?;
        }
        if self.link.is_up() {
            self.input(Message::Tick).await?;
        }
        Ok(())
    }

    /// Says once that the local log is behind, and once that it is not any more.
    fn watch_log(&mut self) {
        let trouble = self.link.journal().log_trouble();
        if trouble != self.log_trouble {
            match &trouble {
                Some(why) => warn!("{why}; the journal goes on without it"),
                None => info!("the local log is up to date again"),
            }
            self.log_trouble = trouble;
        }
    }

    /// Hands what it may do now to every backfill and comparison in flight.
    fn steer(&self) {
        self.tasks.pace(|task| self.control(task));
    }

    /// What a backfill or a comparison may do now, from the run, the guards and
    /// the latch. A pause is the backfill's alone: comparing writes nothing.
    pub(super) fn control(&self, task: &Task) -> Control {
        let held = (self.latch.is_set() || self.run.hold.is_some())
            && self.under_hold(task) == UnderHold::Stops;
        let paused = self.run.pause.is_some() && self.is_backfill(task);
        let pace = throttle::pace(&self.run, &self.memory);
        let stopped = [
            (held, "hold"),
            (!self.link.is_up(), "no journal"),
            (paused, "pause"),
        ];
        let stopped = stopped.iter().find(|(stops, _)| *stops);
        let reason = match stopped {
            Some((_, why)) => Some((*why).to_owned()),
            None => throttle::reason(&pace),
        };
        let may = stopped.is_none();
        Control {
            go: may && pace.effective > Percent::ZERO,
            duty: pace.effective,
            stop: false,
            reason,
            workers: throttle::workers(&self.run, task),
        }
    }

    fn is_backfill(&self, task: &Task) -> bool {
        let place = self.run.plan.step(&task.step);
        let action = place.and_then(|place| proceed::action_of(place.step, task));
        matches!(action, Some(Action::Backfill(_)))
    }

    /// Whether the lead may go: at once, or when a hold has come to rest.
    fn may_leave(&self) -> bool {
        let flights = self.memory.flights.values();
        let idle = self.tasks.is_idle() || flights.into_iter().all(Flight::is_parked);
        match self.leaving {
            Some(Leaving::AsItIs) => true,
            Some(Leaving::Hold) => self.run.hold.is_some() && idle || self.run.outcome.is_some(),
            None => false,
        }
    }
}

/// What came of an append.
pub(super) enum Appended {
    Yes,
    HeadMoved,
    Unknown,
}

/// An input that came in now.
pub(super) fn at_now(message: Message) -> Input {
    Input {
        now: clock::now(),
        message,
    }
}

/// Whether it asks for a hold; once it is answered, the hold is the run's.
fn is_hold(message: &Message) -> bool {
    matches!(message, Message::Intent(intent) if matches!(intent.ask, Ask::Hold { .. }))
}

/// Whether a step's transaction may have appended its own event.
fn was_recorded(message: &Message) -> bool {
    match message {
        Message::Ended(ended) => matches!(ended.outcome, Outcome::Done(Summary::Sql { .. })),
        Message::Probed { .. } => true,
        _ => false,
    }
}

/// How the run ends with these events, if it does.
fn outcome_of(run: &Run, events: &[EventKind]) -> Option<RunOutcome> {
    let to_the_start = |rollback: &Rollback| rollback.scope == Scope::Unwind && rollback.phase == 0;
    match events.last() {
        Some(EventKind::Finished) => Some(RunOutcome::Finished),
        Some(EventKind::PhaseRolledBack { .. }) => run
            .rollback
            .as_ref()
            .is_some_and(to_the_start)
            .then_some(RunOutcome::RolledBack),
        _ => None,
    }
}

/// Whether waiting may mend what the server refused.
fn can_wait(fault: &Fault) -> bool {
    fault.trouble.is_transient()
        || matches!(
            fault.trouble,
            Trouble::ReadOnly | Trouble::Resources | Trouble::Cancelled
        )
}
