//! Owns the last quarter of an hour of figures, a sample a second, on the time
//! axis that all charts share; never invents a value between two samples.

use std::collections::VecDeque;

use crate::engine::snapshot::Snapshot;
use crate::reading::{Reading, lag};

/// Seconds that are kept.
pub const SPAN: i64 = 900;

/// What a chart can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Rows visited a second.
    Rate,
    /// The worst replay lag, in seconds.
    Lag,
    /// Bytes of write-ahead log a second.
    Wal,
    /// Sessions that wait behind ours.
    Waiting,
}

/// One second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Seconds since 1970, by the publisher's clock.
    pub at: i64,
    values: [Option<f64>; 4],
}

impl Sample {
    /// Absent where it was not measured.
    pub fn get(&self, series: Series) -> Option<f64> {
        self.values[series as usize]
    }
}

/// The ring of samples, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    samples: VecDeque<Sample>,
}

impl History {
    /// Takes a snapshot's figures; of two in one second the later wins, and
    /// a clock that went back is ignored.
    pub fn record(&mut self, snapshot: &Snapshot) {
        let sample = sample(snapshot);
        match self.samples.back_mut() {
            Some(last) if last.at == sample.at => *last = sample,
            Some(last) if last.at > sample.at => return,
            _ => self.samples.push_back(sample),
        }
        while self
            .samples
            .front()
            .is_some_and(|s| s.at <= sample.at - SPAN)
        {
            self.samples.pop_front();
        }
    }

    /// The second of the newest sample.
    pub fn newest(&self) -> Option<i64> {
        self.samples.back().map(|sample| sample.at)
    }

    /// Seconds a column, so that what is known fits into the columns; one of
    /// a few steps, so that the axis seldom changes.
    pub fn step(&self, columns: u16) -> i64 {
        let known = match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) => last.at - first.at + 1,
            _ => 1,
        };
        let columns = i64::from(columns.max(1));
        let steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, SPAN];
        let fits = steps.into_iter().find(|step| step * columns >= known);
        fits.unwrap_or(SPAN)
    }

    /// The largest value of each column, the newest at the right end; a
    /// column without a sample is absent.
    pub fn columns(&self, series: Series, columns: u16, step: i64) -> Vec<Option<f64>> {
        let mut out = vec![None; usize::from(columns)];
        let Some(newest) = self.newest() else {
            return out;
        };
        for sample in self.samples.iter().rev() {
            let Some(column) = column(sample.at, newest, step, columns) else {
                break;
            };
            let cell: &mut Option<f64> = &mut out[usize::from(column)];
            if let Some(value) = sample.get(series) {
                *cell = Some(cell.map_or(value, |old| old.max(value)));
            }
        }
        out
    }
}

/// The column of a moment on the shared axis, where it is on it. Columns begin
/// at whole multiples of the step, so that a column's value stays its own.
pub fn column(at: i64, newest: i64, step: i64, columns: u16) -> Option<u16> {
    let back = newest.div_euclid(step) - at.div_euclid(step);
    let back = u16::try_from(back).ok()?;
    columns.checked_sub(back + 1)
}

fn sample(snapshot: &Snapshot) -> Sample {
    let readings = &snapshot.readings;
    let waiting = match &readings.locks {
        Reading::Measured { value, .. } => Some(f64::from(value.waiting_on_us)),
        Reading::Absent { .. } => None,
    };
    let backfill = snapshot.backfill.as_ref();
    Sample {
        at: snapshot.now.as_second(),
        values: [
            backfill.and_then(|b| b.rate),
            worst_lag(snapshot),
            readings.wal_rate.value().copied(),
            waiting,
        ],
    }
}

/// The worst lag in seconds, as guards take it: none where one standby's cannot
/// be told.
fn worst_lag(snapshot: &Snapshot) -> Option<f64> {
    let connection = snapshot.run.plan.body.connections.first()?;
    let replication = &snapshot.readings.replication;
    let lag = lag::worst_lag(replication, &connection.standby_names());
    lag.value().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(seconds: &[i64]) -> History {
        let mut history = History::default();
        for &at in seconds {
            let values = [Some(at as f64), None, None, None];
            history.samples.push_back(Sample { at, values });
        }
        history
    }

    #[test]
    fn the_newest_second_is_at_the_right_end() {
        let columns = ring(&[10, 11, 12]).columns(Series::Rate, 4, 1);
        assert_eq!(columns, [None, Some(10.0), Some(11.0), Some(12.0)]);
    }

    #[test]
    fn a_column_of_several_seconds_shows_the_largest_and_keeps_its_bounds() {
        let before = ring(&[8, 9, 10, 11]).columns(Series::Rate, 3, 5);
        let after = ring(&[8, 9, 10, 11, 12]).columns(Series::Rate, 3, 5);
        assert_eq!(before, [None, Some(9.0), Some(11.0)]);
        assert_eq!(after, [None, Some(9.0), Some(12.0)]);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let columns = ring(&[10, 13]).columns(Series::Rate, 4, 1);
        assert_eq!(columns, [Some(10.0), None, None, Some(13.0)]);
    }

    #[test]
    fn the_step_grows_only_when_the_columns_are_full() {
        assert_eq!(ring(&[0, 9]).step(10), 1);
        assert_eq!(ring(&[0, 10]).step(10), 2);
        assert_eq!(ring(&[0, 899]).step(0), SPAN);
    }
}
