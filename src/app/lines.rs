//! Plain lines: one per event, for pipes, logs and `--headless`.
//!
//! Owns what has been printed already; the words are the report's. Printed by a
//! thread of its own: a reader that takes nothing (a stopped terminal, a full
//! pipe) stops nobody, and one that has gone away ends the lines, not the run.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::engine::snapshot::{Snapshot, State};
use crate::report::format::clock;
use crate::report::sentence::sentence;
use crate::run::event::{Event, EventKind, Seq};
use crate::text::clean;

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The thread that prints; it ends with the run's publisher.
#[derive(Debug)]
pub(super) struct Lines {
    printed: oneshot::Receiver<()>,
}

impl Lines {
    /// Starts printing, with what has happened so far.
    ///
    /// # Errors
    /// No thread to be had.
    pub(super) fn start(mut snapshots: watch::Receiver<Arc<Snapshot>>) -> io::Result<Self> {
        let runtime = Handle::current();
        let (done, printed) = oneshot::channel();
        let thread = thread::Builder::new().name("lines".into());
        thread.spawn(move || {
            // Dropped at the end, in whatever way it comes.
            let _done: oneshot::Sender<()> = done;
            let mut printer = Printer::default();
            loop {
                let snapshot = Arc::clone(&snapshots.borrow_and_update());
                if printer.print(&snapshot).is_err() {
                    return;
                }
                if runtime.block_on(snapshots.changed()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { printed })
    }

    /// Waits until the last line of a run that has been left is out, but not for
    /// a reader that takes none.
    pub(super) async fn last(self) {
        timeout(PATIENCE, self.printed).await.ok();
    }
}

/// What has been printed.
#[derive(Debug, Default)]
struct Printer {
    printed: Seq,
    /// The hash of that event: another one there is another journal.
    hash: String,
    state: Option<State>,
}

impl Printer {
    /// The newest event that needs no line. Where a server has lost what was
    /// printed, everything since the lead was taken there is new.
    fn known(&self, snapshot: &Snapshot) -> Seq {
        let mut events = snapshot.events.iter();
        let lost = match events.find(|event| event.seq == self.printed) {
            Some(event) => event.hash != self.hash,
            None => snapshot.run.head < self.printed,
        };
        if !lost {
            return self.printed;
        }
        let taken = |event: &&Event| matches!(event.kind, EventKind::LeadTaken { .. });
        let newest = snapshot.events.iter().rev().find(taken);
        newest.map_or(Seq(0), |event| Seq(event.seq.0 - 1))
    }

    /// Prints what is new in a snapshot.
    fn print(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let printed = self.known(snapshot);
        for event in snapshot.events.iter().filter(|event| event.seq > printed) {
            let line = sentence(&event.kind);
            let hint = hint(&event.kind, snapshot);
            let at = clock(event.at);
            writeln!(out, "{at} {:>4} {}{hint}", event.seq, clean(&line))?;
            self.printed = event.seq;
            self.hash.clone_from(&event.hash);
        }
        if self.state.replace(snapshot.state) != Some(snapshot.state) {
            let (state, verdict) = (snapshot.state.word(), clean(&snapshot.verdict));
            writeln!(out, "{}      {state}: {verdict}", clock(snapshot.now))?;
        }
        out.flush()
    }
}

/// What the lead's own terminal could be answered with.
fn hint(kind: &EventKind, snapshot: &Snapshot) -> &'static str {
    match kind {
        EventKind::LeadAsked { .. } if snapshot.leads() => {
            "\n              `pgcutover consent` hands the lead over, `consent --no` keeps it"
        }
        _ => "",
    }
}
