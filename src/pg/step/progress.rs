//! Owns what a running step says about itself; never decides what follows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::supervise::Wait;
use crate::run::progress::SqlProgress;

/// Tells the newest progress, and only when it is new.
pub(super) struct Reporter<'a> {
    report: &'a (dyn Fn(SqlProgress) + Send + Sync),
    said: Mutex<SqlProgress>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(of: usize, report: &'a (dyn Fn(SqlProgress) + Send + Sync)) -> Self {
        let progress = SqlProgress {
            of,
            ..SqlProgress::default()
        };
        report(progress.clone());
        Self {
            report,
            said: Mutex::new(progress),
        }
    }

    /// That statement, from 0, runs now.
    pub(super) fn statement(&self, index: usize) {
        self.change(|progress| {
            progress.statement = index.min(progress.of.saturating_sub(1));
            progress.waits_for = None;
            progress.waiters = 0;
        });
    }

    /// How our request stands.
    pub(super) fn wait(&self, wait: Option<&Wait>) {
        self.change(|progress| {
            progress.waits_for = wait.map(|wait| wait.lock.clone());
            progress.waiters = wait.map_or(0, |wait| wait.waiters);
        });
    }

    fn change(&self, change: impl FnOnce(&mut SqlProgress)) {
        let mut said = self.said();
        let before = said.clone();
        change(&mut said);
        if *said != before {
            let progress = said.clone();
            drop(said);
            (self.report)(progress);
        }
    }

    fn said(&self) -> MutexGuard<'_, SqlProgress> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
