//! The backfill in `status`: how far, how fast, why not faster, and what its
//! ETAs were worth. Owns that part of the shape, whose fields are only added to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;
use crate::engine::snapshot::BackfillView;
use crate::engine::{eta, throttle};
use crate::reading::elapsed;
use crate::report::{course, format};
use crate::run::course::Told;
use crate::run::progress::PartProgress;
use crate::run::{Course, Run};

/// A backfill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackfillStatus {
    /// The step.
    #[serde(default)]
    pub step: String,
    /// Rows visited by key.
    pub rows_done: u64,
    /// Estimated rows of the table.
    pub rows_total: u64,
    /// Rows visited a second, lately.
    pub rows_per_second: Option<f64>,
    /// Since its first report in the lead's process.
    pub elapsed_ms: u64,
    /// Chunks committed.
    pub chunks: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// The newest of them, each its key and its error.
    #[serde(default)]
    pub aside: Vec<(String, String)>,
    /// Sessions that work on it, or wait between two chunks.
    #[serde(default)]
    pub workers: u16,
    /// Each partition by itself; empty where the table has none.
    #[serde(default)]
    pub parts: Vec<PartProgress>,
    /// Seconds left if it goes on as in its best stretch.
    pub eta_low_s: Option<u64>,
    /// Seconds left if it goes on as in its worst.
    pub eta_high_s: Option<u64>,
    /// What the range rests on; empty while there is none.
    #[serde(default)]
    pub eta_assumes: String,
    /// Percent, as person and guards make it; 0 is a stall.
    pub pace: u8,
    /// What slows it most: `hold`, `pause`, a guard's id, or `pace` where a
    /// person does; `null` at full pace.
    pub reason: Option<String>,
    /// Of the whole step, from its start, restarts included.
    #[serde(default)]
    pub whole_ms: u64,
    /// Time of that that was not worked, most first.
    #[serde(default)]
    pub lost: Vec<LostStatus>,
    /// What its ETA was at a quarter, at half and at three quarters.
    #[serde(default)]
    pub eta_told: Vec<EtaStatus>,
}

/// Time that a backfill lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostStatus {
    /// To what: as `reason` of the backfill, or `retries`, `no lead`, `no journal`.
    pub reason: String,
    /// How much.
    pub ms: u64,
}

/// What an ETA was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtaStatus {
    /// How much of the copy was done then.
    pub percent: u8,
    /// Seconds left, at best.
    pub low_s: u64,
    /// Seconds left, at worst.
    pub high_s: u64,
    /// What it took from then on; `null` before the step's end.
    pub took_s: Option<u64>,
}

impl BackfillStatus {
    /// What a snapshot says of it.
    pub(super) fn of(run: &Run, view: &BackfillView) -> Self {
        Self {
            step: view.task.step.to_string(),
            rows_done: view.progress.rows_done,
            rows_total: view.progress.rows_total,
            rows_per_second: view.rate,
            elapsed_ms: millis(view.elapsed),
            chunks: view.progress.chunks,
            quarantined: view.progress.quarantined,
            aside: view.progress.aside.clone(),
            workers: view.progress.workers,
            parts: view.progress.parts.clone(),
            eta_low_s: view.eta.map(|eta| eta.low.as_secs()),
            eta_high_s: view.eta.map(|eta| eta.high.as_secs()),
            eta_assumes: view.eta.map_or("", |_| eta::ASSUMPTION).to_owned(),
            pace: view.pace.effective.0,
            reason: throttle::cause(run, &view.pace),
            whole_ms: millis(view.course.whole()),
            lost: lost(&view.course),
            eta_told: eta_told(&view.course),
        }
    }

    /// Plain lines, for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.line()];
        lines.extend(self.parts.iter().filter_map(part_line));
        if !self.eta_assumes.is_empty() {
            lines.push(format!("  ETA: {}", self.eta_assumes));
        }
        let aside = self.aside.iter();
        lines.extend(aside.map(|(key, why)| format!("  in quarantine: {key}: {why}")));
        let whole = Duration::from_millis(self.whole_ms);
        let lost: Vec<_> = self
            .lost
            .iter()
            .map(|lost| (lost.reason.clone(), Duration::from_millis(lost.ms)))
            .collect();
        lines.push(format!(
            "backfill time: {}, lost {}",
            format::duration(whole),
            course::lost(&lost, whole)
        ));
        for told in &self.eta_told {
            let then = format!(
                "at {}% the ETA was {}-{} s",
                told.percent, told.low_s, told.high_s
            );
            lines.push(match told.took_s {
                Some(took) => format!("{then}, it took {took} s"),
                None => then,
            });
        }
        lines
    }

    fn line(&self) -> String {
        let rate = self.rows_per_second.map_or("-".into(), format::quantity);
        let eta = match (self.eta_low_s, self.eta_high_s) {
            (Some(low), Some(high)) => format!("{low}-{high} s"),
            _ => "unknown".into(),
        };
        format!(
            "backfill {}/{} rows, {rate} rows/s, ETA {eta}, pace {}%{}{}",
            format::count(self.rows_done),
            format::count(self.rows_total),
            self.pace,
            self.reason
                .as_ref()
                .map_or(String::new(), |why| format!(" ({why})")),
            match self.workers {
                0 | 1 => String::new(),
                several => format!(", {several} workers"),
            },
        )
    }
}

/// Partitions that are neither untouched nor done.
fn part_line(part: &PartProgress) -> Option<String> {
    let under_way = part.rows_done > 0 && !part.done;
    under_way.then(|| {
        format!(
            "  partition {}: {}/{} rows, {} swept",
            part.name,
            format::count(part.rows_done),
            format::count(part.rows_total),
            format::count(part.swept),
        )
    })
}

fn lost(course: &Course) -> Vec<LostStatus> {
    let lost = course.lost().into_iter();
    lost.map(|(reason, time)| LostStatus {
        reason,
        ms: millis(time),
    })
    .collect()
}

fn eta_told(course: &Course) -> Vec<EtaStatus> {
    let ended = course.ended;
    let told = |told: &Told| EtaStatus {
        percent: told.percent.0,
        low_s: told.low.as_secs(),
        high_s: told.high.as_secs(),
        took_s: ended.map(|ended| elapsed(told.at, ended).as_secs()),
    };
    course.told.iter().map(told).collect()
}
