//! Owns what a comparison has found so far; never looks at rows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::pg::keyset::Key;
use crate::run::progress::ParityProgress;

/// Keys of confirmed differences that are kept.
const SAMPLES: usize = 10;
/// How far the rate looks back.
const LATELY: Duration = Duration::from_secs(5);

/// Counts of a comparison.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) visited: u64,
    pub(super) compared: u64,
    pub(super) suspects: u64,
    pub(super) confirmed: u64,
    pub(super) hot: u64,
    /// Clean.
    pub(super) samples: Vec<String>,
    recent: VecDeque<(Instant, u64)>,
}

impl Tally {
    /// Adds a chunk's rows.
    pub(super) fn add_rows(&mut self, visited: u64, compared: u64, now: Instant) {
        self.visited += visited;
        self.compared += compared;
        self.recent.push_back((now, self.visited));
        while self.recent.len() > 2 && now - self.recent[1].0 > LATELY {
            self.recent.pop_front();
        }
    }

    /// Adds what became of a chunk's suspects.
    pub(super) fn add_verdict(&mut self, confirmed: &[Key], hot: u64) {
        self.confirmed += confirmed.len() as u64;
        self.hot += hot;
        let room = SAMPLES.saturating_sub(self.samples.len());
        self.samples
            .extend(confirmed.iter().take(room).map(Key::to_string));
    }

    /// Share of the compared rows whose verdict is firm, equal or not. Where
    /// none was compared nothing is verified: 0.
    pub(super) fn coverage(&self) -> f64 {
        match self.compared {
            0 => 0.0,
            compared => (compared - self.hot.min(compared)) as f64 / compared as f64,
        }
    }

    /// For the screen.
    pub(super) fn progress(&self, rows_estimate: u64) -> ParityProgress {
        ParityProgress {
            rows_done: self.visited,
            rows_total: rows_estimate.max(self.visited),
            suspects: self.suspects,
            confirmed: self.confirmed,
            hot: self.hot,
            rows_per_second: self.rows_per_second(),
        }
    }

    fn rows_per_second(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.recent.front(), self.recent.back())
        else {
            return 0.0;
        };
        let seconds = (*to - *from).as_secs_f64();
        match seconds > 0.0 {
            true => (after - before) as f64 / seconds,
            false => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_compared_is_nothing_verified() {
        assert_eq!(Tally::default().coverage(), 0.0);
    }

    #[test]
    fn a_hot_row_is_not_covered_and_a_confirmed_one_is() {
        let mut tally = Tally::default();
        tally.add_rows(120, 100, Instant::now());
        tally.add_verdict(&[Key(vec!["1".to_owned()])], 1);
        assert_eq!(tally.coverage(), 0.99);
        assert_eq!(tally.samples, ["1"]);
    }

    #[test]
    fn the_rate_is_of_the_last_seconds() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        for second in 0..20 {
            let rows = if second < 10 { 5 } else { 1000 };
            tally.add_rows(rows, rows, start + Duration::from_secs(second));
        }
        assert_eq!(tally.rows_per_second(), 1000.0);
    }
}
