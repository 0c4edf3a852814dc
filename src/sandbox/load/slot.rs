//! Owns the sharing of the preloaded rows: each has one client; never looks at
//! the rows.

use super::dice::Dice;

/// Which preloaded rows are a client's: ids 1 to `rows` that leave the
/// remainder `number` when divided by `of`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) number: i64,
    pub(super) of: i64,
    pub(super) rows: i64,
}

impl Slot {
    /// One of them, or none where the table was too small for everybody.
    pub(super) fn pick(self, dice: &mut Dice) -> Option<i64> {
        let first = if self.number == 0 {
            self.of
        } else {
            self.number
        };
        let count = (self.rows - first).div_euclid(self.of) + 1;
        (count > 0).then(|| first + self.of * dice.below(count as u64) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preloaded_row_has_exactly_one_owner() {
        let mut dice = Dice::new(1, 0);
        let mut owners = std::collections::BTreeMap::new();
        for number in 0..3 {
            let slot = Slot {
                number,
                of: 3,
                rows: 10,
            };
            for _ in 0..200 {
                let id = slot.pick(&mut dice).unwrap();
                assert_eq!(*owners.entry(id).or_insert(number), number);
            }
        }
        let ids: Vec<i64> = owners.into_keys().collect();
        assert_eq!(ids, (1..=10).collect::<Vec<_>>());
        let nothing = Slot {
            number: 2,
            of: 3,
            rows: 1,
        };
        assert_eq!(nothing.pick(&mut dice), None);
    }
}
