//! Owns the lead's copy of the journal on this machine's disk; never the truth.
//!
//! It answers one question: has the server lost events that it once confirmed,
//! as a failover to a lagging standby does? One JSON line an event, each batch
//! synced to the disk. What it needs is in Postgres too, so that a disk that is
//! full delays nothing: the lines wait in memory, and each write tries again.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::run::event::{Event, RunId, Seq};

/// How many leads of one run may be stopped on this machine with their log open.
const FILES: usize = 9;

/// Why there is no local log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory or file cannot be made, locked or read.
    #[error(
        "local log `{path}`: {error}\nhint: set XDG_STATE_HOME to a directory that can be written"
    )]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A run's id is no name for a file.
    #[error("run id `{0}` is not one of ours")]
    NotAnId(String),
}

/// The open log of one run; its file is locked while it lives.
#[derive(Debug)]
pub struct LocalLog {
    path: PathBuf,
    file: File,
    /// Bytes of it that are known to be whole lines.
    good: u64,
    /// Lines that are not there yet.
    pending: String,
    /// The newest event in it or pending.
    head: Seq,
    /// The journal differs, and nobody has accepted that yet.
    suspended: bool,
    trouble: Option<String>,
}

/// Where logs are kept: `$XDG_STATE_HOME/pgcutover`, or
/// `$HOME/.local/state/pgcutover`. As the XDG specification wants, a relative
/// path does not count.
pub fn directory(var: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name| {
        var(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("pgcutover"))
}

impl LocalLog {
    /// Opens the run's log, or begins it (directory 0700, file 0600). A last
    /// line that a crash has torn is cut off. Where a former lead on this
    /// machine still holds the file, being stopped, another one is begun:
    /// nothing that is stopped may stand in the way of a take-over.
    ///
    /// # Errors
    /// [`OpenError`]: a person decides.
    pub fn open(directory: &Path, run: &RunId) -> Result<Self, OpenError> {
        let id = &run.0;
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(OpenError::NotAnId(crate::text::clean_bounded(id, 40)));
        }
        let io_error = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::Io { path, error }
        };
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(directory);
        made.map_err(io_error(directory))?;
        for number in 1..=FILES {
            let path = match number {
                1 => directory.join(format!("{id}.jsonl")),
                _ => directory.join(format!("{id}.{number}.jsonl")),
            };
            if let Some(log) = Self::open_file(&path).map_err(io_error(&path))? {
                return Ok(log);
            }
        }
        let error = io::Error::new(io::ErrorKind::WouldBlock, "all of its files are locked");
        Err(io_error(directory)(error))
    }

    /// `None` where somebody has locked it.
    fn open_file(path: &Path) -> io::Result<Option<Self>> {
        let file = begin(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (events, good) = scan(&file)?;
        Ok(Some(Self {
            path: path.to_owned(),
            file,
            good,
            pending: String::new(),
            head: events.last().map_or(Seq(0), |event| event.seq),
            suspended: false,
            trouble: None,
        }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why lines wait in memory, if any do.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Compares with the whole journal: the events in here that it has not.
    /// Where there are none, what is missing here is written; otherwise nothing
    /// is, until [`Self::accept_loss`].
    pub(super) fn resume(&mut self, journal: &[Event]) -> io::Result<Vec<Event>> {
        let (logged, _) = scan(&self.file)?;
        let same = |(ours, theirs): &(&Event, &Event)| {
            (ours.seq, &ours.hash) == (theirs.seq, &theirs.hash)
        };
        let common = logged.iter().zip(journal).take_while(same).count();
        let unsaid = logged[common..].to_vec();
        self.suspended = !unsaid.is_empty();
        if self.suspended {
            // The new log will begin with what the journal has now.
            self.pending.clear();
            self.head = Seq(0);
        }
        self.write(journal);
        Ok(unsaid)
    }

    /// Writes the events that are newer than its head, and syncs. Blocks for
    /// as long as the disk does. A failure is kept as [`Self::trouble`].
    pub(super) fn write(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| event.seq > self.head) {
            self.pending += &serde_json::to_string(event).expect("an event is plain data");
            self.pending.push('\n');
        }
        self.head = events
            .last()
            .map_or(self.head, |event| event.seq.max(self.head));
        if !self.suspended && !self.pending.is_empty() {
            self.note(Self::flush);
        }
    }

    /// Begins a new log with what the journal has now, and keeps the old one
    /// beside it as `.unsaid-1`, `-2` and so on.
    pub(super) fn accept_loss(&mut self) {
        if !self.suspended {
            return;
        }
        self.note(Self::begin_anew);
        // Without a new file the old one stays as it is, and lines go on waiting.
        if self.trouble.is_none() {
            self.suspended = false;
            self.note(Self::flush);
        }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        let aside = (1..)
            .map(|number| self.path.with_extension(format!("jsonl.unsaid-{number}")))
            .find(|path| !path.exists())
            .expect("numbers do not run out");
        std::fs::rename(&self.path, aside)?;
        let file = begin(&self.path)?;
        file.try_lock()?;
        self.file = file;
        self.good = 0;
        Ok(())
    }

    /// Writes what is pending behind the last whole line: a write that failed
    /// half-way leaves no trace.
    fn flush(&mut self) -> io::Result<()> {
        self.file.set_len(self.good)?;
        self.file.seek(SeekFrom::Start(self.good))?;
        self.file.write_all(self.pending.as_bytes())?;
        self.file.sync_data()?;
        self.good += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn note(&mut self, work: fn(&mut Self) -> io::Result<()>) {
        self.trouble = work(self).err().map(|error| {
            let trouble = format!("local log `{}`: {error}", self.path.display());
            tracing::warn!("{trouble}");
            trouble
        });
    }
}

/// Opens or makes a file, and syncs its directory: a crash does not unmake it.
fn begin(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.mode(0o600).open(path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(file)
}

/// The events of whole lines in order, and where those lines end: a torn line,
/// and whatever stands behind it, does not count.
fn scan(file: &File) -> io::Result<(Vec<Event>, u64)> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let (mut events, mut good) = (Vec::<Event>::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        let Some(text) = line.strip_suffix(b"\n") else {
            return Ok((events, good));
        };
        let next = events.last().map_or(Seq(0), |event| event.seq).next();
        match serde_json::from_slice::<Event>(text) {
            Ok(event) if event.seq == next => events.push(event),
            _ => return Ok((events, good)),
        }
        good += line.len() as u64;
    }
}

#[cfg(test)]
mod tests;
