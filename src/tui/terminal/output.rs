//! The thread that writes frames out; owns the only place where a stopped
//! terminal can make anybody wait, and lets nobody else wait there.

use std::io::{self, Write};
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::painter::Painter;
use super::{Frame, FromTerminal, guard};

/// How long the thread may take to write its last frame.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread's end that takes frames.
#[derive(Debug)]
pub struct Output {
    frames: Option<std_mpsc::SyncSender<Frame>>,
    thread: Option<JoinHandle<()>>,
}

impl Output {
    /// Starts the thread; it says what was shown, and when the terminal is gone.
    ///
    /// # Errors
    /// Where the thread cannot start.
    pub(super) fn start(events: mpsc::Sender<FromTerminal>) -> io::Result<Self> {
        let mut terminal = guard::terminal()?;
        let (frames, next) = std_mpsc::sync_channel::<Frame>(1);
        let thread = std::thread::Builder::new()
            .name("screen-output".into())
            .spawn(move || {
                let mut painter = Painter::default();
                while let Ok(frame) = next.recv() {
                    let card = frame.card;
                    if write(&mut painter, frame, &mut terminal).is_err() {
                        events.blocking_send(FromTerminal::Lost).ok();
                        return;
                    }
                    if let Some(card) = card {
                        events.blocking_send(FromTerminal::Shown(card)).ok();
                    }
                }
            })?;
        Ok(Self {
            frames: Some(frames),
            thread: Some(thread),
        })
    }

    /// Hands a frame over; false while the thread still writes the one before.
    pub(super) fn show(&self, frame: Frame) -> bool {
        let frames = self.frames.as_ref();
        frames.is_some_and(|frames| frames.try_send(frame).is_ok())
    }
}

/// One write a frame; nothing once a panic has given the terminal back.
fn write(painter: &mut Painter, frame: Frame, terminal: &mut impl Write) -> io::Result<()> {
    if frame.whole {
        painter.forget();
    }
    let bytes = painter.paint(frame.buffer)?;
    if !bytes.is_empty() && guard::is_taken() {
        terminal.write_all(&bytes)?;
    }
    Ok(())
}

impl Drop for Output {
    /// Waits for the last frame, but not for a terminal that takes no bytes:
    /// its thread ends with the process, or with the terminal.
    fn drop(&mut self) {
        self.frames.take();
        let until = Instant::now() + PATIENCE;
        while let Some(thread) = &self.thread {
            if thread.is_finished() {
                self.thread.take().map(JoinHandle::join);
            } else if Instant::now() >= until {
                return;
            } else {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
