//! The picture that every terminal draws.
//!
//! Owns the making of snapshots; the words in them are the engine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Driver;
use crate::clock;
use crate::engine::memory::Memory;
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot::{Link, Picture, Snapshot, State, Terminal, UndoView, remember};
use crate::reading::server::Readings;
use crate::run::Run;
use crate::run::event::Event;

/// A snapshot that says nothing yet beyond the fold: an observer's, without a
/// picture.
pub fn blank(run: Arc<Run>, events: Arc<Vec<Event>>, user: String) -> Snapshot {
    let now = clock::now();
    let picture = Picture {
        at: now,
        memory: Memory::default(),
    };
    Snapshot {
        now,
        run,
        events,
        picture: Arc::new(picture),
        terminal: Terminal::Observer,
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
        replies: Vec::new(),
    }
}

impl Driver {
    /// Makes a picture and shows it.
    pub(super) fn publish(&self) {
        let run = Arc::clone(&self.run);
        let mut snapshot = blank(run, Arc::clone(&self.events), self.user.clone());
        let standing = self.standing();
        let mut memory = self.memory.clone();
        memory.latched = standing.latched;
        let at = snapshot.now;
        snapshot.picture = Arc::new(Picture { at, memory });
        snapshot.terminal = Terminal::Lead;
        snapshot.readings = self.readings.borrow().clone();
        snapshot.replies = self.replies.iter().cloned().collect();
        posture::describe(&mut snapshot, &standing);
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
        remember(Arc::make_mut(&mut self.events), event);
    }
}
