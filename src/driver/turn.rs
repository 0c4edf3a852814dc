//! The loop: one input at a time, handled to the end.
//!
//! Owns the order decide, append, evolve, publish, perform. An append whose
//! outcome is not known is never guessed at: the input waits, the link comes
//! back, the journal is read, and the decision is made again.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::link::{CatchUp, Change, LinkError, Restored};
use super::{Driver, Ended, Incoming, Leaving, Request, clock};
use crate::engine::memory::Flight;
use crate::engine::message::{Ask, Decision, Input, Intent, IntentId, Message, Outcome, Reply};
use crate::engine::{decide, hear, throttle};
use crate::pg::cadence::Control;
use crate::run::event::{Actor, Event, EventKind, Percent, Scope, Summary};
use crate::run::evolve::evolve;
use crate::run::fault::{Fault, Trouble};
use crate::run::{Outcome as RunOutcome, Rollback, Run};
use crate::store::intents;
use crate::store::journal::AppendError;

/// Whether the input was dealt with.
enum Turn {
    Done,
    /// The journal is away; the input waits.
    Later,
}

impl Driver {
    /// Turns until the run is left or lost.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn turn(mut self) -> Result<(), Ended> {
        let mut ticks = interval(clock::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut frames = interval(clock::FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut latch = self.latch.watch();
        loop {
            let head = self.run.head;
            tokio::select! {
                biased;
                _ = latch.changed() => self.act_on_latch(),
                Some(incoming) = self.inbox.recv() => self.take(incoming).await?,
                message = self.tasks.ended() => self.take(Incoming::Message(message)).await?,
                change = self.link.change() => self.follow(change).await?,
                _ = ticks.tick() => self.tick().await?,
                Ok(()) = self.readings.changed() => self.read_guards().await?,
                _ = frames.tick() => self.publish(),
            }
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
                if how == Leaving::Hold && self.run.hold.is_none() {
                    let reason = "the lead has left".to_owned();
                    return self.hold_by_lead(reason).await;
                }
                Ok(())
            }
            Incoming::LeaseLost => Err(Ended::LeaseLost),
        }
    }

    async fn hold_by_lead(&mut self, reason: String) -> Result<(), Ended> {
        self.request(Request {
            id: IntentId(0),
            ask: Ask::Hold { reason },
            saw: None,
            saw_hash: None,
        })
        .await
    }

    /// A request from the lead's own terminal.
    async fn request(&mut self, request: Request) -> Result<(), Ended> {
        let hold = matches!(request.ask, Ask::Hold { .. });
        if !self.link.is_up() && !hold {
            let why = "the journal cannot be reached: only hold works now".to_owned();
            self.answer(request.id, Reply::Refused(why));
            return Ok(());
        }
        if !self.link.is_up() {
            self.answer(request.id, Reply::NotYetRecorded);
        }
        self.input(Message::Intent(Intent {
            id: request.id,
            by: self.user.clone(),
            roles: self.roles.clone(),
            saw: request.saw,
            saw_hash: request.saw_hash,
            ask: request.ask,
        }))
        .await
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
    async fn settle(&mut self, message: Message) -> Result<Turn, Ended> {
        if was_recorded(&message)
            && let Turn::Later = self.catch_up().await?
        {
            return Ok(Turn::Later);
        }
        let mut input = at_now(message);
        loop {
            let run = Arc::clone(&self.run);
            let decision = decide(&run, &mut self.memory, &input);
            let quiet = decision.events.is_empty();
            match self.append(&decision).await? {
                Appended::Yes => {}
                Appended::HeadMoved => match self.catch_up().await? {
                    Turn::Done => continue,
                    Turn::Later => return Ok(Turn::Later),
                },
                Appended::Unknown => return Ok(Turn::Later),
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
        }
    }

    async fn append(&mut self, decision: &Decision) -> Result<Appended, Ended> {
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
    fn fold(&mut self, events: Vec<Event>) -> Result<(), Ended> {
        for event in events {
            let run = Arc::make_mut(&mut self.run);
            evolve(run, &event).map_err(|illegal| Ended::Broken(illegal.to_string()))?;
            debug!("event {} {}", event.seq, event.kind.tag());
            self.remember(event);
        }
        Ok(())
    }

    async fn catch_up(&mut self) -> Result<Turn, Ended> {
        match self.link.catch_up(&self.run).await {
            Ok(events) => {
                self.fold(events)?;
                Ok(Turn::Done)
            }
            Err(CatchUp::Lost(_)) => Ok(Turn::Later),
            Err(CatchUp::Broken(why)) => Err(Ended::Broken(why)),
        }
    }

    async fn follow(&mut self, change: Change) -> Result<(), Ended> {
        match change {
            Change::Requested => self.take_requests().await,
            Change::Lost => Ok(()),
            Change::Opened(session) => match self.link.rejoin(*session, &self.run).await {
                Ok(Some(restored)) => self.resume(restored).await,
                Ok(None) => Ok(()),
                Err(LinkError::LeaseLost) => Err(Ended::LeaseLost),
                Err(LinkError::Broken(why)) => Err(Ended::Broken(why)),
            },
        }
    }

    /// The link is back: says so, then deals with what has waited.
    async fn resume(&mut self, restored: Restored) -> Result<(), Ended> {
        self.fold(restored.events)?;
        let restored_event = EventKind::LinkRestored {
            outage_ms: u64::try_from(restored.outage.as_millis()).unwrap_or(u64::MAX),
            error: restored.error,
        };
        self.record(vec![restored_event]).await?;
        self.admit_loss(&restored.unsaid).await?;
        while self.link.is_up() {
            let Some(message) = self.waiting.pop_front() else {
                return self.take_requests().await;
            };
            if let Turn::Later = self.settle(message.clone()).await? {
                self.waiting.push_front(message);
            }
        }
        Ok(())
    }

    /// Records what happened to the journal itself. Where that fails, the link
    /// is down again, and will say so again.
    async fn record(&mut self, events: Vec<EventKind>) -> Result<(), Ended> {
        if self.run.outcome.is_some() {
            return Ok(());
        }
        let decision = Decision {
            events,
            effects: Vec::new(),
        };
        self.append(&decision).await.map(|_| ())
    }

    /// Holds where the server has lost what the local log remembers.
    pub(super) async fn admit_loss(&mut self, unsaid: &[Event]) -> Result<(), Ended> {
        if let Some(lost) = loss(unsaid) {
            self.record(vec![lost]).await?;
            self.link.journal().accept_loss().await;
        }
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), Ended> {
        if !self.link.is_up() {
            return Ok(());
        }
        self.take_requests().await?;
        if self.link.is_up() {
            self.input(Message::Tick).await?;
        }
        Ok(())
    }

    /// Requests that other terminals have put into Postgres.
    async fn take_requests(&mut self) -> Result<(), Ended> {
        let journal = self.link.journal();
        let open = intents::open(journal.session(), &journal.lease().run).await;
        let open = match open {
            Ok(open) => open,
            Err(fault) => {
                self.link.lost(&fault.message);
                return Ok(());
            }
        };
        for request in open {
            let id = IntentId(request.id);
            if !self.seen.insert(id) {
                continue;
            }
            match serde_json::from_value::<Ask>(request.ask) {
                Ok(ask) => {
                    info!("{} asks: {}", request.by, ask.verb());
                    if matches!(ask, Ask::Hold { .. }) {
                        self.latch.set();
                    }
                    self.input(Message::Intent(Intent {
                        id,
                        by: request.by,
                        roles: request.roles,
                        saw: request.saw,
                        saw_hash: request.saw_hash,
                        ask,
                    }))
                    .await?;
                }
                Err(error) => {
                    let why = format!("the request is not understood: {error}");
                    self.reply(id, Reply::Refused(why)).await;
                }
            }
        }
        Ok(())
    }

    /// Answers an intent: in Postgres, or on this terminal.
    pub(super) async fn reply(&mut self, id: IntentId, reply: Reply) {
        if id.0 <= 0 {
            self.answer(id, reply);
            return;
        }
        let journal = self.link.journal();
        let json = serde_json::to_value(&reply).expect("a reply is plain data");
        match intents::reply(journal.session(), journal.lease(), id.0, &json).await {
            Ok(()) => {}
            Err(fault) => {
                // It is still open there: handled again, and refused or repeated.
                self.seen.remove(&id);
                self.link.lost(&fault.message);
            }
        }
    }

    fn answer(&mut self, id: IntentId, reply: Reply) {
        self.replies.push_back((id, reply));
        if self.replies.len() > 20 {
            self.replies.pop_front();
        }
    }

    /// The hold's latch was set: acts before anything is recorded.
    fn act_on_latch(&mut self) {
        if self.latch.is_set() {
            self.tasks.hold();
        }
    }

    /// Hands what a backfill may do now to every one in flight.
    fn steer(&self) {
        self.tasks.pace(&self.control());
    }

    /// What a backfill may do now, from the run, the guards and the latch.
    pub(super) fn control(&self) -> Control {
        let held = self.latch.is_set() || self.run.hold.is_some();
        let pace = throttle::pace(&self.run, &self.memory);
        let reason = if held {
            Some("hold".to_owned())
        } else if !self.link.is_up() {
            Some("no journal".to_owned())
        } else {
            throttle::cause(&self.run, &pace)
        };
        let may = !held && self.link.is_up() && self.run.pause.is_none();
        Control {
            go: may && pace.effective > Percent::ZERO,
            duty: pace.effective,
            stop: false,
            reason,
        }
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
enum Appended {
    Yes,
    HeadMoved,
    Unknown,
}

fn at_now(message: Message) -> Input {
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

/// What the server has lost, as a hold.
fn loss(unsaid: &[Event]) -> Option<EventKind> {
    let (first, last) = (unsaid.first()?, unsaid.last()?);
    Some(EventKind::Held {
        by: Actor::Engine,
        reason: format!(
            "the server has lost events {} to {} ({} to {}); check what they did",
            first.seq,
            last.seq,
            first.kind.tag(),
            last.kind.tag()
        ),
    })
}
