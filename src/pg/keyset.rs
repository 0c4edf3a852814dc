//! Owns walking a table by its key, one stretch of rows after the other; never
//! knows what is done with them, and never builds SQL.

use std::collections::HashMap;
use std::fmt;

use futures_util::future::try_join_all;
use tokio_postgres::row::RowIndex;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

use crate::plan::sql::Ends;
use crate::text::clean_bounded;

/// Longest part of a key that is shown, in characters.
const SHOWN: usize = 100;

/// The values of a row's key columns, as text that the server casts back.
/// Hostile: cleaned where it is displayed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) Vec<String>);

impl Key {
    /// Takes the key from the first columns of a row.
    pub(super) fn of(row: &Row, width: usize) -> Self {
        Self((0..width).map(|column| row.get(column)).collect())
    }

    /// Its parts, clean and bounded, for people.
    pub(super) fn shown(&self) -> Vec<String> {
        let parts = self.0.iter();
        parts.map(|part| clean_bounded(part, SHOWN)).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown();
        match shown.as_slice() {
            [only] => f.write_str(only),
            parts => write!(f, "({})", parts.join(", ")),
        }
    }
}

/// Some rows visited by key: behind one key, up to and including another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Exclusive; absent at the low end of the table.
    pub(super) after: Option<Key>,
    /// Inclusive.
    pub(super) last: Key,
    /// How many rows that is. Rows that arrive meanwhile are not counted.
    pub(super) visited: u64,
    /// Fewer rows than asked for: no row was behind it, as the table was then.
    pub(super) is_end: bool,
}

/// One statement of [`crate::plan::sql`] in every form that a walk needs, by
/// which ends of its range are given.
pub(super) struct Ranged {
    forms: HashMap<Ends, Statement>,
}

/// What a [`Ranged`] statement covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// From the cursor on, as far as the range goes; the row limit is the last
    /// parameter.
    Limited,
    /// A stretch whose last key is given.
    Stretch,
}

impl Ranged {
    /// Prepares all forms for a key of that many columns, in one round trip.
    pub(super) async fn prepare(
        client: &Client,
        width: usize,
        reach: Reach,
        sql: impl Fn(Ends) -> String,
    ) -> Result<Self, Error> {
        let (forms, limit): (&[Ends], &[Type]) = match reach {
            Reach::Limited => (
                &[Ends::Open, Ends::After, Ends::UpTo, Ends::Between],
                &[Type::INT8],
            ),
            Reach::Stretch => (&[Ends::UpTo, Ends::Between], &[]),
        };
        let prepared = forms.iter().map(|ends| {
            let (sql, keys) = (sql(*ends), vec![Type::TEXT; ends.keys() * width]);
            async move {
                let statement = client.prepare_typed(&sql, &[&keys, limit].concat()).await;
                statement.map(|statement| (*ends, statement))
            }
        });
        let forms = try_join_all(prepared).await?;
        Ok(Self {
            forms: forms.into_iter().collect(),
        })
    }

    /// The form for those ends.
    pub(super) fn form(&self, low: Option<&Key>, high: Option<&Key>) -> &Statement {
        let ends = Ends::of(low.is_some(), high.is_some());
        self.forms
            .get(&ends)
            .expect("a stretch has a last key, and the other reach every form")
    }
}

/// Parameters of a statement: the keys in order, then the limit if there is one.
pub(super) fn parameters<'a>(
    keys: impl IntoIterator<Item = &'a Key>,
    limit: Option<&'a i64>,
) -> Vec<&'a (dyn ToSql + Sync)> {
    let parts = keys.into_iter().flat_map(|key| &key.0);
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        parts.map(|part| part as &(dyn ToSql + Sync)).collect();
    parameters.extend(limit.map(|limit| limit as &(dyn ToSql + Sync)));
    parameters
}

/// Finds where stretches end.
pub(super) struct Walk {
    bound: Ranged,
    width: usize,
}

impl Walk {
    /// Prepares the bound of a key of that many columns.
    pub(super) async fn prepare(
        client: &Client,
        width: usize,
        bound: impl Fn(Ends) -> String,
    ) -> Result<Self, Error> {
        Ok(Self {
            bound: Ranged::prepare(client, width, Reach::Limited, bound).await?,
            width,
        })
    }

    /// The next stretch behind the cursor and within the range, of at most that
    /// many rows. None when there is no row.
    pub(super) async fn next(
        &self,
        client: &Client,
        after: Option<&Key>,
        high: Option<&Key>,
        rows: u64,
    ) -> Result<Option<Stretch>, Error> {
        let limit = limit(rows);
        let parameters = parameters(after.into_iter().chain(high), Some(&limit));
        let found = client
            .query_opt(self.bound.form(after, high), &parameters)
            .await?;
        Ok(found.map(|row| {
            let visited = count(&row, self.width);
            Stretch {
                after: after.cloned(),
                last: Key::of(&row, self.width),
                visited,
                is_end: visited < rows,
            }
        }))
    }
}

/// A row limit as the server takes it.
pub(super) fn limit(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A count in that column; counts are never negative.
pub(super) fn count(row: &Row, column: impl RowIndex + fmt::Display) -> u64 {
    row.get::<_, i64>(column).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_clean() {
        let key = Key(vec!["7".to_owned(), "a\u{1b}[2Jb".to_owned()]);
        assert_eq!(key.to_string(), "(7, a\u{FFFD}[2Jb)");
        assert_eq!(Key(vec!["7".to_owned()]).to_string(), "7");
    }
}
