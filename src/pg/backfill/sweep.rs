//! Owns a chunk of the final sweep, the proof that no row escaped; never
//! repairs one.

use std::time::Instant;

use tokio_postgres::Row;

use super::range::{Range, Stage};
use super::worker::{Failure, Worker};
use crate::pg::keyset::{Key, count, limit, parameters};
use crate::run::fault::{Fault, Trouble};
use crate::seam::seam;

/// Escaped rows whose keys are told.
const NAMED: usize = 5;

impl Worker {
    /// Reads the next chunk; behind the last row the backfill is done. The
    /// checkpoint never passes a row that escaped: whoever tries again finds
    /// it again.
    pub(super) async fn sweep_chunk(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let rows = self.rows();
        let found = self.read(rows).await.map_err(|fault| Failure {
            fault,
            rows,
            last: None,
        })?;
        let Some(end) = found.last() else {
            return Ok(self.finish(self.range.clone(), 0, began).await?);
        };
        let width = self.statements.width;
        self.refuse_escaped(&found)?;
        let visited = count(end, width);
        self.learn(visited, began.elapsed());
        let mut next = self.range.clone();
        next.at.last_key = Some(Key::of(end, width));
        next.at.rows_swept += visited;
        next.at.chunk_rows = self.hand.cadence.rows();
        next.at.busy += began.elapsed();
        match visited < rows {
            true => self.finish(next, visited, began).await?,
            false => self.record(next, visited, began).await?,
        }
        Ok(())
    }

    /// Rows of [`crate::plan::sql::BackfillSql::sweep`].
    async fn read(&mut self, rows: u64) -> Result<Vec<Row>, Fault> {
        let (after, high) = (self.range.after(), self.range.high.as_ref());
        let limit = limit(rows);
        let parameters = parameters(after.into_iter().chain(high), Some(&limit));
        let sweep = self.statements.sweep.form(after, high);
        let read = self.client().query(sweep, &parameters);
        self.hand.session.run(read).await
    }

    fn refuse_escaped(&self, found: &[Row]) -> Result<(), Fault> {
        let width = self.statements.width;
        let flagged = found.iter().filter(|row| row.get(width + 2));
        let escaped: Vec<Key> = flagged
            .map(|row| Key::of(row, width))
            .filter(|key| !self.site.is_set_aside(key))
            .collect();
        if escaped.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = escaped.iter().take(NAMED).map(Key::to_string).collect();
        let message = format!(
            "{} rows of one chunk escaped the dual-write, first keys {}; the sweep stopped there",
            escaped.len(),
            named.join(", "),
        );
        let hint = "find what writes past the dual-write; then roll this phase back and enter it \
                    again, which copies such rows";
        Err(Fault::new(Trouble::Unexpected, message).with_hint(hint))
    }

    /// A single row that cannot even be read as it should be: right for one in
    /// quarantine, a fault for any other.
    pub(super) async fn step_over(&mut self, failure: Failure) -> Result<(), Fault> {
        let (after, high) = (self.range.after(), self.range.high.as_ref());
        let next = self.statements.walk.next(self.client(), after, high, 1);
        match self.hand.session.run(next).await? {
            Some(stretch) if self.site.is_set_aside(&stretch.last) => {
                let mut next = self.range.clone();
                next.at.last_key = Some(stretch.last);
                next.at.rows_swept += 1;
                self.record(next, 1, Instant::now()).await
            }
            _ => Err(failure.fault),
        }
    }

    async fn finish(&mut self, mut at: Range, visited: u64, began: Instant) -> Result<(), Fault> {
        seam("sweep-before-done");
        at.at.stage = Stage::Done;
        at.at.last_key = None;
        self.record(at, visited, began).await
    }

    /// Saves a checkpoint that no written row goes with.
    pub(super) async fn record(
        &mut self,
        next: Range,
        visited: u64,
        began: Instant,
    ) -> Result<(), Fault> {
        let saved = self.hand.ledger.record(self.client(), &next);
        self.hand.session.run(saved).await?;
        self.passed(next, visited, began.elapsed());
        Ok(())
    }
}
