//! The journal's link, lost and back: what is made good then.
//!
//! Owns what follows from the link's changes; how a session comes to be is
//! [`super::link`]'s. What came in meanwhile has waited in order, answers of
//! queries excepted: they are as old as nobody knows.

use super::link::{Change, LinkError};
use super::turn::{Appended, Turn};
use super::{Driver, Ended};
use crate::engine::message::{Decision, Message};
use crate::run::event::EventKind;
use crate::store::journal::Resumed;

impl Driver {
    pub(super) async fn follow(&mut self, change: Change) -> Result<(), Ended> {
        match change {
            Change::Requested => self.take_requests().await,
            Change::Lost => Ok(()),
            Change::Opened(session) => match self.link.rejoin(*session).await {
                Ok(Some(resumed)) if self.is_as_it_was(&resumed) => self.resume(resumed).await,
                Ok(Some(_)) => self.begin_anew(None).await,
                Ok(None) => Ok(()),
                Err(LinkError::Moved(why)) => self.begin_anew(Some(why)).await,
                Err(other) => Err(other.into()),
            },
        }
    }

    /// Whether the journal is the one that was lost: nothing of it was. The local
    /// log may not tell, for want of a disk; the run's own head does.
    fn is_as_it_was(&self, resumed: &Resumed) -> bool {
        let head = (self.run.head, &self.run.head_hash);
        let mut events = resumed.events.iter();
        let has_head = events.any(|event| (event.seq, &event.hash) == head);
        self.moved.is_none() && resumed.unsaid.is_empty() && has_head
    }

    /// The link is back: says so, then deals with what has waited. What queries
    /// said before is asked again.
    async fn resume(&mut self, resumed: Resumed) -> Result<(), Ended> {
        let head = self.run.head;
        let events = resumed.events.into_iter();
        self.fold(events.filter(|event| event.seq > head).collect())?;
        self.tasks.abandon_samples();
        self.memory.forget_answers();
        self.waiting
            .retain(|message| !matches!(message, Message::Sampled { .. }));
        let restored = self.restored();
        if let Turn::Later = self.record(restored).await? {
            return Ok(());
        }
        self.catch_up_on_waiting().await
    }

    /// Deals with what has waited for the journal, in order, and then with what
    /// other terminals ask. Until nothing waits, everything that comes in does.
    pub(super) async fn catch_up_on_waiting(&mut self) -> Result<(), Ended> {
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

    /// The link is up from here on; the event that says so.
    pub(super) fn restored(&mut self) -> Vec<EventKind> {
        let outage = self.link.up().into_iter();
        let restored = outage.map(|outage| EventKind::LinkRestored {
            outage_ms: u64::try_from(outage.took.as_millis()).unwrap_or(u64::MAX),
            error: outage.error,
        });
        restored.collect()
    }

    /// Records what happened to the journal itself, at whatever head. Where that
    /// fails, the link is down again, and says so again when it is back.
    pub(super) async fn record(&mut self, events: Vec<EventKind>) -> Result<Turn, Ended> {
        let decision = Decision {
            events,
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
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::LeaseLost => Self::LeaseLost,
            LinkError::Moved(why) | LinkError::Broken(why) => Self::Broken(why),
        }
    }
}
