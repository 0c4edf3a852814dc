//! Owns a histogram of durations with constant relative error; never the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets for each doubling: a quantile is at most a ninth too high.
const PER_DOUBLING: f64 = 8.0;

/// From a microsecond to over an hour.
const BUCKETS: usize = 256;

/// Counts durations from several tasks at once.
#[derive(Debug)]
pub(super) struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Histogram {
    pub(super) fn record(&self, duration: Duration) {
        let micros = duration.as_micros().max(1) as f64;
        let bucket = (micros.log2() * PER_DOUBLING).floor() as usize;
        self.0[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Latencies {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Latencies(counts.collect())
    }
}

/// How long operations took, up to one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// How many were measured.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The duration that the part `q` of them, 0 to 1, did not exceed, rounded
    /// up by a ninth at most; none without any. 1.0 gives the longest.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        let micros = ((bucket + 1) as f64 / PER_DOUBLING).exp2();
        Some(Duration::from_secs_f64(micros / 1e6))
    }

    /// Those that came after `earlier` was taken.
    pub fn since(&self, earlier: &Self) -> Self {
        let earlier = earlier.0.iter().chain(std::iter::repeat(&0));
        let later = self.0.iter().zip(earlier);
        Self(later.map(|(now, then)| now.saturating_sub(*then)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_a_ninth_too_high_at_most() {
        let histogram = Histogram::default();
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        let latencies = histogram.snapshot();
        for (q, millis) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = latencies.quantile(q).unwrap().as_secs_f64() * 1e3;
            assert!((millis..millis * 1.1).contains(&found), "{q}: {found}");
        }
    }

    #[test]
    fn an_earlier_snapshot_can_be_taken_away() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(9));
        let earlier = histogram.snapshot();
        histogram.record(Duration::from_millis(1));
        let recent = histogram.snapshot().since(&earlier);
        assert_eq!(recent.count(), 1);
        assert!(recent.quantile(1.0).unwrap() < Duration::from_millis(2));
        assert_eq!(Latencies::default().quantile(0.5), None);
    }
}
