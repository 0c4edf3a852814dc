//! Owns the terminal's modes: taken on entry, put back on drop, on an error,
//! and by a panic in whatever thread; never draws.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, mpsc};
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, queue};

/// Whether the modes are ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal that takes no bytes for so long is left as it is.
const PATIENCE: Duration = Duration::from_millis(500);

/// The modes, as long as it lives.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Raw mode, alternate screen, bracketed paste, no cursor.
    ///
    /// # Errors
    /// Where standard input or output is no terminal, or refuses.
    pub fn enter() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "standard input and output have to be a terminal",
            ));
        }
        install_panic_hook();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self(());
        let mut bytes = Vec::new();
        queue!(
            bytes,
            EnterAlternateScreen,
            Clear(ClearType::All),
            EnableBracketedPaste,
            Hide
        )?;
        terminal()?.write_all(&bytes)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether nothing has put the modes back yet; after a panic anywhere it has.
pub fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Standard output without its lock: a thread that is stuck in a write to a
/// stopped terminal would otherwise stop everybody who prints.
pub(super) fn terminal() -> io::Result<File> {
    let copy: OwnedFd = rustix::io::dup(rustix::stdio::stdout())?;
    Ok(File::from(copy))
}

/// Puts the modes back, once.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    write_patiently(farewell());
    // An error here means that the terminal is gone; nothing is left to restore.
    disable_raw_mode().ok();
}

fn farewell() -> Vec<u8> {
    let mut text = String::new();
    let commands: [&dyn Fn(&mut String) -> std::fmt::Result; 5] = [
        &|out| EndSynchronizedUpdate.write_ansi(out),
        &|out| DisableBracketedPaste.write_ansi(out),
        &|out| ResetColor.write_ansi(out),
        &|out| LeaveAlternateScreen.write_ansi(out),
        &|out| Show.write_ansi(out),
    ];
    for command in commands {
        command(&mut text).expect("writing to a string does not fail");
    }
    text.into_bytes()
}

/// Prints on the terminal after the screen was left; one that is stopped or gone
/// cannot stop the way out.
pub fn print_patiently(text: &str) {
    write_patiently(text.into());
}

/// Writes on a thread, and waits for it as long as [`PATIENCE`].
fn write_patiently(bytes: Vec<u8>) {
    let (done, wait) = mpsc::channel();
    let writer = std::thread::Builder::new().spawn(move || {
        if let Ok(mut terminal) = terminal() {
            terminal.write_all(&bytes).ok();
        }
        done.send(()).ok();
    });
    if writer.is_ok() {
        wait.recv_timeout(PATIENCE).ok();
    }
}

/// A panic in any thread restores the terminal before its message is printed.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}
