//! The thread that reads keys and notices that the terminal is gone.
//!
//! crossterm 0.29 never returns from a read of a terminal that was hung up: it
//! spins on end-of-file. So it is asked only when poll(2) says that there is
//! input and no hang-up; and when there is one, an empty pipe takes standard
//! input's place, which ends a read that was under way (it says "would block").

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe, pipe_with};
use tokio::sync::mpsc;

use super::FromTerminal;

/// More keys than this at once come from a paste, not from a person.
const BURST: usize = 12;

/// A paste is over when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(150);

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where a pipe or the thread cannot be made.
    pub(super) fn start(events: mpsc::Sender<FromTerminal>) -> io::Result<Self> {
        let (stopped, stop) = pipe()?;
        let thread = std::thread::Builder::new()
            .name("screen-input".into())
            .spawn(move || {
                if read(&stopped, &events).is_err() {
                    detach();
                    events.blocking_send(FromTerminal::Lost).ok();
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Reads until the other end of `stopped` closes; an error is a lost terminal.
fn read(stopped: &OwnedFd, events: &mpsc::Sender<FromTerminal>) -> io::Result<()> {
    let mut burst = Burst::default();
    loop {
        let (terminal, stop) = wait(stopped)?;
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if !stop.is_empty() {
            return Ok(());
        }
        if terminal.intersects(gone) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut keys = Vec::new();
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => keys.push(key),
                Event::Paste(_) => send(events, FromTerminal::Paste)?,
                Event::Resize(columns, rows) => send(events, FromTerminal::Resize(columns, rows))?,
                _ => {}
            }
        }
        for message in burst.sift(keys, Instant::now()) {
            send(events, message)?;
        }
    }
}

fn send(events: &mpsc::Sender<FromTerminal>, message: FromTerminal) -> io::Result<()> {
    let sent = events.blocking_send(message);
    sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// What is new at the terminal and at the pipe that ends us.
fn wait(stopped: &OwnedFd) -> io::Result<(PollFlags, PollFlags)> {
    let stdin = rustix::stdio::stdin();
    let mut fds = [
        PollFd::from_borrowed_fd(stdin, PollFlags::IN),
        PollFd::new(stopped, PollFlags::IN),
    ];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => return Ok((fds[0].revents(), fds[1].revents())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Puts a pipe that never has anything in standard input's place.
fn detach() {
    if !io::stdin().is_terminal() && !is_hung_up() {
        return;
    }
    if let Ok((reader, writer)) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC) {
        rustix::stdio::dup2_stdin(reader.as_fd()).ok();
        // Closed, it would read as end-of-file, and the spinning would go on.
        std::mem::forget(writer);
    }
}

/// A terminal that was hung up is no terminal any more by isatty(3).
fn is_hung_up() -> bool {
    let stdin = rustix::stdio::stdin();
    let mut fds = [PollFd::from_borrowed_fd(stdin, PollFlags::IN)];
    poll(&mut fds, Some(&rustix::event::Timespec::default())).is_ok()
        && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Tells typing from pasting where the terminal does not (no bracketed paste).
#[derive(Debug, Default)]
struct Burst {
    last: Option<Instant>,
}

impl Burst {
    /// The keys, or one [`FromTerminal::Paste`] in place of too many at once
    /// and of what follows on their heels.
    fn sift(&mut self, keys: Vec<KeyEvent>, now: Instant) -> Vec<FromTerminal> {
        if keys.is_empty() {
            return Vec::new();
        }
        let pasting = self
            .last
            .is_some_and(|last| now.duration_since(last) < QUIET);
        if pasting || keys.len() > BURST {
            self.last = Some(now);
            return vec![FromTerminal::Paste];
        }
        self.last = None;
        keys.into_iter().map(FromTerminal::Key).collect()
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyCode;

    use super::*;

    fn keys(count: usize) -> Vec<KeyEvent> {
        vec![KeyCode::Char('a').into(); count]
    }

    #[test]
    fn typed_keys_pass() {
        let mut burst = Burst::default();
        let passed = burst.sift(keys(3), Instant::now());
        assert_eq!(passed.len(), 3);
    }

    #[test]
    fn a_page_of_letters_and_its_tail_are_one_paste_each() {
        let mut burst = Burst::default();
        let now = Instant::now();
        assert_eq!(burst.sift(keys(200), now), [FromTerminal::Paste]);
        assert_eq!(burst.sift(keys(1), now + QUIET / 2), [FromTerminal::Paste]);
        let later = burst.sift(keys(1), now + QUIET * 2);
        assert!(matches!(later[..], [FromTerminal::Key(_)]), "{later:?}");
    }
}
