//! Owns what one client does and what it may then expect; never its connection.

use std::sync::Arc;
use std::time::Instant;

use tokio_postgres::error::SqlState;

use super::super::client::words;
use super::Generation;
use super::dice::Dice;
use super::flag::ReadFlag;
use super::memory::{Memory, Row};
use super::slot::Slot;
use super::statement::{Session, Statement};
use super::tally::Tally;

/// One client's operations on its own rows.
#[derive(Debug)]
pub(super) struct Shopper {
    generation: Generation,
    slot: Slot,
    flag: ReadFlag,
    dice: Dice,
    tally: Arc<Tally>,
    memory: Memory,
    /// Makes each address that it writes a new one.
    written: u64,
}

/// The connection is gone, and with it the outcome of what was under way.
#[derive(Debug)]
pub(super) struct Lost;

impl Shopper {
    /// One that has touched no row yet.
    pub(super) fn new(
        generation: Generation,
        slot: Slot,
        flag: ReadFlag,
        dice: Dice,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            generation,
            slot,
            flag,
            dice,
            tally,
            memory: Memory::default(),
            written: 0,
        }
    }

    /// What it knows about its rows so far.
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// One operation on a row of its own. A row that is not certain is read:
    /// only then can a write build on it.
    pub(super) async fn operate(&mut self, session: &mut Session) -> Result<(), Lost> {
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
