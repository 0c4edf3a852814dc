//! A program in a pseudo-terminal: what it shows, what it is told, how it ends.
//!
//! Owns the pty, the thread that reads it, and the program, which is killed when
//! this is dropped. Waits for what is shown, never for time.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtyPair, PtySize, native_pty_system};
use vt100::Parser;

use crate::PATIENCE;

/// How long a key may take to show, before it is pressed again.
const PATIENT_KEY: Duration = Duration::from_millis(500);

/// Time between two looks at whether the program has ended.
const GLANCE: Duration = Duration::from_millis(10);

/// What a terminal has to be told so that the shell finds it as it was.
const FAREWELL: [&str; 3] = ["\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l"];

/// A program and its terminal.
pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    pty: Option<PtyPair>,
    keys: Option<Box<dyn Write + Send>>,
    shown: Arc<Shown>,
}

/// What came out of the program, shared with the thread that reads it.
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: Parser,
    /// Everything, each piece with its time since the start.
    film: Vec<(Duration, Vec<u8>)>,
    reading: Reading,
}

#[derive(PartialEq)]
enum Reading {
    On,
    /// Like Ctrl-S, or a dead link: nothing is taken.
    Frozen,
    /// The next that comes is the last: the terminal closes.
    Over,
}

impl Screen {
    /// Starts a command, with its environment, in a terminal of this size.
    pub(crate) fn start(command: &Command, (columns, rows): (u16, u16)) -> Self {
        let pty = native_pty_system().openpty(size(columns, rows)).unwrap();
        let child = pty.slave.spawn_command(builder(command)).unwrap();
        let shown = Arc::new(Shown {
            state: Mutex::new(State {
                parser: Parser::new(cells(rows), cells(columns), 0),
                film: Vec::new(),
                reading: Reading::On,
            }),
            changed: Condvar::new(),
        });
        let reader = pty.master.try_clone_reader().unwrap();
        let theirs = Arc::clone(&shown);
        std::thread::spawn(move || read(reader, &theirs));
        Self {
            child,
            keys: Some(pty.master.take_writer().unwrap()),
            pty: Some(pty),
            shown,
        }
    }

    /// Bytes as if typed at once.
    pub(crate) fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("the terminal is there");
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Types a text after a prompt, as a person does: each key once the one
    /// before is seen.
    pub(crate) fn types(&mut self, prompt: &str, text: &str) {
        for (at, key) in text.char_indices() {
            self.press(&key.to_string());
            self.shows(&format!("{prompt}{}", &text[..=at]));
        }
    }

    /// Presses a key again and again until the screen's text is as wanted: a card
    /// that has only just been drawn takes nothing, and neither does a terminal
    /// on the heels of a paste.
    pub(crate) fn presses_until(&mut self, key: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !wanted(&self.text()) {
            let text = self.text();
            assert!(Instant::now() < deadline, "`{key:?}` in vain:\n{text}");
            self.press(key);
            self.watch(PATIENT_KEY, &wanted);
        }
    }

    /// Confirms a card with `y`; where the state has changed under it, as it
    /// says, after another look.
    pub(crate) fn confirms(&mut self, card: &str) {
        self.shows(card);
        let away = |text: &str| !text.contains(card);
        let stale = |text: &str| text.contains("u looks again, Esc closes");
        while !away(&self.text()) {
            self.presses_until("y", |text| away(text) || stale(text));
            if stale(&self.text()) {
                self.presses_until("u", |text| !text.contains("the state has changed"));
            }
        }
    }

    /// Waits until this text is on the screen.
    pub(crate) fn shows(&self, text: &str) {
        self.waits(text, |shown| shown.contains(text));
    }

    /// Waits until the screen's text is as wanted.
    pub(crate) fn waits(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let seen = self.watch(PATIENCE, &wanted);
        assert!(seen, "waited in vain for `{what}`:\n{}", self.text());
    }

    /// Watches for so long at most; whether it was as wanted.
    fn watch(&self, patience: Duration, wanted: impl Fn(&str) -> bool) -> bool {
        let state = self.shown.state.lock().unwrap();
        let not_yet = |state: &mut State| !wanted(&state.parser.screen().contents());
        let changed = &self.shown.changed;
        let (_state, wait) = changed
            .wait_timeout_while(state, patience, not_yet)
            .unwrap();
        !wait.timed_out()
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        self.look(|screen| screen.contents())
    }

    /// Looks at the cells.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shown.state.lock().unwrap().parser.screen())
    }

    /// Everything that came, each piece with its time since the start.
    pub(crate) fn film(&self) -> Vec<(Duration, Vec<u8>)> {
        self.shown.state.lock().unwrap().film.clone()
    }

    /// All bytes that came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.film()
            .into_iter()
            .flat_map(|(_, bytes)| bytes)
            .collect()
    }

    /// Another size, as if the window was pulled.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let mut state = self.shown.state.lock().unwrap();
        state.parser.set_size(cells(rows), cells(columns));
        drop(state);
        let pty = self.pty.as_ref().expect("the terminal is there");
        pty.master.resize(size(columns, rows)).unwrap();
    }

    /// Takes no more bytes from the program.
    pub(crate) fn freeze(&self) {
        self.shown.state.lock().unwrap().reading = Reading::Frozen;
    }

    /// Closes the terminal, as a lost connection does: the system hangs up on
    /// the program.
    pub(crate) fn close(&mut self) {
        self.shown.state.lock().unwrap().reading = Reading::Over;
        self.keys.take();
        self.pty.take();
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("/bin/sh")
            .args(["-c", "kill -s $0 $1", name, &self.pid().to_string()])
            .status();
        assert!(sent.unwrap().success(), "{name} to the program");
    }

    /// Ends the program, and waits for that. Gone already, as a rule.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end; the exit code.
    pub(crate) fn ends(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(
                Instant::now() < deadline,
                "the program does not end:\n{}",
                self.text()
            );
            std::thread::sleep(GLANCE);
        }
    }

    /// The terminal is as a shell wants it: the program's modes taken back, each
    /// once and after the last frame, and lines are edited and echoed again.
    pub(crate) fn is_restored(&self) {
        let deadline = Instant::now() + PATIENCE;
        let restored = |screen: &vt100::Screen| {
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        };
        while !self.look(restored) {
            assert!(Instant::now() < deadline, "not restored:\n{}", self.text());
            std::thread::sleep(GLANCE);
        }
        let bytes = String::from_utf8_lossy(&self.bytes()).into_owned();
        for mode in FAREWELL {
            assert!(bytes.contains(mode), "`{mode:?}` was never sent");
        }
        let pty = self.pty.as_ref().expect("the terminal is there");
        // Behind the last bytes, and not by them.
        loop {
            let modes = format!("{:?}", pty.master.get_termios().unwrap());
            if modes.contains("ICANON") && modes.contains("ECHO") {
                return;
            }
            assert!(Instant::now() < deadline, "not restored: {modes}");
            std::thread::sleep(GLANCE);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.kill();
        self.shown.state.lock().unwrap().reading = Reading::Over;
    }
}

/// Reads until the terminal is over.
fn read(mut from: Box<dyn Read + Send>, shown: &Shown) {
    let began = Instant::now();
    let mut piece = [0; 16 * 1024];
    loop {
        let state = shown.state.lock().unwrap();
        let thaw = |state: &mut State| state.reading == Reading::Frozen;
        let state = shown.changed.wait_while(state, thaw).unwrap();
        if state.reading == Reading::Over {
            return;
        }
        drop(state);
        let Ok(count @ 1..) = from.read(&mut piece) else {
            return;
        };
        let mut state = shown.state.lock().unwrap();
        state.parser.process(&piece[..count]);
        state.film.push((began.elapsed(), piece[..count].to_vec()));
        shown.changed.notify_all();
    }
}

/// The same command for a pty.
fn builder(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            builder.env(name, value);
        }
    }
    builder.env("TERM", "xterm-256color");
    builder.cwd("/");
    builder
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        ..PtySize::default()
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has cells")
}
