//! Owns the search for the rows that make a chunk fail; never runs a chunk.
//!
//! Every part that passes is committed as a chunk of its own, so the search
//! only ever looks at the rows from the cursor on: `left` of them belong to
//! the chunk that failed, and the first `bad` of those hold a row that fails.

/// How many rows to try next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bisection {
    left: u64,
    bad: u64,
}

impl Bisection {
    /// A chunk of that many rows failed.
    pub(super) fn of(rows: u64) -> Self {
        Self {
            left: rows,
            bad: rows,
        }
    }

    /// Rows to try next: half of those known to hold a bad one, or all that
    /// are left where none is known.
    pub(super) fn rows(self) -> u64 {
        match self.bad {
            0 => self.left,
            bad => bad.div_ceil(2),
        }
    }

    /// The rows that were tried failed too. One that fails is found.
    pub(super) fn failed(&mut self, rows: u64) {
        self.bad = rows;
        self.left = self.left.max(rows);
    }

    /// The rows that were tried passed, or were passed over. Over when none is
    /// left.
    pub(super) fn passed(&mut self, rows: u64) -> Option<Self> {
        self.left = self.left.saturating_sub(rows);
        self.bad = self.bad.saturating_sub(rows);
        (self.left > 0).then_some(*self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    /// Runs a chunk of rows `0..len` that fails on `bad`; the rows found, and
    /// the number of attempts.
    fn search(len: u64, bad: &BTreeSet<u64>) -> (BTreeSet<u64>, u32) {
        let (mut cursor, mut found, mut attempts) = (0, BTreeSet::new(), 1);
        let mut search = Some(Bisection::of(len));
        while let Some(mut bisection) = search {
            let rows = bisection.rows();
            attempts += 1;
            let passes = bad.range(cursor..cursor + rows).next().is_none();
            if !passes && rows > 1 {
                bisection.failed(rows);
                search = Some(bisection);
                continue;
            }
            if !passes {
                found.insert(cursor);
            }
            cursor += rows;
            search = bisection.passed(rows);
        }
        assert_eq!(cursor, len, "stopped in the middle");
        (found, attempts)
    }

    proptest! {
        #[test]
        fn finds_exactly_the_bad_rows_in_logarithmic_time(
            len in 1_u64..3000, bad in prop::collection::btree_set(0_u64..3000, 1..20),
        ) {
            let bad: BTreeSet<u64> = bad.into_iter().filter(|row| *row < len).collect();
            prop_assume!(!bad.is_empty());
            let (found, attempts) = search(len, &bad);
            let depth = u64::BITS - len.leading_zeros();
            prop_assert!(attempts <= 2 + bad.len() as u32 * (2 * depth + 1), "{attempts}");
            prop_assert_eq!(found, bad);
        }
    }
}
