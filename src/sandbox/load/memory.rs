//! Owns what one client knows about its rows; never asks the database.

use std::collections::HashMap;

use super::dice::Dice;

/// The part of a row that clients write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The address, in whichever column.
    pub(super) address: String,
    /// How often the user came by.
    pub(super) visits: i32,
}

/// What a row must look like; an absent row was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Belief {
    /// As the client last saw or wrote it.
    Settled(Option<Row>),
    /// The connection went before the reply to a write did: either one is
    /// right, until a read tells.
    Unsettled(Option<Row>, Option<Row>),
}

impl Belief {
    /// Whether the row may look like that.
    pub(super) fn allows(&self, accepts: impl Fn(Option<&Row>) -> bool) -> bool {
        match self {
            Self::Settled(row) => accepts(row.as_ref()),
            Self::Unsettled(before, after) => accepts(before.as_ref()) || accepts(after.as_ref()),
        }
    }
}

/// One client's rows, of those that it has touched.
#[derive(Debug, Default)]
pub(super) struct Memory {
    beliefs: HashMap<i64, Belief>,
    /// The same ids in the order of their first touch, to pick one.
    touched: Vec<i64>,
    /// Rows that the client inserted and has not deleted.
    inserted: Vec<i64>,
}

impl Memory {
    pub(super) fn beliefs(&self) -> impl Iterator<Item = (i64, &Belief)> {
        self.beliefs.iter().map(|(id, belief)| (*id, belief))
    }

    /// The row, where it is there and certain: what a write may build on.
    pub(super) fn certain(&self, id: i64) -> Option<&Row> {
        match self.beliefs.get(&id) {
            Some(Belief::Settled(row)) => row.as_ref(),
            _ => None,
        }
    }

    /// Any row touched before; none at first.
    pub(super) fn pick_touched(&self, dice: &mut Dice) -> Option<i64> {
        pick(&self.touched, dice).map(|index| self.touched[index])
    }

    /// Takes one of the client's own rows out of those that it may delete.
    pub(super) fn take_inserted(&mut self, dice: &mut Dice) -> Option<i64> {
        pick(&self.inserted, dice).map(|index| self.inserted.swap_remove(index))
    }

    /// A row that the client has made.
    pub(super) fn insert(&mut self, id: i64, row: Row) {
        self.inserted.push(id);
        self.settle(id, Some(row));
    }

    /// The outcome of a write, or of a read, is known.
    pub(super) fn settle(&mut self, id: i64, row: Option<Row>) {
        self.set(id, Belief::Settled(row));
    }

    /// The outcome of a write is not known; until then the row was certain.
    pub(super) fn unsettle(&mut self, id: i64, after: Option<Row>) {
        let before = self.certain(id).cloned();
        self.set(id, Belief::Unsettled(before, after));
    }

    /// Compares what was read with what was expected, and believes it from now
    /// on: a write that was reverted counts once. The first sight of a
    /// preloaded row is believed.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub(super) fn verify(&mut self, id: i64, seen: Option<Row>) -> Result<(), String> {
        let expected = self.beliefs.get(&id);
        let right = expected.is_none_or(|belief| belief.allows(|row| row == seen.as_ref()));
        let words = format!("id {id}: expected {expected:?}, read {seen:?}");
        self.settle(id, seen);
        if right { Ok(()) } else { Err(words) }
    }

    fn set(&mut self, id: i64, belief: Belief) {
        if self.beliefs.insert(id, belief).is_none() {
            self.touched.push(id);
        }
    }
}

fn pick(ids: &[i64], dice: &mut Dice) -> Option<usize> {
    (!ids.is_empty()).then(|| dice.below(ids.len() as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(address: &str) -> Row {
        Row {
            address: address.to_owned(),
            visits: 0,
        }
    }

    #[test]
    fn a_reverted_write_is_noticed_once() {
        let mut memory = Memory::default();
        memory.settle(1, Some(row("new")));
        assert!(memory.verify(1, Some(row("old"))).is_err());
        assert!(memory.verify(1, Some(row("old"))).is_ok());
        assert!(memory.verify(1, None).is_err(), "a row that went");
        assert!(memory.verify(1, Some(row("old"))).is_err(), "and is back");
    }

    #[test]
    fn an_unknown_outcome_may_be_either_until_it_is_read() {
        for seen in ["old", "new"] {
            let mut memory = Memory::default();
            memory.settle(1, Some(row("old")));
            memory.unsettle(1, Some(row("new")));
            assert_eq!(memory.certain(1), None);
            assert!(memory.verify(1, Some(row(seen))).is_ok());
            assert!(memory.verify(1, Some(row("else"))).is_err());
        }
        let mut memory = Memory::default();
        memory.settle(1, Some(row("old")));
        memory.unsettle(1, Some(row("new")));
        assert!(memory.verify(1, Some(row("else"))).is_err());
    }
}
