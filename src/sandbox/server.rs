//! Owns one server process: start, stop, kill; never what is in its database.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::account::Account;
use super::binaries::Binaries;
use super::client;
use super::error::Error;
use super::undertaker;

/// The superuser of every private server.
pub(super) const SUPERUSER: &str = "postgres";

/// How long a server may take to be ready, crash recovery included, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a server's state is looked at while it is waited for.
const GLANCE: Duration = Duration::from_millis(3);

/// How a server is stopped, in the words of `pg_ctl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, their transactions rolled back, a checkpoint written.
    Fast,
    /// At once; the next start recovers from the WAL, as after a crash.
    Immediate,
}

/// One private server. All methods block, and take `&self`: one thread may
/// break the server that another one uses.
#[derive(Debug)]
pub struct Server {
    role: &'static str,
    directory: PathBuf,
    port: u16,
    account: Account,
    binaries: Binaries,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// A server that is not running yet, with its data in `directory/role`.
    pub(super) fn new(
        role: &'static str,
        directory: &Path,
        port: u16,
        account: Account,
        binaries: &Binaries,
    ) -> Self {
        Self {
            role,
            directory: directory.to_owned(),
            port,
            account,
            binaries: binaries.clone(),
            process: Mutex::new(None),
        }
    }

    /// Where `database` is: a URL that libpq and tokio-postgres understand. It
    /// names the superuser; there is no password, the directory's mode is the
    /// access control.
    pub fn dsn(&self, database: &str) -> String {
        let directory = self.directory.display();
        let port = self.port;
        format!("postgresql:///{database}?host={directory}&port={port}&user={SUPERUSER}")
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.join(self.role)
    }

    /// The directory of the server's unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.directory
    }

    /// The port, which is part of the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file that the server logs to.
    pub fn log_path(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.role))
    }

    /// The postmaster's process id; none while the server is down.
    pub fn pid(&self) -> Option<u32> {
        let mut process = self.process();
        let child = process.as_mut()?;
        matches!(child.try_wait(), Ok(None)).then(|| child.id())
    }

    /// Starts it and waits until it takes connections; does nothing when it
    /// runs. After [`Server::kill`] the orphans of the old postmaster may
    /// still hold its memory: it tries again until they are gone.
    ///
    /// # Errors
    /// [`Error::Start`] with the end of the log when it ends or is not ready
    /// within a minute.
    pub fn start(&self) -> Result<(), Error> {
        let mut process = self.process();
        if let Some(child) = process.as_mut()
            && matches!(child.try_wait(), Ok(None))
        {
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.log_length();
            let child = process.insert(self.launch()?);
            if self.becomes_ready(child, deadline) {
                return Ok(());
            }
            let log = self.log_from(before);
            let orphans = log.contains("pre-existing shared memory block");
            if !orphans || Instant::now() > deadline {
                self.end(&mut process, "KILL")?;
                return Err(Error::Start {
                    role: self.role,
                    log,
                });
            }
        }
    }

    /// Stops it and waits until it has ended; does nothing when it is down.
    ///
    /// # Errors
    /// [`Error::Stop`] when it is still there after a minute: a fast stop waits
    /// for a standby that is connected to take the last of the WAL.
    pub fn stop(&self, how: Stop) -> Result<(), Error> {
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        self.end(&mut self.process(), signal)
    }

    /// [`Server::stop`], then [`Server::start`].
    pub fn restart(&self, how: Stop) -> Result<(), Error> {
        self.stop(how)?;
        self.start()
    }

    /// Kills the postmaster as the kernel's out-of-memory killer would:
    /// SIGKILL, nothing written. Its backends end on their own when they notice.
    pub fn kill(&self) -> Result<(), Error> {
        self.end(&mut self.process(), "KILL")
    }

    /// Runs one statement as the superuser, over a connection of its own.
    pub(super) fn query(&self, statement: &str) -> Result<Vec<tokio_postgres::Row>, Error> {
        client::query(&self.dsn("postgres"), statement, &[])
    }

    /// Lets go of the process: from now on nobody stops the server.
    pub(super) fn release(&self) {
        self.process().take();
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        // The option is whole at every instant, also after a panic.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self) -> Result<Child, Error> {
        let log = self
            .open_log()
            .map_err(Error::io("open the server's log"))?;
        let copy = log
            .try_clone()
            .map_err(Error::io("share the server's log"))?;
        let data = self.data_dir();
        undertaker::listed(self.account, &data, &self.binaries.program("postgres"))
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(copy))
            .spawn()
            .map_err(Error::io("run `/bin/sh`"))
    }

    fn becomes_ready(&self, child: &mut Child, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return false;
            }
            if self.says_ready(child.id()) {
                return true;
            }
            std::thread::sleep(GLANCE);
        }
        false
    }

    /// Line 1 of `postmaster.pid` is the process id, line 8 the state: "ready",
    /// or "standby" while a standby takes no connections yet
    /// (`src/include/utils/pidfile.h`).
    fn says_ready(&self, pid: u32) -> bool {
        let text = std::fs::read_to_string(self.data_dir().join("postmaster.pid"));
        text.is_ok_and(|text| {
            let mut lines = text.lines();
            lines.next() == Some(&pid.to_string())
                && lines.nth(6).is_some_and(|state| state.trim() == "ready")
        })
    }

    /// Signals the process and waits for its end.
    fn end(&self, process: &mut Option<Child>, signal: &str) -> Result<(), Error> {
        let Some(child) = process.as_mut() else {
            return Ok(());
        };
        if matches!(child.try_wait(), Ok(None)) {
            send(signal, child.id())?;
        }
        wait(child).ok_or(Error::Stop {
            role: self.role,
            seconds: PATIENCE.as_secs(),
        })?;
        undertaker::forget(&self.data_dir());
        *process = None;
        Ok(())
    }

    fn open_log(&self) -> std::io::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
    }

    fn log_length(&self) -> usize {
        std::fs::metadata(self.log_path()).map_or(0, |log| log.len() as usize)
    }

    fn log_from(&self, start: usize) -> String {
        let log = std::fs::read(self.log_path()).unwrap_or_default();
        let text = log.get(start..).unwrap_or_default();
        String::from_utf8_lossy(text).trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.stop(Stop::Immediate).is_err() {
            let _ = self.kill();
        }
    }
}

/// The standard library sends SIGKILL only; `kill` is built into every shell.
/// The child has not been waited for, so its number cannot be somebody else's.
fn send(signal: &str, pid: u32) -> Result<(), Error> {
    Command::new("/bin/sh")
        .args(["-c", "kill -$0 $1", signal, &pid.to_string()])
        .status()
        .map(drop)
        .map_err(Error::io("run `/bin/sh`"))
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(GLANCE);
    }
    None
}
