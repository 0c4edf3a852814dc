//! Owns what the statistics say of a table's dead tuples; never removes one.

use tokio_postgres::Row;

/// [`Bloat`] of one table: `$1` schema or NULL, `$2` name. Takes no lock on it.
pub const SQL: &str = include_str!("sql/dead_tuples.sql");

/// Tuples of a table, its partitions included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bloat {
    /// Versions that are visible to somebody, about.
    pub live: f64,
    /// Versions that no vacuum has removed yet, about.
    pub dead: f64,
    /// `reltuples`, of the last VACUUM or ANALYZE.
    estimated: f64,
}

/// Why there is nothing to say of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such table.
    NoTable,
    /// `track_counts` is off.
    NotCounted,
    /// The table has rows, and the statistics know of none: they were lost in a
    /// crash or reset.
    NoStatistics,
}

impl Bloat {
    /// What the one row of [`SQL`] says.
    ///
    /// # Errors
    /// [`Unknown`]: never taken for no dead tuples.
    pub fn of(row: &Row) -> Result<Self, Unknown> {
        let bloat = Self {
            live: row.get("live"),
            dead: row.get("dead"),
            estimated: row.get("estimated"),
        };
        match row.get::<_, i64>("tables") {
            0 => Err(Unknown::NoTable),
            _ if !row.get::<_, bool>("counted") => Err(Unknown::NotCounted),
            _ if bloat.live + bloat.dead == 0.0 && bloat.estimated > 0.0 => {
                Err(Unknown::NoStatistics)
            }
            _ => Ok(bloat),
        }
    }

    /// Dead share of all tuples, 0 to 1. Where statistics began anew after a
    /// crash, the catalog's estimate stands for the tuples that they forgot.
    pub fn share(&self) -> f64 {
        let all = (self.live + self.dead).max(self.estimated);
        if all > 0.0 { self.dead / all } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_tuples_still_count_in_the_whole() {
        let of = |live, dead, estimated| {
            Bloat {
                live,
                dead,
                estimated,
            }
            .share()
        };
        assert_eq!(of(75.0, 25.0, 90.0), 0.25);
        assert_eq!(of(0.0, 25.0, 100.0), 0.25);
        assert_eq!(of(0.0, 0.0, 0.0), 0.0);
    }
}
