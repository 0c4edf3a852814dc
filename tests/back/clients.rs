//! Owns clients of an example's own tables: what one writes it remembers, and
//! compares whenever it reads; never the schema.
//!
//! A row is written by one client at most, or the comparison would not be exact.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::servers;

/// Between two statements of one client.
const THINK: Duration = Duration::from_millis(5);

/// What one version of an application says to the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// `$1` the value; returns the row's id.
    pub(crate) insert: &'static str,
    /// `$1` the id, `$2` the value.
    pub(crate) update: &'static str,
    /// `$1` the id.
    pub(crate) delete: &'static str,
    /// `$1` the id; returns the value.
    pub(crate) read: &'static str,
}

/// Clients at work.
pub(crate) struct Clients {
    open: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Memory>>,
}

/// What a client last wrote, by id.
type Memory = BTreeMap<i64, String>;

impl Clients {
    /// One client for each share of these rows, which are nobody else's.
    pub(crate) async fn start(
        dsn: &str,
        dialect: Dialect,
        rows: RangeInclusive<i64>,
        shares: &[i64],
    ) -> Self {
        let open = Arc::new(AtomicBool::new(true));
        let mut tasks = Vec::new();
        for share in shares {
            let client = servers::connect(dsn).await;
            let own = rows.clone().filter(|id| id % 8 == *share).collect();
            let open = Arc::clone(&open);
            tasks.push(tokio::spawn(work(client, dialect, own, open)));
        }
        Self { open, tasks }
    }

    /// They go home; every row is read once more. How many were remembered.
    pub(crate) async fn close(self) -> usize {
        self.open.store(false, Ordering::Relaxed);
        let mut remembered = 0;
        for task in self.tasks {
            remembered += task.await.expect("no client met an error").len();
        }
        remembered
    }
}

/// Writes its rows in turn, takes some away and adds others, and reads what it
/// wrote before. An error, or a value that it did not write, ends the test.
async fn work(
    client: Client,
    dialect: Dialect,
    mut own: Vec<i64>,
    open: Arc<AtomicBool>,
) -> Memory {
    let mut memory = Memory::new();
    let mut turn = 0_usize;
    while open.load(Ordering::Relaxed) {
        let id = own[turn.wrapping_mul(31) % own.len()];
        let value = format!("{turn}");
        match turn % 7 {
            0 => {
                let id = insert(&client, dialect.insert, &value).await;
                own.push(id);
                memory.insert(id, value);
            }
            1 if own.len() > 20 => {
                done(&client, dialect.delete, &[&id]).await;
                own.retain(|other| *other != id);
                memory.remove(&id);
            }
            2 | 3 => compare(&client, dialect.read, &memory, id).await,
            _ => {
                done(&client, dialect.update, &[&id, &value]).await;
                memory.insert(id, value);
            }
        }
        turn += 1;
        tokio::time::sleep(THINK).await;
    }
    for id in memory.keys() {
        compare(&client, dialect.read, &memory, *id).await;
    }
    memory
}

async fn insert(client: &Client, statement: &str, value: &String) -> i64 {
    let row = client.query_one(statement, &[value]).await;
    row.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
        .get(0)
}

async fn done(client: &Client, statement: &str, values: &[&(dyn ToSql + Sync)]) {
    let rows = client.execute(statement, values).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    assert_eq!(rows, 1, "{statement}");
}

async fn compare(client: &Client, statement: &str, memory: &Memory, id: i64) {
    let row = client.query_opt(statement, &[&id]).await;
    let row = row.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    let found: Option<String> = row.and_then(|row| row.get(0));
    if let Some(written) = memory.get(&id) {
        assert_eq!(found.as_ref(), Some(written), "{statement} of {id}");
    }
}
