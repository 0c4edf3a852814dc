//! Owns a chunk of the copy: its transaction, and the row that is set aside;
//! never decides what follows a failure.

use std::time::Instant;

use futures_util::future::{join3, try_join};

use super::checkpoint::{Checkpoint, Stage};
use super::worker::{Failure, Worker};
use crate::pg::keyset::{Key, Stretch, parameters};
use crate::run::fault::{Fault, Trouble};
use crate::seam::seam;

/// Rows set aside that are named when too many are.
const NAMED: usize = 3;

impl Worker {
    /// Writes the next chunk and commits it with its checkpoint; the sweep is
    /// entered with the last one.
    pub(super) async fn copy_chunk(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        let Some(stretch) = self.next_stretch().await? else {
            return Ok(self.enter_sweep().await?);
        };
        let found = began.elapsed();
        let written = self.write(&stretch).await;
        let blame = |fault| Failure {
            fault,
            rows: stretch.visited,
            last: Some(stretch.last.clone()),
        };
        let written = written.map_err(blame)?;
        seam("chunk-before-commit");
        self.learn(stretch.visited, began.elapsed() - found);
        let next = self.after(&stretch, written, began);
        self.commit(&next, !stretch.is_end).await.map_err(blame)?;
        seam("chunk-after-commit");
        self.passed(next, stretch.visited, began.elapsed());
        Ok(())
    }

    async fn next_stretch(&mut self) -> Result<Option<Stretch>, Fault> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let (client, after) = (self.session.client(), self.at.last_key.as_ref());
        let next = self.statements.walk.next(client, after, self.rows());
        self.session.run(next).await
    }

    /// The first round trip: leaves the transaction open.
    async fn write(&mut self, stretch: &Stretch) -> Result<u64, Fault> {
        let client = self.session.client();
        let is_single = self.bisection.is_some() && stretch.visited == 1;
        let (statement, keys) = match (is_single, &stretch.after) {
            // Not the stretch: a row that arrived in it meanwhile is not to blame.
            (true, _) => (&self.statements.update_one, vec![&stretch.last]),
            (_, after) => {
                let keys = after.iter().chain([&stretch.last]);
                (
                    self.statements.update.behind(after.as_ref()),
                    keys.collect(),
                )
            }
        };
        let parameters = parameters(keys, None);
        let update = client.execute(statement, &parameters);
        let (_, written) = self
            .session
            .run(try_join(self.ledger.enter(client), update))
            .await?;
        Ok(written)
    }

    /// The second round trip, with a look at the next stretch. That look may
    /// fail: then it is taken again, and told.
    async fn commit(&mut self, next: &Checkpoint, look_ahead: bool) -> Result<(), Fault> {
        let client = self.session.client();
        let rows = self.rows();
        let look = async {
            match look_ahead && self.bisection.is_none() {
                true => {
                    self.statements
                        .walk
                        .next(client, next.last_key.as_ref(), rows)
                        .await
                }
                false => Ok(None),
            }
        };
        let saved = self.ledger.save(client, next);
        let flight = async {
            let committed = client.batch_execute("COMMIT");
            let (saved, committed, ahead) = join3(saved, committed, look).await;
            let saved = saved?;
            committed?;
            Ok((saved, ahead.ok().flatten()))
        };
        let (saved, ahead) = self.session.run(flight).await?;
        self.ahead = ahead;
        Self::expect_saved(saved)
    }

    fn after(&self, stretch: &Stretch, written: u64, began: Instant) -> Checkpoint {
        let at = Checkpoint {
            last_key: Some(stretch.last.clone()),
            rows_visited: self.at.rows_visited + stretch.visited,
            rows_written: self.at.rows_written + written,
            chunks: self.at.chunks + 1,
            chunk_rows: self.cadence.rows(),
            busy: self.at.busy + began.elapsed(),
            ..self.at.clone()
        };
        match stretch.is_end {
            true => at.entering(Stage::Sweep),
            false => at,
        }
    }

    async fn enter_sweep(&mut self) -> Result<(), Fault> {
        self.record(self.at.entering(Stage::Sweep), 0, Instant::now())
            .await
    }

    /// Puts the one row of a failed chunk into quarantine, if there is room.
    pub(super) async fn set_aside(&mut self, failure: Failure) -> Result<(), Fault> {
        let Failure { fault, last, .. } = failure;
        let key = last.expect("a chunk of the copy knows its last row");
        if self.quarantine.len() as u64 >= self.spec.max_quarantined {
            return Err(self.too_many(&key, fault));
        }
        let next = Checkpoint {
            last_key: Some(key.clone()),
            rows_visited: self.at.rows_visited + 1,
            ..self.at.clone()
        };
        let client = self.session.client();
        let saved = self.ledger.set_aside(client, &key, &fault, &next);
        Self::expect_saved(self.session.run(saved).await?)?;
        self.quarantine.push((key, fault.message));
        let busy = self.cadence.last_busy();
        self.passed(next, 1, busy);
        Ok(())
    }

    /// The cursor stays before that row: mended, it is copied like any other.
    fn too_many(&self, key: &Key, fault: Fault) -> Fault {
        let earlier = self.quarantine.iter().take(NAMED);
        let named: String = earlier
            .map(|(key, message)| format!("; `{key}`: {message}"))
            .collect();
        let message = format!(
            "{} rows fail, {} may; `{key}`: {}{named}",
            self.quarantine.len() + 1,
            self.spec.max_quarantined,
            fault.message,
        );
        Fault {
            trouble: Trouble::Row,
            message,
            ..fault
        }
        .with_hint("mend the row and try again, or raise `max_quarantined`")
    }
}
