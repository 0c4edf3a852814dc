//! Owns how a range is cut in two, so that another worker gets a part of what
//! is left; never decides when.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::range::{Range, Stage};
use super::site::Site;
use super::worker::Worker;
use crate::pg::cadence::is_conflict;
use crate::pg::keyset::{Key, count};
use crate::plan::sql::{BackfillSql, Ends};
use crate::run::fault::Fault;

/// Pages that a first sample reads, about: enough for a middle within a tenth.
const PAGES: f64 = 128.0;
/// Each further sample reads so many times as much,
const MORE: f64 = 8.0;
/// until one has this many rows of the range,
const ENOUGH: u64 = 50;
/// or so many have been taken: what is left of the range is small then.
const SAMPLES: u32 = 3;
/// Both halves are worth a worker's while with this many chunks each.
const CHUNKS: u64 = 2;

impl Worker {
    /// Gives the upper half of what is left to the range of that number. None
    /// where too little is left, or somebody's lock is in the way.
    pub(super) async fn cut(&mut self, number: i32) -> Result<Option<Range>, Fault> {
        match self.try_cut(number).await {
            Err(fault) if is_conflict(&fault) => {
                let rollback = self.client().batch_execute("ROLLBACK");
                self.hand.session.run(rollback).await?;
                Ok(None)
            }
            cut => cut,
        }
    }

    async fn try_cut(&mut self, number: i32) -> Result<Option<Range>, Fault> {
        let Some((middle, left)) = self.middle().await? else {
            return Ok(None);
        };
        if left / 2 < CHUNKS * u64::from(self.hand.cadence.rows()) {
            return Ok(None);
        }
        let ends = [Some(middle.clone()), self.range.high.clone()];
        let chunk = self.range.at.chunk_rows;
        let mut upper = Range::start(number, &self.range.part, ends, chunk);
        upper.at.stage = self.range.at.stage;
        upper.at.rows_expected = Some(left / 2);
        let mut lower = self.range.clone();
        lower.high = Some(middle);
        lower.at.rows_expected = Some(self.behind() + left / 2);
        let session = &self.hand.session;
        let identity = &self.site.identity;
        let cut = self
            .hand
            .ledger
            .cut(session.client(), &lower, &upper, identity);
        session.run(cut).await?;
        lower.at.saves += 1;
        self.range = lower;
        self.ahead = None;
        Ok(Some(upper))
    }

    /// Rows of this stage that are behind the cursor.
    fn behind(&self) -> u64 {
        match self.range.at.stage {
            Stage::Copy => self.range.at.rows_visited,
            Stage::Sweep | Stage::Done => self.range.at.rows_swept,
        }
    }

    /// The key in the middle of what is left, and about how many rows that is.
    async fn middle(&self) -> Result<Option<(Key, u64)>, Fault> {
        let (session, width) = (&self.hand.session, self.statements.width);
        let pages = Site::pages(session.client(), &self.range.part);
        let pages = session.run(pages).await?.max(1) as f64;
        let mut share = (PAGES / pages).min(1.0);
        for _ in 0..SAMPLES {
            let row = self.sample(share).await?;
            let sampled = row.as_ref().map_or(0, |row| count(row, width));
            if sampled >= ENOUGH || share >= 1.0 {
                let middle = row.map(|row| Key::of(&row, width));
                let left = (sampled as f64 / share) as u64;
                let middle = middle.filter(|key| Some(key) != self.range.high.as_ref());
                return Ok(middle.map(|key| (key, left)));
            }
            share = (share * MORE).min(1.0);
        }
        Ok(None)
    }

    /// A row of [`BackfillSql::middle`].
    async fn sample(&self, share: f64) -> Result<Option<Row>, Fault> {
        let job = &self.site.job;
        let (after, high) = (self.range.after(), self.range.high.as_ref());
        let sql = BackfillSql::of_part(&job.table, &self.range.part.name, &job.spec);
        let sql = sql.middle(Ends::of(after.is_some(), high.is_some()));
        let percent = (share * 100.0).to_string();
        let keys = after.into_iter().chain(high).flat_map(|key| &key.0);
        let parameters = keys.chain([&percent]);
        let parameters: Vec<_> = parameters
            .map(|text| (text as &(dyn ToSql + Sync), Type::TEXT))
            .collect();
        let session = &self.hand.session;
        let rows = session.client().query_typed(&sql, &parameters);
        Ok(session.run(rows).await?.into_iter().next())
    }
}
