//! Owns the clients of one generation, at work or at rest; never what they do.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::Client;
use super::dice::Dice;
use super::flag::ReadFlag;
use super::memory::Memory;
use super::shopper::Shopper;
use super::slot::Slot;
use super::tally::Tally;
use super::{Generation, LoadOptions};

/// The clients of one generation. Dropping it ends them in the middle of what
/// they do.
#[derive(Debug)]
pub(super) struct Crew {
    resting: Vec<Client>,
    working: JoinSet<Client>,
    retire: watch::Sender<bool>,
    tally: Arc<Tally>,
}

impl Crew {
    /// The clients with these numbers, none of them at work.
    pub(super) fn new(generation: Generation, options: &LoadOptions, numbers: Range<u32>) -> Self {
        let tally = Arc::<Tally>::default();
        let count = f64::from(numbers.end - numbers.start);
        let client = |number: u32| Client {
            dsn: options.dsn.clone(),
            generation,
            shopper: Shopper::new(
                generation,
                Slot {
                    number: number.into(),
                    of: (options.old_clients + options.new_clients).into(),
                    rows: options.rows,
                },
                ReadFlag::in_directory(&options.flags),
                Dice::new(options.seed, number),
                tally.clone(),
            ),
            dice: Dice::new(!options.seed, number),
            every: Duration::from_secs_f64(count / options.operations_per_second),
            tally: tally.clone(),
        };
        Self {
            resting: numbers.map(client).collect(),
            working: JoinSet::new(),
            retire: watch::channel(false).0,
            tally,
        }
    }

    /// Whoever rests goes to work.
    pub(super) fn start(&mut self) {
        self.retire.send_if_modified(std::mem::take);
        for client in self.resting.drain(..) {
            self.working.spawn(client.work(self.retire.subscribe()));
        }
    }

    /// Everybody finishes their operation and disconnects. Given up half way,
    /// it can be asked for again: nobody is forgotten.
    pub(super) async fn retire(&mut self) {
        self.retire.send_replace(true);
        while let Some(client) = self.working.join_next().await {
            self.resting
                .push(client.expect("a client neither panics nor is aborted"));
        }
    }

    /// Whether everybody at work has a connection at this instant.
    pub(super) fn is_connected(&self) -> bool {
        self.tally.connected.get() == self.working.len() as u64
    }

    /// What those at rest know about their rows.
    pub(super) fn memories(&self) -> impl Iterator<Item = &Memory> {
        self.resting.iter().map(Client::memory)
    }

    /// What they count, all the times that they work together.
    pub(super) fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }
}
