//! Owns the journal's hash chain in Rust, the same as SQL's `pgcutover.chain`;
//! never reads a journal.
//!
//! An event's hash covers the hash before it, so that whoever changes, removes
//! or inserts one has to rewrite everything after it, and a head that anybody
//! wrote down before (a sign-off, the local log, a report) tells.

use jiff::Timestamp;

use crate::digest::sha256_hex;
use crate::run::event::{RunId, Seq};

/// A place in a journal: everything up to and including one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// That event's number; 0 before the first.
    pub seq: Seq,
    /// The chain's hash there; empty before the first.
    pub hash: String,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub seq: Seq,
    /// When it was appended, to the microsecond.
    pub at: Timestamp,
    /// Its tag.
    pub kind: String,
    /// Its JSON, exactly as it was written.
    pub body: String,
    /// What the chain's hash is said to be.
    pub hash: String,
}

/// Where a journal does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Events are missing.
    #[error("the journal is broken: after event {after} comes {found}")]
    Missing {
        /// The last one that holds.
        after: Seq,
        /// The one that should not be next.
        found: Seq,
    },
    /// An event that was there is not any more.
    #[error("the journal is broken: event {seq} is not there any more")]
    Lost {
        /// That event.
        seq: Seq,
    },
    /// An event is not what was appended, or follows on one that was changed.
    #[error("the journal is broken: event {seq} is not what was appended")]
    Changed {
        /// That event.
        seq: Seq,
    },
}

/// The chain's hash after `row`.
pub fn chain(previous: &str, run: &RunId, row: &Row) -> String {
    let head = format!(
        "{previous}\n{run}\n{}\n{}\n{}\n",
        row.seq,
        row.at.as_microsecond(),
        row.kind
    );
    sha256_hex([head.as_bytes(), row.body.as_bytes()])
}

/// Follows the chain from `from` over the rows after it, in order; the new head.
///
/// # Errors
/// The first event that does not hold.
pub fn follow(from: &Head, run: &RunId, rows: &[Row]) -> Result<Head, Break> {
    let mut head = from.clone();
    for row in rows {
        if row.seq != head.seq.next() {
            return Err(Break::Missing {
                after: head.seq,
                found: row.seq,
            });
        }
        if chain(&head.hash, run, row) != row.hash {
            return Err(Break::Changed { seq: row.seq });
        }
        head = Head {
            seq: row.seq,
            hash: row.hash.clone(),
        };
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId("r".into())
    }

    fn journal(bodies: &[&str]) -> Vec<Row> {
        let mut previous = String::new();
        let numbered = bodies.iter().zip(1..);
        numbered
            .map(|(body, seq)| {
                let mut row = Row {
                    seq: Seq(seq),
                    at: Timestamp::from_microsecond(seq).unwrap(),
                    kind: "held".into(),
                    body: (*body).into(),
                    hash: String::new(),
                };
                row.hash = chain(&previous, &run(), &row);
                previous.clone_from(&row.hash);
                row
            })
            .collect()
    }

    #[test]
    fn an_honest_journal_holds_in_whole_and_in_parts() {
        let rows = journal(&["1", "2", "3"]);
        let whole = follow(&Head::default(), &run(), &rows).unwrap();
        let half = follow(&Head::default(), &run(), &rows[..2]).unwrap();
        assert_eq!(follow(&half, &run(), &rows[2..]).unwrap(), whole);
        assert_eq!(whole.hash, rows[2].hash);
    }

    #[test]
    fn the_first_changed_event_is_located() {
        let changes: [fn(&mut Row); 4] = [
            |row| row.body.push(' '),
            |row| row.kind.push('x'),
            |row| row.at = Timestamp::from_microsecond(9).unwrap(),
            |row| row.hash = "0".repeat(64),
        ];
        for change in changes {
            let mut rows = journal(&["1", "2", "3"]);
            change(&mut rows[1]);
            let found = follow(&Head::default(), &run(), &rows);
            assert_eq!(found, Err(Break::Changed { seq: Seq(2) }));
        }
    }

    #[test]
    fn a_removed_event_is_located() {
        let mut rows = journal(&["1", "2", "3"]);
        rows.remove(1);
        let missing = Break::Missing {
            after: Seq(1),
            found: Seq(3),
        };
        assert_eq!(follow(&Head::default(), &run(), &rows), Err(missing));
    }

    #[test]
    fn another_runs_event_does_not_fit() {
        let other = RunId("other".into());
        let found = follow(&Head::default(), &other, &journal(&["1"]));
        assert_eq!(found, Err(Break::Changed { seq: Seq(1) }));
    }
}
