//! Owns how the oldest snapshot that holds vacuum back is found; never ends it.

use tokio_postgres::Row;

use crate::reading::server::Horizon;
use crate::text::clean_bounded;

/// [`of`] one database. Takes no lock.
pub const SQL: &str = include_str!("sql/horizon.sql");

/// Longest name of whoever holds vacuum back, in characters.
const MAX_HOLDER: usize = 80;

/// What the one row of [`SQL`] says; `None` where this role may not see every
/// session's snapshot: a part of them would look like nothing.
pub fn of(row: &Row) -> Option<Horizon> {
    if row.get::<_, i64>("hidden") > 0 {
        return None;
    }
    let Some(age) = row.get::<_, Option<i64>>("age") else {
        return Some(Horizon::default());
    };
    let (kind, name): (&str, &str) = (row.get("kind"), row.get("name"));
    Some(Horizon {
        age: age.max(0).unsigned_abs(),
        holder: clean_bounded(&format!("{kind} {name}"), MAX_HOLDER),
    })
}
