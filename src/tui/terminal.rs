//! The only part of the screen that touches a terminal.
//!
//! `guard` owns its modes and puts them back on every way out, `input` reads
//! keys and notices that the terminal is gone, `output` writes frames on a
//! thread of its own, `painter` turns frames into bytes. A terminal that does
//! not take bytes (Ctrl-S, a dead link) stops `output` alone.

use std::io;

use ratatui::buffer::Buffer;
use tokio::sync::mpsc;

pub mod guard;
pub mod input;
pub mod output;
pub mod painter;

use crossterm::event::KeyEvent;

/// What comes from a terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum FromTerminal {
    /// A key.
    Key(KeyEvent),
    /// Text was pasted, or came in faster than anybody types.
    Paste,
    /// It has this many columns and rows.
    Resize(u16, u16),
    /// The frame with this card was written out.
    Shown(u64),
    /// It is gone.
    Lost,
}

/// A frame on its way to the terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The whole picture.
    pub buffer: Buffer,
    /// The number of the card in it, where one is.
    pub card: Option<u64>,
    /// Whatever the terminal shows is to be drawn over.
    pub whole: bool,
}

/// A terminal in use. Dropping it stops the threads, then restores the modes.
#[derive(Debug)]
pub struct Terminal {
    events: mpsc::Receiver<FromTerminal>,
    // The order of the fields is the order in which they end.
    output: output::Output,
    _input: input::Watch,
    _guard: guard::Guard,
}

impl Terminal {
    /// Takes the terminal over: raw mode, alternate screen, both threads.
    ///
    /// # Errors
    /// Where standard input or output is no terminal, or a thread cannot start.
    pub fn open() -> io::Result<Self> {
        let guard = guard::Guard::enter()?;
        let (sender, events) = mpsc::channel(256);
        Ok(Self {
            events,
            output: output::Output::start(sender.clone())?,
            _input: input::Watch::start(sender)?,
            _guard: guard,
        })
    }

    /// What it says next; [`FromTerminal::Lost`] when nothing more will come.
    pub async fn next(&mut self) -> FromTerminal {
        self.events.recv().await.unwrap_or(FromTerminal::Lost)
    }

    /// Hands a frame over; false while the one before it is still being
    /// written, and the frame is then not shown.
    pub fn show(&self, frame: Frame) -> bool {
        self.output.show(frame)
    }

    /// Columns and rows.
    pub fn size() -> (u16, u16) {
        crossterm::terminal::size().unwrap_or((80, 24))
    }
}
