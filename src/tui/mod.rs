//! The dashboard: the cutover on one screen.
//!
//! `model` holds what the screen knows, `update` changes it (pure), `keymap`
//! is the one table of keys, `facts` the questions that several panels ask of
//! a snapshot, `layout` a pure function of the size, `view` one pure function
//! a panel, `terminal` the only part that touches a terminal, and `session`
//! the loop between them. Sees snapshots and sends requests; never reaches
//! for a database, the store or the driver.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::engine::message::{Ask, IntentId};
use crate::engine::snapshot::Snapshot;
use crate::run::event::Seq;

pub mod can;
pub mod facts;
pub mod history;
pub mod keymap;
pub mod layout;
pub mod log;
pub mod model;
mod session;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;

pub use session::run;
pub use terminal::guard::print_patiently;
pub use theme::Theme;

/// The two ends that the driver gives to a screen.
#[derive(Debug)]
pub struct Wire {
    /// The newest picture; older ones may be skipped.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Requests; answers come back in [`Snapshot::replies`].
    pub asks: mpsc::Sender<Request>,
}

/// A request of the person at this terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Counted downwards from -1 by this terminal.
    pub id: IntentId,
    /// What is asked.
    pub ask: Ask,
    /// [`crate::run::Run::material`] as it was shown when the person decided.
    pub saw: Seq,
    /// [`crate::run::Run::head_hash`] as it was shown.
    pub saw_hash: String,
}

/// What the command line says about the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Colours and glyphs.
    pub theme: Theme,
    /// Frames a second at most.
    pub frames: u32,
}

impl Options {
    /// By the usual environment variables: `NO_COLOR`, and `SSH_CONNECTION`,
    /// which brings 10 frames a second down to 4.
    pub fn from_env(ascii: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            theme: Theme::new(!set("NO_COLOR"), ascii),
            frames: if set("SSH_CONNECTION") { 4 } else { 10 },
        }
    }
}

/// Why the screen was left: what the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The lead wants the run held, then the program to end. A hold was asked
    /// for on the wire already.
    HoldAndLeave,
    /// The lead wants the run to go on headless.
    GoOnWithoutTerminal,
    /// The run has ended, and so may the program.
    Finished,
    /// The terminal is gone (hung up, closed, SIGHUP): the run goes on headless.
    LostTerminal,
    /// An observer has left; nothing else changes.
    Detached,
}

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Neither standard input nor output is a terminal, or it refuses raw mode.
    #[error("no terminal to draw on: {0}\nhint: `--headless` prints plain lines instead")]
    NoTerminal(#[source] std::io::Error),
    /// Signals or threads could not be set up.
    #[error("the screen could not be set up: {0}")]
    Setup(#[source] std::io::Error),
    /// Something panicked; the terminal has been restored already.
    #[error("a part of the program panicked; the terminal was restored")]
    Panicked,
    /// The publisher is gone, so nothing on the screen would be true.
    #[error("the engine stopped publishing")]
    PublisherGone,
}
