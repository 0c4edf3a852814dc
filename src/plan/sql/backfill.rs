//! Owns the statements of a backfill in place: the bound of a chunk, its
//! update, and the final sweep; never decides how large a chunk is.

use super::keyset::{Ends, Keyset, Reads, where_all};
use super::{fenced, image_ne, quote_ident};
use crate::plan::Table;
use crate::runbook::{Backfill, TableName};

/// The statements of one backfill.
#[derive(Debug, Clone)]
pub struct BackfillSql {
    keyset: Keyset,
    /// `c = (expression), ..`
    assignments: String,
    /// The fenced filter, out of reach of any index but the key's: by an index of
    /// its own the server would visit all rows that match it, for every chunk.
    filter: Option<String>,
    /// True for a row whose columns are not what the expressions give.
    differs: String,
}

impl BackfillSql {
    /// The statements for a resolved table, which holds the type of every
    /// column that `spec` sets.
    pub fn new(table: &Table, spec: &Backfill) -> Self {
        Self::of_part(table, &table.full_name(), spec)
    }

    /// The same for one partition alone.
    pub fn of_part(table: &Table, part: &TableName, spec: &Backfill) -> Self {
        let mut assignments = Vec::new();
        let (mut have, mut want) = (Vec::new(), Vec::new());
        for (column, expression) in &spec.set {
            let name = quote_ident(column);
            let expression = fenced(expression);
            assignments.push(format!("{name} = {expression}"));
            have.push(format!("{}.{name}", quote_ident(&table.name)));
            want.push(match table.set.iter().find(|set| &set.name == column) {
                Some(set) => format!("{expression}::{}", set.data_type),
                None => expression,
            });
        }
        Self {
            keyset: Keyset::of_part(table, part),
            assignments: assignments.join(",\n"),
            filter: spec
                .filter
                .as_deref()
                .map(|filter| format!("({} IS TRUE)", fenced(filter))),
            differs: image_ne(&have.join(", "), &want.join(", ")),
        }
    }

    /// How many parameters stand for one key.
    pub fn key_width(&self) -> usize {
        self.keyset.width()
    }

    /// [`Keyset::bound`]: rows visited, whether they match the filter or not.
    pub fn bound(&self, ends: Ends) -> String {
        self.keyset.bound(ends)
    }

    /// [`Keyset::middle`]: where a range is cut in two.
    pub fn middle(&self, ends: Ends) -> String {
        self.keyset.middle(ends)
    }

    /// Writes the range's rows that match the filter. Assigned from the target
    /// row itself: whatever was read before would revert a concurrent write.
    ///
    /// Parameters: the keys of `ends`.
    pub fn update(&self, ends: Ends) -> String {
        self.update_where(self.keyset.range(ends))
    }

    /// Writes one row. Parameters: its key.
    pub fn update_one(&self) -> String {
        self.update_where(Some(self.keyset.is_key()))
    }

    /// Reads a chunk of the final sweep: the rows that the copy should have
    /// written and that are not as the expressions would have them.
    ///
    /// A row has escaped when it matches the filter, where there is one, *and*
    /// its columns differ, byte by byte, from the expressions: so a filter that
    /// goes on matching (`deleted_at IS NULL`) is no false alarm, and neither
    /// is an expression that gives something else each time (`now()`), as long
    /// as a filter takes the rows that are done out (`seen_at IS NULL`).
    ///
    /// Parameters: the keys of `ends`, then the row limit (`bigint`). Rows `(k
    /// text.., visited bigint, counted bigint, flagged bool, image text)`: the
    /// escaped rows, flagged, and the chunk's last row, whose `visited` is the
    /// chunk's and whose `counted` is its number of escaped rows. Quarantined
    /// rows escape by their nature: the caller knows them and takes them off.
    pub fn sweep(&self, ends: Ends) -> String {
        let conditions = [self.filter.as_deref(), Some(&self.differs)];
        let conditions: Vec<_> = conditions.into_iter().flatten().collect();
        let escaped = format!("(({}) IS TRUE)", conditions.join(" AND "));
        let reads = Reads {
            flag: escaped.clone(),
            counted: escaped,
            image: "NULL::text".into(),
        };
        self.keyset.read(ends, &reads)
    }

    fn update_where(&self, rows: Option<String>) -> String {
        format!(
            "UPDATE {} SET\n{}{}",
            self.keyset.table(),
            self.assignments,
            where_all([rows, self.filter.clone()]),
        )
    }
}
