//! Owns one client of the shop: its pace, its connection, its operations.
//! Never gives up: a lost connection is made again, an error is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_postgres::error::SqlState;

use super::super::client::{connect, words};
use super::Generation;
use super::dice::Dice;
use super::flag::ReadFlag;
use super::memory::{Memory, Row};
use super::statement::{Session, Statement};
use super::tally::Tally;

/// The first pause after a lost connection; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(50);

/// The longest pause between two attempts to connect.
const LONGEST: Duration = Duration::from_secs(1);

/// Which preloaded rows are a client's: ids 1 to `rows` that leave the
/// remainder `number` when divided by `of`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) number: i64,
    pub(super) of: i64,
    pub(super) rows: i64,
}

impl Slot {
    /// One of them, or none where the table was too small for everybody.
    fn pick(self, dice: &mut Dice) -> Option<i64> {
        let first = if self.number == 0 {
            self.of
        } else {
            self.number
        };
        let count = (self.rows - first).div_euclid(self.of) + 1;
        (count > 0).then(|| first + self.of * dice.below(count as u64) as i64)
    }
}

/// One client of the shop.
#[derive(Debug)]
pub(super) struct Client {
    generation: Generation,
    dsn: String,
    slot: Slot,
    flag: ReadFlag,
    dice: Dice,
    tally: Arc<Tally>,
    memory: Memory,
    /// Makes each address that it writes a new one.
    written: u64,
}

/// The connection is gone, and with it the outcome of what was under way.
struct Lost;

impl Client {
    pub(super) fn new(
        generation: Generation,
        dsn: String,
        slot: Slot,
        flag: ReadFlag,
        dice: Dice,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            generation,
            dsn,
            slot,
            flag,
            dice,
            tally,
            memory: Memory::default(),
            written: 0,
        }
    }

    /// One operation `every` so often until it is told to retire; gives what it
    /// remembers.
    pub(super) async fn work(
        mut self,
        every: Duration,
        mut retire: watch::Receiver<bool>,
    ) -> Memory {
        let mut pace = tokio::time::interval(every);
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
                if let Err(Lost) = self.operate(&mut session).await {
                    break false;
                }
            };
            self.tally.connected.take();
            if retired {
                break;
            }
        }
        self.memory
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

    /// One operation on a row of its own. A row that is not certain is read:
    /// only then can a write build on it.
    async fn operate(&mut self, session: &mut Session) -> Result<(), Lost> {
        let started = Instant::now();
        let choice = self.dice.below(100);
        let done = if choice < 10 {
            self.insert(session).await
        } else if choice < 13 {
            self.delete(session).await
        } else {
            match self.pick() {
                None => self.insert(session).await,
                Some(id) => match self.memory.certain(id).cloned() {
                    Some(row) if choice < 40 => self.update(session, id, row).await,
                    Some(row) if choice < 60 => self.visit(session, id, row).await,
                    _ => self.read(session, id).await,
                },
            }
        };
        self.tally.operation(started.elapsed());
        done
    }

    /// A preloaded row or one touched before, half and half.
    fn pick(&mut self) -> Option<i64> {
        let preloaded = self.dice.chance(50).then(|| self.slot.pick(&mut self.dice));
        preloaded
            .flatten()
            .or_else(|| self.memory.pick_touched(&mut self.dice))
            .or_else(|| self.slot.pick(&mut self.dice))
    }

    async fn insert(&mut self, session: &mut Session) -> Result<(), Lost> {
        let address = self.new_address();
        let name = format!("Customer {}", self.written);
        let statement = Statement::Insert(self.generation);
        // Where the reply is lost, so is the id: nobody will miss that row.
        match session.query(statement, &[&address, &name]).await {
            Err(error) => self.failed(statement, &error),
            Ok(row) => {
                let id = row.expect("INSERT of one row returns it").get(0);
                self.memory.insert(id, Row { address, visits: 0 });
                Ok(())
            }
        }
    }

    async fn update(&mut self, session: &mut Session, id: i64, row: Row) -> Result<(), Lost> {
        let statement = Statement::Update(self.generation);
        let address = self.new_address();
        let done = session.execute(statement, &[&id, &address]).await;
        self.wrote(statement, id, Some(Row { address, ..row }), done)
    }

    async fn visit(&mut self, session: &mut Session, id: i64, row: Row) -> Result<(), Lost> {
        let done = session.execute(Statement::Visit, &[&id]).await;
        let visits = row.visits + 1;
        self.wrote(Statement::Visit, id, Some(Row { visits, ..row }), done)
    }

    async fn delete(&mut self, session: &mut Session) -> Result<(), Lost> {
        match self.memory.take_inserted(&mut self.dice) {
            Some(id) if self.memory.certain(id).is_some() => {
                let done = session.execute(Statement::Delete, &[&id]).await;
                self.wrote(Statement::Delete, id, None, done)
            }
            Some(id) => self.read(session, id).await,
            None => self.insert(session).await,
        }
    }

    async fn read(&mut self, session: &mut Session, id: i64) -> Result<(), Lost> {
        let statement = Statement::Read(self.column());
        match session.query(statement, &[&id]).await {
            Err(error) => self.failed(statement, &error),
            Ok(row) => {
                let seen = row.map(|row| Row {
                    // A column that nobody filled yet is a mismatch like another.
                    address: row.get::<_, Option<String>>(0).unwrap_or_default(),
                    visits: row.get(1),
                });
                if let Err(words) = self.memory.verify(id, seen) {
                    self.tally.mismatch(format!("{statement:?}, {words}"));
                }
                Ok(())
            }
        }
    }

    /// The column to read: the old clients know one, the new ones ask the flag.
    fn column(&mut self) -> Generation {
        if self.generation == Generation::Old {
            return Generation::Old;
        }
        let percent = self.flag.percent().unwrap_or_else(|words| {
            self.tally.error(words);
            0
        });
        if self.dice.chance(percent) {
            Generation::New
        } else {
            Generation::Old
        }
    }

    /// Remembers the outcome of a write to a row that was certain.
    fn wrote(
        &mut self,
        statement: Statement,
        id: i64,
        after: Option<Row>,
        done: Result<u64, tokio_postgres::Error>,
    ) -> Result<(), Lost> {
        match done {
            Ok(1) => self.memory.settle(id, after),
            Ok(count) => {
                let words = format!("{statement:?}, id {id}: {count} rows instead of 1");
                self.tally.mismatch(words);
                self.memory.settle(id, None);
            }
            Err(error) => {
                if is_lost(&error) {
                    self.memory.unsettle(id, after);
                }
                return self.failed(statement, &error);
            }
        }
        Ok(())
    }

    fn failed(&self, statement: Statement, error: &tokio_postgres::Error) -> Result<(), Lost> {
        if is_lost(error) {
            return Err(Lost);
        }
        self.tally.error(format!("{statement:?}: {}", words(error)));
        Ok(())
    }

    fn new_address(&mut self) -> String {
        self.written += 1;
        format!("c{}.{}@shop.example", self.slot.number, self.written)
    }
}

/// Whether the session ended. With an error of the statement's own it goes on,
/// and the statement has had no effect.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    const ENDED: [SqlState; 3] = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::IDLE_SESSION_TIMEOUT,
    ];
    match error.code() {
        Some(code) => ENDED.contains(code),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preloaded_row_has_exactly_one_owner() {
        let mut dice = Dice::new(1, 0);
        let mut owners = std::collections::BTreeMap::new();
        for number in 0..3 {
            let slot = Slot {
                number,
                of: 3,
                rows: 10,
            };
            for _ in 0..200 {
                let id = slot.pick(&mut dice).unwrap();
                assert_eq!(*owners.entry(id).or_insert(number), number);
            }
        }
        let ids: Vec<i64> = owners.into_keys().collect();
        assert_eq!(ids, (1..=10).collect::<Vec<_>>());
        let nothing = Slot {
            number: 2,
            of: 3,
            rows: 1,
        };
        assert_eq!(nothing.pick(&mut dice), None);
    }
}
