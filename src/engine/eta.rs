//! How fast the backfill goes, and how long it has left, as a range.
//!
//! Owns the meter; fed with progress and its time, knows no clock. The range
//! assumes that the rest goes as the fastest and the slowest tenth of the last
//! ten minutes went, stalls included, and that the sweep behind it, which only
//! reads, is faster than the copy: a single figure would lie.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::message::Decision;
use super::snapshot::Eta;
use super::throttle;
use crate::reading::elapsed;
use crate::run::Run;
use crate::run::course::Told;
use crate::run::event::{EventKind, Percent, Task};
use crate::run::progress::{BackfillProgress, BackfillStage};

/// Length of one stretch.
const STRETCH: Duration = Duration::from_secs(5);
/// Stretches kept: ten minutes.
const KEPT: usize = 120;
/// The rate on the screen is over so much.
const LATELY: Duration = Duration::from_secs(10);

/// So many times as fast as the copy the sweep is, at least and at most: on
/// tables of 100,000 rows it was 1.3 (HOT updates, a busy machine) to 5 (two more
/// indexes to write).
const SWEEP: (f64, f64) = (1.5, 8.0);
/// Even rates that do not vary say no more than this about the rest.
const MARGIN: f64 = 1.1;
/// A step that has lasted less has no ETA worth keeping.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// What the range rests on, for people.
pub const ASSUMPTION: &str = "as the fastest and slowest tenth of its last 10m, stalls included; \
                              a sweep 1.5 to 8 times as fast as the copy";

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
        if progress.stage == BackfillStage::Sweep && !self.sweeping() {
            // Reading goes at another rate than writing.
            (self.lately, self.stretches, self.stretch) = Default::default();
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

    /// Whether the newest that was said came from the sweep; a chunk's wait or
    /// bisection is of the stage around it.
    fn sweeping(&self) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.swept > 0)
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
        let total = progress.rows_total.max(progress.rows_done) as f64;
        let (to_copy, to_sweep) = (
            total - progress.rows_done as f64,
            (total - progress.swept as f64).max(0.0),
        );
        let (slow, fast) = self.rates(now)?;
        let (sweep_slow, sweep_fast) = match progress.stage {
            BackfillStage::Sweep => (slow, fast),
            _ => (slow * SWEEP.0, fast * SWEEP.1),
        };
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
        Some(Eta {
            low: time((to_copy / fast + to_sweep / sweep_fast) / MARGIN)?,
            high: time((to_copy / slow + to_sweep / sweep_slow) * MARGIN)?,
        })
    }

    /// The slowest and the fastest tenth of what is known, rows a second.
    fn rates(&self, now: Timestamp) -> Option<(f64, f64)> {
        let mut rates: Vec<_> = self.stretches.iter().copied().collect();
        rates.extend(self.rate(now));
        rates.retain(|rate| rate.is_finite());
        rates.sort_by(f64::total_cmp);
        let fast = *rates.get(rates.len().checked_sub(1 + rates.len() / 10)?)?;
        let slow = rates[rates.len() / 10].max(fast / 10.0);
        (fast > 0.0).then_some((slow, fast))
    }
}

/// Records what the ETA is at a quarter, at half and at three quarters of the
/// copy; at the end the truth is held against it. A copy of a few seconds has
/// none worth it.
pub fn settle(run: &Run, memory: &Memory, now: Timestamp, decision: &mut Decision) {
    let Some(task) = throttle::running_backfill(run, memory) else {
        return;
    };
    let (Some((of, progress)), Some(course)) = (memory.meter.newest(), run.courses.get(task))
    else {
        return;
    };
    let done = progress.rows_done * 100 / progress.rows_total.max(progress.rows_done).max(1);
    let quarter = done / 25 * 25;
    let told = |told: &Told| u64::from(told.percent.0) >= quarter;
    let due = (25..100).contains(&quarter) && !course.told.iter().any(told);
    if of != task || !due || elapsed(course.began, now) < WORTH_TELLING {
        return;
    }
    if let (Some(eta), Ok(done)) = (memory.meter.eta(now), u8::try_from(done)) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        decision.events.push(EventKind::EtaTold {
            task: task.clone(),
            percent: Percent(done),
            low_ms: ms(eta.low),
            high_ms: ms(eta.high),
        });
    }
}
