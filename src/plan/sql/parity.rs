//! Owns the statements of a same-row comparison; never decides what a
//! difference means.

use super::keyset::{Ends, Keyset, Reads};
use super::{fenced, image_ne};
use crate::plan::Table;
use crate::runbook::Parity;

/// The statements of one same-row comparison.
#[derive(Debug, Clone)]
pub struct ParitySql {
    keyset: Keyset,
    reads: Reads,
}

impl ParitySql {
    /// The statements for a resolved table.
    pub fn new(table: &Table, spec: &Parity) -> Self {
        let (left, right) = (fenced(&spec.left), fenced(&spec.right));
        // The comparison wants the same type on both sides. CASE gives that by
        // the server's own rules, with an error where there is no common type,
        // and is folded away. The branches stand in one order: the last one
        // weighs more.
        let side = |is_left| format!("CASE WHEN {is_left} THEN {left} ELSE {right} END");
        let differs = image_ne(&side(true), &side(false));
        let compared = match &spec.filter {
            Some(filter) => format!("({} IS TRUE)", fenced(filter)),
            None => "true".into(),
        };
        Self {
            keyset: Keyset::new(table),
            reads: Reads {
                wants: None,
                flag: format!("({compared} AND {differs})"),
                counted: compared,
                // Not md5, which a FIPS server refuses.
                image: format!("hashtextextended(ROW({left}, {right})::text, 0)::text"),
            },
        }
    }

    /// How many parameters stand for one key.
    pub fn key_width(&self) -> usize {
        self.keyset.width()
    }

    /// Compares a chunk in one statement: the rows that differ, and the
    /// chunk's last row.
    ///
    /// Parameters: the keys of `ends`, then the row limit (`bigint`). Rows `(k
    /// text.., visited bigint, compared bigint, differs bool, image text)` in
    /// key order: the rows that differ, each with the image of both sides (a
    /// hash, never the values), and the chunk's last row, whose `visited` and
    /// `compared` are the chunk's. No rows where the range is empty.
    pub fn compare(&self, ends: Ends) -> String {
        self.keyset.read(ends, &self.reads)
    }
}
