//! Owns what a running step says about itself; never decides what follows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::supervise::Wait;
use crate::run::progress::SqlProgress;

/// Tells the newest progress, and only when it is new.
pub(super) struct Reporter<'a> {
    report: &'a (dyn Fn(SqlProgress) + Send + Sync),
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    progress: SqlProgress,
    others_waited: Duration,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(of: usize, report: &'a (dyn Fn(SqlProgress) + Send + Sync)) -> Self {
        let progress = SqlProgress {
            of,
            ..SqlProgress::default()
        };
        report(progress.clone());
        let said = Mutex::new(Said {
            progress,
            ..Said::default()
        });
        Self { report, said }
    }

    /// That statement, from 0, runs now.
    pub(super) fn statement(&self, index: usize) {
        self.change(|progress| {
            progress.statement = index.min(progress.of.saturating_sub(1));
            progress.waits_for = None;
            progress.waiters = 0;
        });
    }

    /// How our request stands, looked at after `elapsed` since the last look.
    pub(super) fn wait(&self, wait: Option<&Wait>, elapsed: Duration) {
        let waiters = wait.map_or(0, |wait| wait.waiters);
        self.said().others_waited += elapsed * waiters;
        self.change(|progress| {
            progress.waits_for = wait.map(|wait| wait.lock.clone());
            progress.waiters = waiters;
        });
    }

    pub(super) fn others_waited(&self) -> Duration {
        self.said().others_waited
    }

    fn change(&self, change: impl FnOnce(&mut SqlProgress)) {
        let mut said = self.said();
        let before = said.progress.clone();
        change(&mut said.progress);
        if said.progress != before {
            let progress = said.progress.clone();
            drop(said);
            (self.report)(progress);
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
