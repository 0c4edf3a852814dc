//! Owns the figures of a generation, counted by its clients and read by anyone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::latency::{Histogram, Latencies};

/// How many texts of errors and of mismatches are kept.
const TEXTS: usize = 8;

/// What the clients of one generation count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) connected: Counter,
    operations: Counter,
    errors: Log,
    mismatches: Log,
    pub(super) reconnects: Counter,
    pub(super) refused: Counter,
    latencies: Histogram,
}

impl Tally {
    /// An operation ended, well or not.
    pub(super) fn operation(&self, took: Duration) {
        self.operations.add();
        self.latencies.record(took);
    }

    /// The server, or a flag, said no.
    pub(super) fn error(&self, words: String) {
        self.errors.add(words);
    }

    /// A row was not what its only writer had left.
    pub(super) fn mismatch(&self, words: String) {
        self.mismatches.add(words);
    }

    fn figures(&self) -> Figures {
        Figures {
            connected: self.connected.get(),
            operations: self.operations.get(),
            errors: self.errors.count.get(),
            last_errors: self.errors.texts(),
            mismatches: self.mismatches.count.get(),
            last_mismatches: self.mismatches.texts(),
            reconnects: self.reconnects.get(),
            refused: self.refused.get(),
            latencies: self.latencies.snapshot(),
        }
    }
}

/// A number that several tasks change.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn take(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Log {
    count: Counter,
    last: Mutex<VecDeque<String>>,
}

impl Log {
    fn add(&self, text: String) {
        self.count.add();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == TEXTS {
            last.pop_front();
        }
        last.push_back(text);
    }

    fn texts(&self) -> Vec<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().cloned().collect()
    }
}

/// Reads the figures of a load while it runs.
#[derive(Debug, Clone)]
pub struct Meter {
    old: Arc<Tally>,
    new: Arc<Tally>,
}

impl Meter {
    pub(super) fn new(old: Arc<Tally>, new: Arc<Tally>) -> Self {
        Self { old, new }
    }

    /// The figures up to now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            old: self.old.figures(),
            new: self.new.figures(),
        }
    }
}

/// Both generations' figures since they started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Of the clients that know only `email`.
    pub old: Figures,
    /// Of the clients that write `email_address`.
    pub new: Figures,
}

impl Snapshot {
    /// SQL errors of both generations.
    pub fn errors(&self) -> u64 {
        self.old.errors + self.new.errors
    }

    /// Reverted or lost writes of both generations.
    pub fn mismatches(&self) -> u64 {
        self.old.mismatches + self.new.mismatches
    }
}

/// One generation's figures since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Clients with a connection at this instant.
    pub connected: u64,
    /// Operations that ended, well or not.
    pub operations: u64,
    /// Operations that the server refused; a lost connection is no error here.
    pub errors: u64,
    /// What it said, the latest at the end.
    pub last_errors: Vec<String>,
    /// Reads and writes that found a row other than its only writer left it.
    pub mismatches: u64,
    /// What was expected and found, the latest at the end.
    pub last_mismatches: Vec<String>,
    /// Connections made again after one was lost.
    pub reconnects: u64,
    /// Attempts to connect that failed.
    pub refused: u64,
    /// How long the operations took.
    pub latencies: Latencies,
}
