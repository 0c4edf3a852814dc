//! Owns how many rows the next chunk visits; never runs one.
//!
//! The size is steered so that the 90th percentile of recent durations meets
//! the target: one slow chunk in ten is weather, two are the climate. It grows
//! by half at most, because a chunk's cost is only known once its locks are
//! held; it shrinks at once.

use std::collections::VecDeque;
use std::time::Duration;

use crate::runbook::Chunking;

/// Chunks that are looked back at.
const RECENT: usize = 10;
/// Most that the size grows from one chunk to the next.
const GROWTH: f64 = 1.5;
/// A chunk that took this many targets is an alarm, not a sample.
pub(in crate::pg) const OVERRUN: u32 = 5;

/// The size of the next chunk, from the durations of the last ones.
#[derive(Debug, Clone)]
pub struct Sizer {
    limits: Chunking,
    rows: u32,
    /// Seconds a row, newest last: sizes differ while they are steered, so
    /// durations by themselves do not compare.
    recent: VecDeque<f64>,
}

impl Sizer {
    /// Starts from that many rows, brought within the limits.
    pub fn new(limits: Chunking, rows: u32) -> Self {
        let mut sizer = Self {
            limits,
            rows,
            recent: VecDeque::with_capacity(RECENT),
        };
        sizer.set(rows.into());
        sizer
    }

    /// Rows that the next chunk visits.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Starts anew from that many rows, unless something has been learnt.
    pub fn resize(&mut self, rows: u32) {
        if self.recent.is_empty() {
            self.set(rows.into());
        }
    }

    /// Learns from a chunk that visited that many rows in that time.
    pub fn learn(&mut self, visited: u64, took: Duration) {
        if visited == 0 {
            return;
        }
        if took > self.limits.target * OVERRUN {
            self.recent.clear();
            return self.set(f64::from(self.rows) / 10.0);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        let seconds_a_row = took.as_secs_f64() / visited as f64;
        self.recent.push_back(seconds_a_row.max(f64::MIN_POSITIVE));
        let wanted = self.limits.target.as_secs_f64() / self.p90();
        self.set(wanted.min((f64::from(self.rows) * GROWTH).ceil()));
    }

    /// A chunk ran into somebody's lock or its timeout: half the size. What
    /// was learnt before no longer holds.
    pub fn halve(&mut self) {
        self.recent.clear();
        self.set(f64::from(self.rows) / 2.0);
    }

    /// By nearest rank; of fewer than ten samples that is the slowest.
    fn p90(&self) -> f64 {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * 9).div_ceil(10);
        sorted[rank - 1]
    }

    fn set(&mut self, rows: f64) {
        // A runbook has min <= max; here neither order may panic.
        let min = self.limits.min.max(1);
        let max = self.limits.max.max(min);
        self.rows = (rows as u32).clamp(min, max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Chunking = Chunking {
        target: Duration::from_millis(200),
        min: 100,
        max: 50_000,
    };

    /// Chunks until the size is within a tenth of `ideal`, at that cost a row.
    fn chunks_until(sizer: &mut Sizer, ideal: u32, a_row: Duration) -> usize {
        (0..100)
            .find(|_| {
                let rows = sizer.rows();
                sizer.learn(rows.into(), a_row * rows);
                sizer.rows().abs_diff(ideal) <= ideal / 10
            })
            .expect("reached within 100 chunks")
    }

    #[test]
    fn a_modest_start_reaches_the_target_within_ten_chunks() {
        let mut sizer = Sizer::new(LIMITS, 1000);
        let chunks = chunks_until(&mut sizer, 40_000, Duration::from_micros(5));
        assert!(chunks < 10, "{chunks}");
    }

    #[test]
    fn a_table_that_turns_slow_is_followed_at_once() {
        let mut sizer = Sizer::new(LIMITS, 40_000);
        for _ in 0..20 {
            sizer.learn(40_000, Duration::from_millis(200));
        }
        sizer.learn(40_000, Duration::from_millis(800));
        assert_eq!(sizer.rows(), 40_000, "one slow chunk in ten is weather");
        sizer.learn(40_000, Duration::from_millis(800));
        assert_eq!(sizer.rows(), 10_000);
    }

    #[test]
    fn an_overrun_cuts_to_a_tenth_and_a_conflict_to_a_half() {
        let mut sizer = Sizer::new(LIMITS, 40_000);
        sizer.learn(40_000, Duration::from_millis(1001));
        assert_eq!(sizer.rows(), 4000);
        sizer.halve();
        assert_eq!(sizer.rows(), 2000);
    }

    #[test]
    fn an_empty_chunk_teaches_nothing() {
        let mut sizer = Sizer::new(LIMITS, 1000);
        sizer.learn(0, Duration::from_secs(9));
        assert_eq!(sizer.rows(), 1000);
    }

    proptest! {
        #[test]
        fn the_size_stays_within_limits_and_growth(
            min in 0_u32..2000, max in 0_u32..60_000, start in 0_u32..100_000,
            chunks in prop::collection::vec((0_u64..60_000, 0_u64..3000, any::<bool>()), 0..60),
        ) {
            let target = Duration::from_millis(200);
            let mut sizer = Sizer::new(Chunking { target, min, max }, start);
            for (visited, ms, conflict) in chunks {
                let before = sizer.rows();
                match conflict {
                    true => sizer.halve(),
                    false => sizer.learn(visited, Duration::from_millis(ms)),
                }
                prop_assert!(sizer.rows() >= min.max(1));
                prop_assert!(sizer.rows() <= max.max(min).max(1));
                prop_assert!(f64::from(sizer.rows()) <= f64::from(before) * 1.5 + 1.0);
            }
        }

        #[test]
        fn a_steady_cost_settles_at_the_target(micros in 4_u64..2000, start in 100_u32..50_000) {
            let a_row = Duration::from_micros(micros);
            let ideal = (200_000 / micros) as u32;
            let mut sizer = Sizer::new(LIMITS, start);
            chunks_until(&mut sizer, ideal.clamp(100, 50_000), a_row);
        }
    }
}
