//! Owns what becomes of differences that are looked at again; never looks.

use std::collections::HashMap;

use crate::pg::keyset::Key;

/// Both sides of a row, hashed: the same as long as neither changes.
pub(super) type Image = String;

/// Differences of one chunk, by key.
pub(super) type Differences = HashMap<Key, Image>;

/// Rows that differed when they were first compared.
///
/// | the next look finds | the row is |
/// |---|---|
/// | no difference, or no row | settled: a write was in flight |
/// | a difference with the same image | confirmed |
/// | a difference with another image | looked at again; hot after the last look |
#[derive(Debug, Default)]
pub(super) struct Suspects {
    open: Differences,
    confirmed: Vec<Key>,
}

impl Suspects {
    /// What the first comparison found.
    pub(super) fn new(open: Differences) -> Self {
        Self {
            open,
            confirmed: Vec::new(),
        }
    }

    /// Whether nothing is left to look at.
    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes in another look. Differences of rows that were equal before are
    /// no matter: those have been verified.
    pub(super) fn look(&mut self, mut found: Differences) {
        for (key, image) in std::mem::take(&mut self.open) {
            match found.remove(&key) {
                None => {}
                Some(again) if again == image => self.confirmed.push(key),
                Some(changed) => drop(self.open.insert(key, changed)),
            }
        }
    }

    /// Keys of the confirmed differences, in no order, and how many rows are hot.
    pub(super) fn verdict(self) -> (Vec<Key>, u64) {
        (self.confirmed, self.open.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(rows: &[(&str, &str)]) -> Differences {
        let entry =
            |(key, image): &(&str, &str)| (Key(vec![(*key).to_owned()]), (*image).to_owned());
        rows.iter().map(entry).collect()
    }

    #[test]
    fn only_the_same_difference_twice_is_confirmed() {
        let mut suspects = Suspects::new(differences(&[
            ("same", "a"),
            ("healed", "a"),
            ("late", "a"),
            ("hot", "a"),
        ]));
        suspects.look(differences(&[
            ("same", "a"),
            ("late", "b"),
            ("hot", "b"),
            ("new", "a"),
        ]));
        assert!(!suspects.is_settled());
        suspects.look(differences(&[("late", "b"), ("hot", "c")]));
        let (confirmed, hot) = suspects.verdict();
        assert_eq!(
            confirmed,
            [Key(vec!["same".to_owned()]), Key(vec!["late".to_owned()])]
        );
        assert_eq!(hot, 1);
    }
}
