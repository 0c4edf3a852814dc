//! The picture that every terminal draws.
//!
//! Owns the making of snapshots; the words in them are the engine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Driver;
use crate::clock;
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot::{Link, Snapshot, State, UndoView};
use crate::reading::server::Readings;
use crate::run::Run;
use crate::run::event::Event;

/// Events in a snapshot.
const EVENTS: usize = 500;

/// A snapshot that says nothing yet beyond the fold.
pub fn blank(run: Arc<Run>, events: Arc<Vec<Event>>, user: String) -> Snapshot {
    Snapshot {
        now: clock::now(),
        run,
        events,
        lead: true,
        user,
        link: Link::Up,
        unrecorded_hold: false,
        state: State::NotStarted,
        verdict: String::new(),
        gates: Vec::new(),
        guards: Vec::new(),
        running: BTreeMap::new(),
        backfill: None,
        undo: UndoView::default(),
        unwind: UndoView::default(),
        readings: Readings::default(),
        observers: 0,
        replies: Vec::new(),
    }
}

impl Driver {
    /// Makes a picture and shows it.
    pub(super) fn publish(&self) {
        let run = Arc::clone(&self.run);
        let mut snapshot = blank(run, Arc::clone(&self.events), self.user.clone());
        snapshot.readings = self.readings.borrow().clone();
        snapshot.replies = self.replies.iter().cloned().collect();
        posture::describe(&mut snapshot, &self.memory, &self.standing());
        self.publisher.send_replace(Arc::new(snapshot));
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            link: self.link.standing(),
            led: true,
            latched: self.latch.is_set(),
        }
    }

    /// Keeps the newest events.
    pub(super) fn remember(&mut self, event: Event) {
        let events = Arc::make_mut(&mut self.events);
        events.push(event);
        if events.len() > EVENTS {
            let surplus = events.len() - EVENTS;
            events.drain(..surplus);
        }
    }
}
