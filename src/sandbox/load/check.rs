//! Owns the comparison of all that clients remember with the database, at the
//! end; never changes what they remember.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::super::client::{connect, words};
use super::super::error::Error;
use super::memory::{Belief, Memory};
use super::statement::body;

const RECALL: &str = include_str!("sql/recall.sql");

/// Rows asked for at once.
const BATCH: usize = 5_000;

/// How many examples of differences are kept.
const EXAMPLES: usize = 8;

/// What the clients remember, against the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// Rows compared.
    pub rows: u64,
    /// Rows that should be there and are not.
    pub lost: u64,
    /// Rows that were deleted and are there.
    pub resurrected: u64,
    /// Rows whose `visits` differ: a write that did not touch the address.
    pub visits_differ: u64,
    /// The column `email`.
    pub email: Column,
    /// The column `email_address`.
    pub email_address: Column,
    /// The first differences, for a person.
    pub examples: Vec<String>,
}

/// One column, against what the clients remember.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Column {
    /// Rows seen with this column; 0 when it does not exist.
    pub rows: u64,
    /// Rows where it holds something else.
    pub differ: u64,
    /// Of those, rows where it is NULL: not backfilled.
    pub empty: u64,
}

impl Check {
    /// Whether every row is there, or gone, and right in each column that exists.
    pub fn is_clean(&self) -> bool {
        let differences = [
            self.lost,
            self.resurrected,
            self.visits_differ,
            self.email.differ,
            self.email_address.differ,
        ];
        differences.iter().all(|count| *count == 0)
    }

    /// Whether nothing that a client wrote is lost: it is in the old column as long
    /// as there is one, else in the new one. What a cutover that was left on its
    /// way has not copied, or has taken its triggers from, is not lost.
    pub fn nothing_lost(&self) -> bool {
        let truth = match self.email.rows {
            0 => self.email_address.differ,
            _ => self.email.differ,
        };
        let differences = [self.lost, self.resurrected, self.visits_differ, truth];
        differences.iter().all(|count| *count == 0)
    }

    fn example(&mut self, id: i64, what: &str, belief: &Belief) {
        if self.examples.len() < EXAMPLES {
            self.examples
                .push(format!("id {id}: {what}, expected {belief:?}"));
        }
    }
}

/// A row as it is; a column is absent, or holds what it holds.
struct Found {
    visits: i32,
    email: Option<Option<String>>,
    email_address: Option<Option<String>>,
}

/// Compares all `memories` with the database.
pub(super) async fn compare(dsn: &str, memories: &[&Memory]) -> Result<Check, Error> {
    let failed = |error: tokio_postgres::Error| Error::Sql {
        statement: body(RECALL).to_owned(),
        why: words(&error),
    };
    let client = connect(dsn, "pgcutover demo").await.map_err(failed)?;
    let mut check = Check::default();
    let beliefs: Vec<(i64, &Belief)> = memories
        .iter()
        .flat_map(|memory| memory.beliefs())
        .collect();
    for batch in beliefs.chunks(BATCH) {
        let ids = batch.iter().map(|(id, _)| *id).collect();
        let found = recall(&client, ids).await.map_err(failed)?;
        for (id, belief) in batch {
            weigh(&mut check, *id, belief, found.get(id));
        }
    }
    Ok(check)
}

async fn recall(
    client: &Client,
    ids: Vec<i64>,
) -> Result<HashMap<i64, Found>, tokio_postgres::Error> {
    let rows = client.query(body(RECALL), &[&ids]).await?;
    let found = rows.iter().map(|row| {
        let column = |has: &str, value: &str| row.get::<_, bool>(has).then(|| row.get(value));
        let found = Found {
            visits: row.get("visits"),
            email: column("has_email", "email"),
            email_address: column("has_email_address", "email_address"),
        };
        (row.get("id"), found)
    });
    Ok(found.collect())
}

fn weigh(check: &mut Check, id: i64, belief: &Belief, found: Option<&Found>) {
    check.rows += 1;
    let Some(found) = found else {
        if !belief.allows(|row| row.is_none()) {
            check.lost += 1;
            check.example(id, "is gone", belief);
        }
        return;
    };
    if !belief.allows(|row| row.is_some()) {
        check.resurrected += 1;
        check.example(id, "is there", belief);
        return;
    }
    if !belief.allows(|row| row.is_some_and(|row| row.visits == found.visits)) {
        check.visits_differ += 1;
        check.example(id, &format!("visits is {}", found.visits), belief);
    }
    for (name, value) in [
        ("email", &found.email),
        ("email_address", &found.email_address),
    ] {
        let Some(value) = value else { continue };
        let right =
            belief.allows(|row| row.is_some_and(|row| Some(&row.address) == value.as_ref()));
        let column = match name {
            "email" => &mut check.email,
            _ => &mut check.email_address,
        };
        column.rows += 1;
        column.empty += u64::from(value.is_none());
        column.differ += u64::from(!right);
        if !right {
            check.example(id, &format!("`{name}` is {value:?}"), belief);
        }
    }
}
