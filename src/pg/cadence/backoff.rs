//! Owns how long to wait before a chunk that met a conflict is tried again, and
//! when that is enough; never tells what a conflict is.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Tries of one chunk after the first: with the lock timeout of 500 ms more
/// than a minute of somebody else's lock.
const TRIES: u32 = 20;
/// The first wait, before jitter; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Counts the conflicts of one chunk in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The chunk went through: the next one has all tries.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait before the next try: half of the full wait and a
    /// random share of the other half, so that two of a kind do not meet
    /// again. `None` when it was the last one.
    pub fn wait(&mut self) -> Option<Duration> {
        if self.failures == TRIES {
            return None;
        }
        let full = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures += 1;
        // Seeded anew each time: enough of a coin, and no dependency.
        let coin = RandomState::new().hash_one(self.failures) % 1000;
        Some(full / 2 + full.mul_f64(coin as f64 / 2000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = std::iter::from_fn(|| backoff.wait()).collect();
        assert_eq!(waits.len(), TRIES as usize);
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST);
        assert!(
            waits[10..]
                .iter()
                .all(|wait| (LONGEST / 2..=LONGEST).contains(wait))
        );
        assert_eq!(backoff.wait(), None);
        backoff.reset();
        assert!(backoff.wait().is_some());
    }
}
