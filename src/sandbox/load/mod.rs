//! An application's load on the demo's `users` table, which checks itself.
//!
//! Owns two generations of clients: the old ones know only `email`, the new
//! ones write `email_address` and read what the read flag says. Each client
//! remembers what it last wrote and compares whenever it reads, so a write that
//! a migration reverted shows as a mismatch, apart from SQL errors. Never
//! changes the schema: the runbook does.
//!
//! At any time a row is written by one client at most, or the checks would not
//! be exact: a client owns the rows that it inserted and those of the preloaded
//! ones whose id leaves its own remainder. Nobody inherits them: a client that
//! starts again after it retired finds its rows as it left them.

mod check;
mod client;
mod crew;
mod deployment;
mod dice;
mod flag;
mod latency;
mod memory;
mod shop;
mod shopper;
mod slot;
mod statement;
mod tally;

use std::path::PathBuf;

use super::error::Error;
use crew::Crew;

pub use check::{Check, Column};
pub use deployment::Deployment;
pub use latency::Latencies;
pub use shop::create_shop;
pub use tally::{Figures, Meter, Snapshot};

/// How much load, and on what.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The shop's database on the primary.
    pub dsn: String,
    /// How many users it was filled with: ids 1 to this number.
    pub rows: i64,
    /// Clients that know `email` alone.
    pub old_clients: u32,
    /// Clients that know `email_address` too.
    pub new_clients: u32,
    /// Operations a second of one generation, all its clients together.
    pub operations_per_second: f64,
    /// The directory where `flagctl` keeps the file `read_new`: the percentage
    /// of the new clients' reads that use `email_address`. No file means 0.
    /// A [`Deployment`] keeps its files there too.
    pub flags: PathBuf,
    /// Where the clients' choices start from.
    pub seed: u64,
}

impl LoadOptions {
    /// A modest load: four clients and a hundred operations a second for each
    /// generation.
    pub fn new(dsn: impl Into<String>, rows: i64, flags: impl Into<PathBuf>) -> Self {
        Self {
            dsn: dsn.into(),
            rows,
            old_clients: 4,
            new_clients: 4,
            operations_per_second: 100.0,
            flags: flags.into(),
            seed: 1,
        }
    }
}

/// Which version of the shop a client runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Generation {
    Old,
    New,
}

impl Generation {
    /// What the client calls itself towards the server.
    fn application_name(self) -> &'static str {
        match self {
            Self::Old => "shop/1.9",
            Self::New => "shop/2.0",
        }
    }
}

/// The load: starts and retires generations, as often as it is told to, and
/// checks at the end. Dropping it ends its clients in the middle of what they do.
#[derive(Debug)]
pub struct Load {
    dsn: String,
    old: Crew,
    new: Crew,
}

impl Load {
    /// Nothing runs yet.
    pub fn new(options: LoadOptions) -> Self {
        let (old, new) = (options.old_clients, options.new_clients);
        Self {
            old: Crew::new(Generation::Old, &options, 0..old),
            new: Crew::new(Generation::New, &options, old..old + new),
            dsn: options.dsn,
        }
    }

    /// Starts the clients that know only `email`, where they do not work yet.
    /// Wants a tokio runtime.
    pub fn start_old(&mut self) {
        self.old.start();
    }

    /// Starts the clients that write `email_address`, where they do not work
    /// yet. The column and the dual-write trigger have to be there by now.
    pub fn start_new(&mut self) {
        self.new.start();
    }

    /// The old clients finish their operation and disconnect.
    pub async fn retire_old(&mut self) {
        self.old.retire().await;
    }

    /// The new clients finish their operation and disconnect.
    pub async fn retire_new(&mut self) {
        self.new.retire().await;
    }

    /// All clients finish their operation and disconnect.
    pub async fn stop(&mut self) -> Snapshot {
        self.retire_old().await;
        self.retire_new().await;
        self.meter().snapshot()
    }

    /// Reads the figures, from any task, while the clients work.
    pub fn meter(&self) -> Meter {
        Meter::new(self.old.tally(), self.new.tally())
    }

    /// Compares everything that the clients remember which do not work now with
    /// the database, in each of the two columns that exists.
    ///
    /// # Errors
    /// [`Error::Sql`] when the database cannot be read.
    pub async fn final_check(&self) -> Result<Check, Error> {
        let memories: Vec<_> = self.old.memories().chain(self.new.memories()).collect();
        check::compare(&self.dsn, &memories).await
    }
}
