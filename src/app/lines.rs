//! Plain lines: one per event, for pipes, logs and `--headless`.
//!
//! Owns what has been printed already; the words are the report's.

use std::io::{self, Write};

use crate::engine::snapshot::{Snapshot, State};
use crate::report::format::clock;
use crate::report::sentence::sentence;
use crate::run::event::Seq;
use crate::text::clean;

/// Prints each event once, and each change of state.
#[derive(Debug, Default)]
pub(super) struct Printer {
    printed: Seq,
    state: Option<State>,
}

impl Printer {
    /// Prints what is new in a snapshot.
    ///
    /// # Errors
    /// Standard output's; a closed pipe is the reader's way of going away.
    pub(super) fn print(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let printed = self.printed;
        for event in snapshot.events.iter().filter(|event| event.seq > printed) {
            let line = sentence(&event.kind);
            writeln!(out, "{} {:>4} {}", clock(event.at), event.seq, clean(&line))?;
            self.printed = event.seq;
        }
        if self.state.replace(snapshot.state) != Some(snapshot.state) {
            let (state, verdict) = (snapshot.state.word(), clean(&snapshot.verdict));
            writeln!(out, "{}      {state}: {verdict}", clock(snapshot.now))?;
        }
        out.flush()
    }
}
