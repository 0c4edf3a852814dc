//! The loop between the wire, the terminal and the model.
//!
//! Owns pacing (frames only on change, capped) and the order of things; what a
//! message means is `update`'s. Nothing here waits for the terminal.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::model::{Dialog, Model};
use super::terminal::{Frame, FromTerminal, Terminal, guard};
use super::update::{Command, Msg, update};
use super::{Leave, Options, Request, TuiError, Wire, view};
use crate::clock;

/// How long a last request may wait for the wire when the screen is left.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Shows the run until a person leaves, the terminal is lost or something
/// breaks. The terminal is restored in every case.
///
/// # Errors
/// [`TuiError`]: no terminal, no signals, a panic elsewhere, or no publisher.
pub async fn run(wire: Wire, options: Options) -> Result<Leave, TuiError> {
    let signals = Signals::new().map_err(TuiError::Setup)?;
    let terminal = Terminal::open().map_err(TuiError::NoTerminal)?;
    let snapshot = wire.snapshots.borrow().clone();
    let model = Model::new(snapshot, &options, clock::now(), Terminal::size());
    let mut session = Session {
        wire,
        model,
        terminal,
        unsent: VecDeque::new(),
        dirty: true,
        whole: true,
        drawn: 0,
        period: Duration::from_secs(1) / options.frames.max(1),
        due: Instant::now(),
    };
    let leave = session.turn(signals).await;
    session.last_word().await;
    leave
}

/// Signals that are the screen's business.
struct Signals {
    terminate: Signal,
    hangup: Signal,
    resize: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            resize: signal(SignalKind::window_change())?,
        })
    }
}

struct Session {
    wire: Wire,
    model: Model,
    terminal: Terminal,
    unsent: VecDeque<Request>,
    dirty: bool,
    whole: bool,
    /// The second, by this terminal's clock, of the newest frame.
    drawn: i64,
    period: Duration,
    due: Instant,
}

impl Session {
    /// Turns until somebody leaves.
    async fn turn(&mut self, mut signals: Signals) -> Result<Leave, TuiError> {
        let mut tick = interval(Duration::from_millis(250));
        let mut published = true;
        loop {
            let message = tokio::select! {
                biased;
                _ = signals.hangup.recv() => return Ok(Leave::LostTerminal),
                _ = signals.terminate.recv() => Some(Msg::Terminate),
                event = self.terminal.next() => match event {
                    FromTerminal::Lost => return Ok(Leave::LostTerminal),
                    event => Some(message(event)),
                },
                _ = signals.resize.recv() => {
                    let (columns, rows) = Terminal::size();
                    Some(Msg::Resize(columns, rows))
                }
                () = sleep_until(self.due), if self.dirty => {
                    self.draw();
                    None
                }
                changed = self.wire.snapshots.changed(), if published => {
                    published = changed.is_ok();
                    self.next_snapshot(published)?
                }
                _ = tick.tick() => Some(Msg::Tick),
            };
            if !guard::is_taken() {
                return Err(TuiError::Panicked);
            }
            if let Some(leave) = message.and_then(|message| self.apply(message)) {
                return Ok(leave);
            }
            self.send();
        }
    }

    /// The newest picture. A publisher that ends with the run leaves its last
    /// one standing until the person has read it.
    fn next_snapshot(&mut self, published: bool) -> Result<Option<Msg>, TuiError> {
        if published {
            let snapshot = self.wire.snapshots.borrow_and_update().clone();
            return Ok(Some(Msg::Snapshot(snapshot)));
        }
        match self.model.snapshot.run.outcome {
            Some(_) => Ok(None),
            None => Err(TuiError::PublisherGone),
        }
    }

    fn apply(&mut self, message: Msg) -> Option<Leave> {
        let now = clock::now();
        // Time alone changes ages and clocks, once a second.
        self.dirty |= !matches!(message, Msg::Tick) || now.as_second() != self.drawn;
        let mut leave = None;
        for command in update(&mut self.model, now, message) {
            match command {
                Command::Send(request) => self.unsent.push_back(request),
                Command::Leave(how) => leave = Some(how),
                Command::Redraw => self.whole = true,
            }
        }
        leave
    }

    /// Draws into memory and hands the frame over; while the terminal is still
    /// busy with the one before, it is tried again a period later.
    fn draw(&mut self) {
        let (width, height) = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view::draw(&self.model, &mut buffer);
        self.drawn = self.model.clock.as_second();
        let card = match &self.model.dialog {
            Some(Dialog::Card(card)) => Some(card.number),
            _ => None,
        };
        let frame = Frame {
            buffer,
            card,
            whole: self.whole,
        };
        if self.terminal.show(frame) {
            self.dirty = false;
            self.whole = false;
        }
        self.due = Instant::now() + self.period;
    }

    /// Puts requests on the wire, in order, as far as it takes them.
    fn send(&mut self) {
        while let Some(request) = self.unsent.pop_front() {
            if let Err(TrySendError::Full(request)) = self.wire.asks.try_send(request) {
                self.unsent.push_front(request);
                return;
            }
        }
    }

    /// A hold on the way out must not be lost.
    async fn last_word(&mut self) {
        for request in self.unsent.drain(..) {
            timeout(LAST_WORD, self.wire.asks.send(request)).await.ok();
        }
    }
}

fn message(event: FromTerminal) -> Msg {
    match event {
        FromTerminal::Key(key) => Msg::Key(key),
        FromTerminal::Paste => Msg::Paste,
        FromTerminal::Resize(columns, rows) => Msg::Resize(columns, rows),
        FromTerminal::Shown(card) => Msg::Shown(card),
        // The loop has ended before.
        FromTerminal::Lost => Msg::Tick,
    }
}
