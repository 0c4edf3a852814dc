//! Owns a chunk of the copy: its transaction, and the row that is set aside;
//! never decides what follows a failure.

use std::time::Instant;

use futures_util::future::{join3, try_join, try_join_all};

use super::range::{Range, Stage};
use super::worker::{Failure, Worker};
use crate::pg::keyset::{Key, Stretch, parameters};
use crate::run::fault::{Fault, Trouble};
use crate::seam::seam;

impl Worker {
    /// Writes the next chunk and commits it with its checkpoint; the last one
    /// leaves the range to the sweep.
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
        let (after, high) = (self.range.after(), self.range.high.as_ref());
        let next = self
            .statements
            .walk
            .next(self.client(), after, high, self.rows());
        self.hand.session.run(next).await
    }

    /// The first round trip: leaves the transaction open.
    async fn write(&mut self, stretch: &Stretch) -> Result<u64, Fault> {
        let client = self.client();
        let is_single = self.bisection.is_some() && stretch.visited == 1;
        let (after, last) = (stretch.after.as_ref(), &stretch.last);
        let (statements, keys): (Vec<_>, Vec<_>) = match is_single {
            // Not the stretch: a row that arrived in it meanwhile is not to blame.
            true => (self.statements.write_one.iter().collect(), vec![last]),
            false => {
                let writes = self.statements.writes.iter();
                let statements = writes.map(|write| write.form(after, Some(last)));
                let keys = after.into_iter().chain([last]).collect();
                (statements.collect(), keys)
            }
        };
        let parameters = parameters(keys, None);
        // Sent when they are first polled, one after the other: in this order.
        let writes = statements
            .into_iter()
            .map(|statement| client.execute(statement, &parameters));
        let writes = try_join_all(writes);
        let both = try_join(self.hand.ledger.enter(client), writes);
        let (_, written) = self.hand.session.run(both).await?;
        Ok(written.iter().sum())
    }

    /// The second round trip, with a look at the next stretch. That look may
    /// fail: then it is taken again, and told.
    async fn commit(&mut self, next: &Range, look_ahead: bool) -> Result<(), Fault> {
        let client = self.client();
        let (rows, walk) = (self.rows(), &self.statements.walk);
        let look = async {
            match look_ahead && self.bisection.is_none() {
                true => {
                    walk.next(client, next.after(), next.high.as_ref(), rows)
                        .await
                }
                false => Ok(None),
            }
        };
        let saved = self.hand.ledger.save(client, next);
        let flight = async {
            let committed = client.batch_execute("COMMIT");
            let (saved, committed, ahead) = join3(saved, committed, look).await;
            saved.and(committed)?;
            Ok(ahead.ok().flatten())
        };
        self.ahead = self.hand.session.run(flight).await?;
        Ok(())
    }

    fn after(&self, stretch: &Stretch, written: u64, began: Instant) -> Range {
        let mut next = self.range.clone();
        let at = &mut next.at;
        at.last_key = Some(stretch.last.clone());
        at.rows_visited += stretch.visited;
        at.rows_written += written;
        at.chunks += 1;
        at.chunk_rows = self.hand.cadence.rows();
        at.busy += began.elapsed();
        if stretch.is_end {
            *at = at.entering(Stage::Sweep);
        }
        next
    }

    async fn enter_sweep(&mut self) -> Result<(), Fault> {
        let mut next = self.range.clone();
        next.at = next.at.entering(Stage::Sweep);
        self.record(next, 0, Instant::now()).await
    }

    /// Puts the one row of a failed chunk into quarantine, if there is room.
    pub(super) async fn set_aside(&mut self, failure: Failure) -> Result<(), Fault> {
        let Failure { fault, last, .. } = failure;
        let key = last.expect("a chunk of the copy knows its last row");
        if let Err(earlier) = self.site.set_aside(&key, &fault.message) {
            return Err(self.too_many(&key, &earlier, fault));
        }
        let done = self.save_aside(&key, &fault).await;
        if done.is_err() {
            self.site.take_back(&key);
        }
        done
    }

    async fn save_aside(&mut self, key: &Key, fault: &Fault) -> Result<(), Fault> {
        let mut next = self.range.clone();
        next.at.last_key = Some(key.clone());
        next.at.rows_visited += 1;
        let ledger = &self.hand.ledger;
        let saved = ledger.set_aside(self.client(), key, fault, &next);
        self.hand.session.run(saved).await?;
        let busy = self.hand.cadence.last_busy();
        self.passed(next, 1, busy);
        Ok(())
    }

    /// The cursor stays before that row: mended, it is copied like any other.
    fn too_many(&self, key: &Key, earlier: &str, fault: Fault) -> Fault {
        let may = self.site.job.spec.max_quarantined;
        let message = format!(
            "{} rows fail, {may} may; `{key}`: {}{earlier}",
            self.site.quarantined() + 1,
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
