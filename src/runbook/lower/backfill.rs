//! Owns the lowering of backfills.

use super::Lowering;
use super::vars::Render;
use crate::runbook::raw::{self, At};
use crate::runbook::sql::Script;
use crate::runbook::unit::Unit;
use crate::runbook::{Backfill, CHUNK_CALL, Custom, MAX_WORKERS, Target, Vacuum, Walk, Writes};

impl Lowering<'_> {
    pub(super) fn backfill(&mut self, raw: &At<raw::Backfill>) -> Option<Backfill> {
        let fields = &raw.value;
        let within = 1..=MAX_WORKERS;
        if let Some(workers) = fields
            .workers
            .as_ref()
            .filter(|n| !within.contains(&n.value))
        {
            let message = format!(
                "a backfill has 1 to {MAX_WORKERS} workers, not {}",
                workers.value
            );
            self.fault("bad-value", &workers.span, message);
        }
        let key = self.columns(&fields.key, &raw.span);
        let walk = self.walk(fields);
        Some(Backfill {
            writes: self.writes(raw, &key)?,
            table: self.table(&fields.table),
            filter: fields.filter.as_ref().map(|filter| self.expression(filter)),
            walk,
            chunk: self.chunking(fields.chunk.as_ref()),
            workers: fields.workers.as_ref().map_or(1, |n| n.value),
            max_quarantined: fields.max_quarantined.as_ref().map_or(0, |n| n.value),
            triggers: fields.triggers.unwrap_or_default(),
            vacuum: self.vacuum(fields),
            key,
        })
    }

    /// Only what is written in place leaves dead rows in the walked table.
    fn vacuum(&mut self, fields: &raw::Backfill) -> Option<Vacuum> {
        let raw = fields.vacuum.as_ref()?;
        if fields.into.is_some() {
            let message = "nothing dies in the table that `into` copies from";
            self.fault("bad-value", &raw.span, message);
        }
        let limit = &raw.value.dead_tuples;
        let dead_tuples = self.measure(limit, Unit::Share);
        if dead_tuples == 0.0 {
            let message = "a table without a dead row has no use for a vacuum";
            self.fault("bad-threshold", &limit.span, message);
        }
        Some(Vacuum { dead_tuples })
    }

    /// Rows alone are walked in place, where the ones that are done drop out of
    /// the index.
    fn walk(&mut self, fields: &raw::Backfill) -> Walk {
        let Some(walk) = &fields.walk else {
            return Walk::default();
        };
        if walk.value == Walk::Rows && (fields.filter.is_none() || fields.set.is_none()) {
            let message =
                "`walk = \"rows\"` goes by the rows that match `where`, and `set` them right";
            let hint = "give it `set` and `where`, and an index over the key WHERE the same";
            self.fault_with("bad-value", &walk.span, message, hint);
        }
        walk.value
    }

    fn writes(&mut self, raw: &At<raw::Backfill>, key: &[String]) -> Option<Writes> {
        let fields = &raw.value;
        match (&fields.set, &fields.into, &fields.run) {
            (Some(set), None, None) => {
                if set.value.0.is_empty() && !self.damage.touched(&set.span) {
                    self.fault("bad-value", &set.span, "this sets no column");
                }
                let set = set.value.iter();
                let set = set.map(|(name, sql)| (self.column(name), self.expression(sql)));
                Some(Writes::Set(set.collect()))
            }
            (None, Some(into), None) => {
                if into.value.is_empty() && !self.damage.touched(&into.span) {
                    self.fault("bad-value", &into.span, "this copies into no table");
                }
                let targets = into.value.iter();
                let targets = targets.map(|target| self.target(&target.value, key));
                Some(Writes::Into(targets.collect()))
            }
            (None, None, Some(run)) => self.custom(run, fields).map(Writes::Custom),
            _ => {
                if !self.damage.touched(&raw.span) {
                    let message =
                        "a backfill sets columns, copies into tables, or runs its own SQL";
                    let hint = "exactly one of `set`, `into` and `run`";
                    self.fault_with("exactly-one", &raw.span, message, hint);
                }
                None
            }
        }
    }

    fn target(&mut self, raw: &raw::Target, key: &[String]) -> Target {
        let pairs = raw.key.value.iter();
        let pairs: Vec<_> = pairs
            .map(|(to, from)| (self.column(to), self.column(from)))
            .collect();
        let mut held: Vec<_> = pairs.iter().map(|(_, from)| from.as_str()).collect();
        let mut wanted: Vec<_> = key.iter().map(String::as_str).collect();
        held.sort_unstable();
        wanted.sort_unstable();
        if held != wanted && !self.damage.touched(&raw.key.span) {
            let message = "a target's key holds each column of the walked table's key, once";
            let hint =
                "such as `key = { user_id = \"id\" }`; for other keys, write the SQL with `run`";
            self.fault_with("bad-value", &raw.key.span, message, hint);
        }
        let set = raw.set.iter();
        Target {
            set: set
                .map(|(name, sql)| (self.column(name), self.expression(sql)))
                .collect(),
            table: self.table(&raw.table),
            key: pairs,
            filter: raw.filter.as_ref().map(|filter| self.expression(filter)),
            existing: raw.existing.unwrap_or_default(),
        }
    }

    fn custom(&mut self, run: &At<String>, fields: &raw::Backfill) -> Option<Custom> {
        let Some(escaped) = &fields.escaped else {
            let message = "nothing tells which rows this SQL should have written";
            let hint = "add `escaped`, a condition that is true for a row that was not written and should have been";
            self.fault_with("no-proof", &run.span, message, hint);
            return None;
        };
        let text = self.mapped(run, Render::Chunk);
        let script = Script::parse(text, &mut self.found)?;
        let statements = script.statements().into_iter();
        let statements: Vec<_> = statements.map(|one| script.text(&one).to_owned()).collect();
        let bounded = |sql: &String| sql.contains(CHUNK_CALL);
        if statements.is_empty() || !statements.iter().all(bounded) {
            let message = "each statement works on the rows of one chunk, which `{{chunk}}` names";
            let hint =
                "such as `UPDATE users SET .. WHERE {{chunk}}`, or `{{chunk:u}}` for the alias `u`";
            self.fault_with("no-chunk", &run.span, message, hint);
        }
        Some(Custom {
            statements,
            escaped: self.expression(escaped),
        })
    }
}
