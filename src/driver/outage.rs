//! The journal's link, lost and back: what is made good then.
//!
//! Owns what follows from the link's changes; how a session comes to be is
//! [`super::link`]'s. What came in meanwhile has waited in order, answers of
//! queries excepted: they are as old as nobody knows.

use super::link::{Change, LinkError, Restored};
use super::turn::{Appended, Turn};
use super::{Driver, Ended};
use crate::engine::message::{Decision, Message};
use crate::run::event::{Actor, Event, EventKind};

impl Driver {
    pub(super) async fn follow(&mut self, change: Change) -> Result<(), Ended> {
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

    /// The link is back: says so, then deals with what has waited. What queries
    /// said before is asked again.
    async fn resume(&mut self, restored: Restored) -> Result<(), Ended> {
        self.fold(restored.events)?;
        self.tasks.abandon_samples();
        self.memory.forget_answers();
        self.waiting
            .retain(|message| !matches!(message, Message::Sampled { .. }));
        let restored_event = EventKind::LinkRestored {
            outage_ms: u64::try_from(restored.outage.as_millis()).unwrap_or(u64::MAX),
            error: restored.error,
        };
        if let Turn::Later = self.record(restored_event).await? {
            return Ok(());
        }
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

    /// Records what happened to the journal itself, at whatever head. Where that
    /// fails, the link is down again, and says so again when it is back.
    async fn record(&mut self, event: EventKind) -> Result<Turn, Ended> {
        let decision = Decision {
            events: vec![event],
            effects: Vec::new(),
        };
        while self.run.outcome.is_none() {
            match self.append(&decision).await? {
                Appended::Yes => break,
                Appended::Unknown => return Ok(Turn::Later),
                Appended::HeadMoved => {
                    if let Turn::Later = self.catch_up().await? {
                        return Ok(Turn::Later);
                    }
                }
            }
        }
        Ok(Turn::Done)
    }

    /// Holds where the server has lost what the local log remembers: at once,
    /// and until the journal says so. The evidence is set aside only then.
    pub(super) async fn admit_loss(&mut self, unsaid: &[Event]) -> Result<(), Ended> {
        let Some(lost) = loss(unsaid) else {
            return Ok(());
        };
        self.latch.set();
        if let Turn::Done = self.record(lost).await? {
            self.link.journal().accept_loss().await;
            self.latch.clear();
        }
        Ok(())
    }
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
