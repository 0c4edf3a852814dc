//! How fast the backfill goes, and how long it has left, as a range.
//!
//! Owns the meter; fed with progress and its time, knows no clock. The range
//! assumes that the rest goes as the fastest and the slowest tenth of the last
//! ten minutes went, stalls included: a single figure would lie.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::snapshot::Eta;
use crate::reading::elapsed;
use crate::run::event::Task;
use crate::run::progress::BackfillProgress;

/// Length of one stretch.
const STRETCH: Duration = Duration::from_secs(5);
/// Stretches kept: ten minutes.
const KEPT: usize = 120;
/// The rate on the screen is over so much.
const LATELY: Duration = Duration::from_secs(10);

/// Rows visited over time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Meter {
    task: Option<Task>,
    began: Option<Timestamp>,
    newest: Option<BackfillProgress>,
    lately: VecDeque<(Timestamp, u64)>,
    stretches: VecDeque<f64>,
    stretch: Option<(Timestamp, u64)>,
}

impl Meter {
    /// Takes in how far the backfill has come.
    pub fn note(&mut self, task: &Task, progress: &BackfillProgress, now: Timestamp) {
        if self.task.as_ref() != Some(task) {
            *self = Self {
                task: Some(task.clone()),
                began: Some(now),
                ..Self::default()
            };
        }
        let rows = progress.rows_done + progress.swept;
        self.lately.push_back((now, rows));
        while self
            .lately
            .front()
            .is_some_and(|(at, _)| elapsed(*at, now) > LATELY)
        {
            self.lately.pop_front();
        }
        let (began, before) = *self.stretch.get_or_insert((now, rows));
        let length = elapsed(began, now);
        if length >= STRETCH {
            let rate = rows.saturating_sub(before) as f64 / length.as_secs_f64();
            self.stretches.push_back(rate);
            if self.stretches.len() > KEPT {
                self.stretches.pop_front();
            }
            self.stretch = Some((now, rows));
        }
        self.newest = Some(progress.clone());
    }

    /// What the backfill last said.
    pub fn newest(&self) -> Option<(&Task, &BackfillProgress)> {
        Some((self.task.as_ref()?, self.newest.as_ref()?))
    }

    /// Since the first report in this process.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        self.began
            .map_or(Duration::ZERO, |began| elapsed(began, now))
    }

    /// Rows visited a second over the last ten seconds.
    pub fn rate(&self, now: Timestamp) -> Option<f64> {
        let (from, before) = self.lately.front()?;
        let (_, rows) = self.lately.back()?;
        let length = elapsed(*from, now);
        (length >= Duration::from_millis(500))
            .then(|| rows.saturating_sub(*before) as f64 / length.as_secs_f64())
    }

    /// Time left; absent while nothing is known to move.
    pub fn eta(&self, now: Timestamp) -> Option<Eta> {
        let progress = self.newest.as_ref()?;
        // The sweep visits the table once more; it only reads, at least as fast.
        let total = progress.rows_total.max(progress.rows_done);
        let left = total - progress.rows_done.min(total);
        let mut rates: Vec<_> = self.stretches.iter().copied().collect();
        rates.extend(self.rate(now));
        rates.retain(|rate| rate.is_finite());
        rates.sort_by(f64::total_cmp);
        let fast = *rates.get(rates.len().checked_sub(1 + rates.len() / 10)?)?;
        let slow = rates[rates.len() / 10].max(fast / 10.0);
        if fast <= 0.0 {
            return None;
        }
        let time = |rate: f64| Duration::try_from_secs_f64(left as f64 / rate).ok();
        Some(Eta {
            low: time(fast)?,
            high: time(slow)?,
        })
    }
}
