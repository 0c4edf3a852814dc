//! The journal's server is another one, or has lost events: begins anew.
//!
//! Owns what a lead does then, in the order of a process that was just started:
//! nothing in flight, an empty memory, the lease taken there, the run as that
//! journal has it. What was unsaid is recorded with a hold, and only then set
//! aside on the disk; whatever fails on the way is made good by the next session.

use std::sync::Arc;

use tracing::warn;

use super::begin::{copy_lease, reach_others};
use super::heartbeat::Heartbeat;
use super::turn::Turn;
use super::{Driver, Ended};
use crate::engine::loss;
use crate::engine::memory::Memory;
use crate::engine::message::{Ask, Message, Reply};
use crate::engine::snapshot::EVENTS;
use crate::run::event::Event;
use crate::run::evolve::fold;

impl Driver {
    /// Leads on another server; `moved` says why it is another, where it is.
    pub(super) async fn begin_anew(&mut self, moved: Option<String>) -> Result<(), Ended> {
        self.latch.set();
        self.moved = self.moved.take().or(moved);
        warn!("the journal's server is not as it was: beginning anew");
        self.publish();
        self.heartbeat = None;
        self.tasks.shutdown().await;
        // With the flights: nothing of them is there any more to end them.
        self.memory = Memory::default();
        if self.take_anew().await? {
            return self.catch_up_on_waiting().await;
        }
        // Whatever the next session finds, all work was ended: held, and begun
        // anew, until that is recorded.
        let why = || "the journal's server was not as it was, and work was ended".to_owned();
        self.moved.get_or_insert_with(why);
        Ok(())
    }

    /// The lease, the run and what was lost, on the server of the newest session;
    /// `false`: not this time.
    async fn take_anew(&mut self) -> Result<bool, Ended> {
        let Some((resumed, _)) = self.link.retake().await? else {
            return Ok(false);
        };
        self.forget(&resumed.events)?;
        let lease = self.link.journal().lease().clone();
        let others = reach_others(&self.places, &self.run.plan).await;
        let copied = match others {
            Ok(others) => copy_lease(others, &lease).await,
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            self.link.failed(error.to_string());
            return Ok(false);
        }
        let beating = Heartbeat::start(self.link.target(), lease.clone(), self.outbox.clone());
        self.heartbeat = Some(beating);
        self.lease.send_replace(lease);
        let restored = self.restored();
        if let Turn::Later = self.record(restored).await? {
            return Ok(false);
        }
        self.admit_loss(&resumed.unsaid).await
    }

    /// The run is what that journal says, and nothing else is known.
    fn forget(&mut self, events: &[Event]) -> Result<(), Ended> {
        let run = fold(events).map_err(|illegal| Ended::Broken(illegal.to_string()))?;
        self.run = Arc::new(run.ok_or_else(|| Ended::Broken("it is empty".into()))?);
        let newest = events.len().saturating_sub(EVENTS);
        self.events = Arc::new(events[newest..].to_vec());
        self.seen.clear();
        // Those of other terminals are in the journal's database, or lost with it.
        for message in std::mem::take(&mut self.waiting) {
            let Message::Intent(intent) = message else {
                continue;
            };
            if matches!(intent.ask, Ask::Hold { .. }) && intent.id.0 <= 0 {
                self.waiting.push_back(Message::Intent(intent));
            } else if intent.id.0 <= 0 {
                let why = "the server has changed meanwhile: look again".to_owned();
                self.answer(intent.id, Reply::Refused(why));
            }
        }
        Ok(())
    }

    /// Holds where the server is another one, or has lost what the local log
    /// remembers: at once, and until the journal says so. The evidence is set
    /// aside only then; `false`: not yet.
    pub(super) async fn admit_loss(&mut self, unsaid: &[Event]) -> Result<bool, Ended> {
        let events = loss::events(&self.run, self.moved.as_deref(), unsaid);
        if events.is_empty() {
            return Ok(true);
        }
        self.latch.set();
        if let Turn::Later = self.record(events).await? {
            return Ok(false);
        }
        self.link.journal().accept_loss().await;
        self.moved = None;
        self.latch.clear();
        Ok(true)
    }
}
