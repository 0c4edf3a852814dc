//! Owns the statements of a backfill: the bound of a chunk, what it writes, and
//! the final sweep; never decides how large a chunk is.

use super::into;
use super::keyset::{Ends, Keyset, Reads, where_all};
use super::{fenced, image_ne, quote_ident};
use crate::plan::Table;
use crate::runbook::{Backfill, CHUNK_CALL, TableName, Walk, Writes};

/// The statements of one backfill.
#[derive(Debug, Clone)]
pub struct BackfillSql {
    keyset: Keyset,
    /// In the order in which a chunk runs them.
    writes: Vec<Write>,
    proof: Reads,
}

/// A statement that lacks the condition on its rows.
#[derive(Debug, Clone)]
pub(super) enum Write {
    /// The condition goes between, with those that are there.
    Ours {
        head: String,
        /// Fenced filters, out of reach of any index but the key's: by an index
        /// of its own the server would visit all rows that match one, for every
        /// chunk.
        filters: Vec<String>,
        tail: &'static str,
        end: String,
    },
    /// It goes wherever [`CHUNK_CALL`] stands.
    Author(String),
}

/// Which rows a statement writes.
#[derive(Debug, Clone, Copy)]
enum Rows {
    Range(Ends),
    One,
}

impl BackfillSql {
    /// The statements for a resolved table, which holds the type of every
    /// column that `spec` sets.
    pub fn new(table: &Table, spec: &Backfill) -> Self {
        Self::of_part(table, &table.full_name(), spec)
    }

    /// The same for one partition alone.
    pub fn of_part(table: &Table, part: &TableName, spec: &Backfill) -> Self {
        let mut keyset = Keyset::of_part(table, part);
        if let (Walk::Rows, Some(filter)) = (spec.walk, &spec.filter) {
            keyset = keyset.only(fenced(filter));
        }
        let filter = spec.filter.as_deref().map(is_true);
        let (writes, proof) = match &spec.writes {
            Writes::Set(set) => in_place(&keyset, table, set, filter),
            Writes::Into(targets) => (
                into::inserts(&keyset, table, targets, filter.as_deref()),
                into::proof(&keyset, table, targets, filter.as_deref()),
            ),
            Writes::Custom(custom) => {
                let author = custom.statements.iter().cloned().map(Write::Author);
                let conditions = [filter, Some(is_true(&custom.escaped))];
                (author.collect(), escaped(conditions))
            }
        };
        Self {
            keyset,
            writes,
            proof,
        }
    }

    /// How many parameters stand for one key.
    pub fn key_width(&self) -> usize {
        self.keyset.width()
    }

    /// [`Keyset::bound`]: rows visited, whether they match the filter or not,
    /// unless only those are walked.
    pub fn bound(&self, ends: Ends) -> String {
        self.keyset.bound(ends)
    }

    /// [`Self::bound`] of the whole table with its limit in place, to be
    /// explained: which index serves the walk.
    pub fn bound_of(&self, rows: u32) -> String {
        let limit = self.keyset.limit(Ends::Open);
        self.bound(Ends::Open).replace(&limit, &rows.to_string())
    }

    /// [`Keyset::middle`]: where a range is cut in two.
    pub fn middle(&self, ends: Ends) -> String {
        self.keyset.middle(ends)
    }

    /// Writes the range's rows that match the filter, by one statement or, where
    /// there are several targets, several. Assigned from the row itself, which
    /// is locked: whatever was read before would revert a concurrent write.
    ///
    /// Parameters: the keys of `ends`.
    pub fn writes(&self, ends: Ends) -> Vec<String> {
        let writes = self.writes.iter();
        writes
            .map(|write| self.render(write, Rows::Range(ends)))
            .collect()
    }

    /// Writes one row. Parameters: its key.
    pub fn write_one(&self) -> Vec<String> {
        let writes = self.writes.iter();
        writes.map(|write| self.render(write, Rows::One)).collect()
    }

    /// Reads a chunk of the final sweep: the rows for which something should
    /// have been written that was not.
    ///
    /// In place, a row has escaped when it matches the filter, where there is
    /// one, *and* its columns differ, byte by byte, from the expressions: so a
    /// filter that goes on matching (`deleted_at IS NULL`) is no false alarm,
    /// and neither is an expression that gives something else each time
    /// (`now()`), as long as a filter takes the rows that are done out
    /// (`seen_at IS NULL`). Of a copy, see [`into::proof`].
    ///
    /// Parameters: the keys of `ends`, then the row limit (`bigint`). Rows `(k
    /// text.., visited bigint, counted bigint, flagged bool, image text)`: the
    /// escaped rows, flagged, and the chunk's last row, whose `visited` is the
    /// chunk's and whose `counted` is its number of escaped rows. Quarantined
    /// rows escape by their nature: the caller knows them and takes them off.
    pub fn sweep(&self, ends: Ends) -> String {
        self.keyset.read(ends, &self.proof)
    }

    fn render(&self, write: &Write, rows: Rows) -> String {
        let condition = |alias: Option<&str>| match rows {
            Rows::Range(ends) => self.keyset.range_of(ends, alias),
            Rows::One => Some(self.keyset.is_key_of(alias)),
        };
        match write {
            Write::Ours {
                head,
                filters,
                tail,
                end,
            } => {
                let filters = filters.iter().cloned().map(Some);
                let conditions = std::iter::once(condition(None)).chain(filters);
                format!("{head}{}{tail}{end}", where_all(conditions))
            }
            Write::Author(sql) => {
                let mut parts = sql.split(CHUNK_CALL);
                let first = parts.next().unwrap_or_default().to_owned();
                parts.fold(first, |text, part| {
                    let (alias, rest) = part.split_once(')').unwrap_or(("", part));
                    let alias = Some(alias).filter(|alias| !alias.is_empty());
                    let condition = condition(alias).unwrap_or_else(|| "true".into());
                    format!("{text}({condition}){rest}")
                })
            }
        }
    }
}

/// A condition of the runbook that is not met when it is NULL.
pub(super) fn is_true(filter: &str) -> String {
    format!("({} IS TRUE)", fenced(filter))
}

/// The rows for which all of the conditions hold.
fn escaped(conditions: [Option<String>; 2]) -> Reads {
    let conditions: Vec<_> = conditions.into_iter().flatten().collect();
    let escaped = format!("(({}) IS TRUE)", conditions.join(" AND "));
    Reads {
        wants: None,
        flag: escaped.clone(),
        counted: escaped,
        image: "NULL::text".into(),
    }
}

fn in_place(
    keyset: &Keyset,
    table: &Table,
    set: &[(String, String)],
    filter: Option<String>,
) -> (Vec<Write>, Reads) {
    let mut assignments = Vec::new();
    let (mut have, mut want) = (Vec::new(), Vec::new());
    for (column, expression) in set {
        let name = quote_ident(column);
        let expression = fenced(expression);
        assignments.push(format!("{name} = {expression}"));
        have.push(format!("{}.{name}", quote_ident(&table.name)));
        want.push(match table.set.iter().find(|set| &set.name == column) {
            Some(set) => format!("{expression}::{}", set.data_type),
            None => expression,
        });
    }
    let differs = image_ne(&have.join(", "), &want.join(", "));
    let update = Write::Ours {
        head: format!("UPDATE {} SET\n{}", keyset.table(), assignments.join(",\n")),
        filters: filter.iter().cloned().collect(),
        tail: "",
        end: String::new(),
    };
    (vec![update], escaped([filter, Some(differs)]))
}
