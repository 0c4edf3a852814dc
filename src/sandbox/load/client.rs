//! Owns one client's pace and connection; never gives up: a lost connection is
//! made again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::super::client::connect;
use super::Generation;
use super::dice::Dice;
use super::memory::Memory;
use super::shopper::{Lost, Shopper};
use super::statement::Session;
use super::tally::Tally;

/// The first pause after a lost connection; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(50);

/// The longest pause between two attempts to connect.
const LONGEST: Duration = Duration::from_secs(1);

/// One client of the shop.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) dsn: String,
    pub(super) generation: Generation,
    /// What it does while it is connected.
    pub(super) shopper: Shopper,
    /// What its pauses differ by from the other clients'.
    pub(super) dice: Dice,
    /// From one operation to the next.
    pub(super) every: Duration,
    pub(super) tally: Arc<Tally>,
}

impl Client {
    /// One operation after the other until it is told to retire. What comes
    /// back disconnected and can work again: it goes on with what it remembers.
    pub(super) async fn work(mut self, mut retire: watch::Receiver<bool>) -> Self {
        let mut pace = tokio::time::interval(self.every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connections = 0;
        while let Some(mut session) = self.connect(&mut retire).await {
            self.tally.connected.add();
            if connections > 0 {
                self.tally.reconnects.add();
            }
            connections += 1;
            let retired = loop {
                tokio::select! {
                    biased;
                    _ = retire.wait_for(|retire| *retire) => break true,
                    _ = pace.tick() => {}
                }
                if let Err(Lost) = self.shopper.operate(&mut session).await {
                    break false;
                }
            };
            self.tally.connected.take();
            if retired {
                break;
            }
        }
        self
    }

    /// What it knows about its rows.
    pub(super) fn memory(&self) -> &Memory {
        self.shopper.memory()
    }

    /// Tries until it is connected, or told to retire.
    async fn connect(&mut self, retire: &mut watch::Receiver<bool>) -> Option<Session> {
        let mut pause = SHORTEST;
        loop {
            if *retire.borrow() {
                return None;
            }
            match connect(&self.dsn, self.generation.application_name()).await {
                Ok(client) => return Some(Session::new(client)),
                Err(_) => self.tally.refused.add(),
            }
            // Jittered, or all clients come back in the same instant.
            let jitter = Duration::from_millis(self.dice.below(50));
            tokio::select! {
                _ = retire.wait_for(|retire| *retire) => return None,
                () = tokio::time::sleep(pause + jitter) => {}
            }
            pause = (pause * 2).min(LONGEST);
        }
    }
}
