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
//! ones whose id leaves its own remainder. Nobody inherits them.

mod check;
mod client;
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
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::error::Error;
use client::Client;
use dice::Dice;
use flag::ReadFlag;
use memory::Memory;
use shopper::Shopper;
use slot::Slot;
use tally::Tally;

pub use check::{Check, Column};
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

/// The load: starts and retires generations, and checks at the end. Dropping it
/// ends its clients in the middle of what they do.
#[derive(Debug)]
pub struct Load {
    options: LoadOptions,
    old: Crew,
    new: Crew,
    retired: Vec<Memory>,
}

/// The clients of one generation.
#[derive(Debug)]
struct Crew {
    generation: Generation,
    clients: JoinSet<Memory>,
    retire: watch::Sender<bool>,
    tally: Arc<Tally>,
}

impl Load {
    /// Nothing runs yet.
    pub fn new(options: LoadOptions) -> Self {
        Self {
            options,
            old: Crew::new(Generation::Old),
            new: Crew::new(Generation::New),
            retired: Vec::new(),
        }
    }

    /// Starts the clients that know only `email`, once. Wants a tokio runtime.
    pub fn start_old(&mut self) {
        self.old.start(&self.options, 0, self.options.old_clients);
    }

    /// Starts the clients that write `email_address`, once. The column and the
    /// dual-write trigger have to be there by now.
    pub fn start_new(&mut self) {
        let first = self.options.old_clients;
        self.new
            .start(&self.options, first, self.options.new_clients);
    }

    /// The old clients finish their operation and disconnect.
    pub async fn retire_old(&mut self) {
        self.retired.extend(self.old.retire().await);
    }

    /// All clients finish their operation and disconnect.
    pub async fn stop(&mut self) -> Snapshot {
        self.retire_old().await;
        self.retired.extend(self.new.retire().await);
        self.meter().snapshot()
    }

    /// Reads the figures, from any task, while the clients work.
    pub fn meter(&self) -> Meter {
        Meter::new(self.old.tally.clone(), self.new.tally.clone())
    }

    /// Compares everything that retired clients remember with the database, in
    /// each of the two columns that exists.
    ///
    /// # Errors
    /// [`Error::Sql`] when the database cannot be read.
    pub async fn final_check(&self) -> Result<Check, Error> {
        check::compare(&self.options.dsn, &self.retired).await
    }
}

impl Crew {
    fn new(generation: Generation) -> Self {
        Self {
            generation,
            clients: JoinSet::new(),
            retire: watch::channel(false).0,
            tally: Arc::default(),
        }
    }

    fn start(&mut self, options: &LoadOptions, first: u32, count: u32) {
        if !self.clients.is_empty() || *self.retire.borrow() {
            return;
        }
        let every = Duration::from_secs_f64(f64::from(count) / options.operations_per_second);
        for number in first..first + count {
            let slot = Slot {
                number: number.into(),
                of: (options.old_clients + options.new_clients).into(),
                rows: options.rows,
            };
            let shopper = Shopper::new(
                self.generation,
                slot,
                ReadFlag::in_directory(&options.flags),
                Dice::new(options.seed, number),
                self.tally.clone(),
            );
            let client = Client {
                dsn: options.dsn.clone(),
                generation: self.generation,
                shopper,
                dice: Dice::new(!options.seed, number),
                tally: self.tally.clone(),
            };
            self.clients
                .spawn(client.work(every, self.retire.subscribe()));
        }
    }

    async fn retire(&mut self) -> Vec<Memory> {
        self.retire.send_replace(true);
        std::mem::take(&mut self.clients).join_all().await
    }
}
