//! Owns the lowering of SQL: scripts from `run` or `file`, expressions and
//! queries, each parsed once its variables are rendered.

use std::time::Duration;

use super::vars::Render;
use super::{Lowering, phase::Spot};
use crate::runbook::raw::{self, At};
use crate::runbook::source::{FileId, Mapped};
use crate::runbook::sql::lint::Unit;
use crate::runbook::sql::{self, Script};
use crate::runbook::{SqlAction, SqlExpect};

impl Lowering<'_> {
    /// SQL: read, split into statements, kept for the lints.
    pub(super) fn sql(&mut self, raw: &At<raw::Sql>, spot: Spot) -> Option<SqlAction> {
        let text = self.sql_text(raw)?;
        let transaction = raw.value.transaction.unwrap_or(true);
        let lock_timeout = raw
            .value
            .lock_timeout
            .as_ref()
            .map(|raw| self.positive(Some(raw), Duration::ZERO));
        let statement_timeout = raw
            .value
            .statement_timeout
            .as_ref()
            .map(|raw| self.positive(Some(raw), Duration::ZERO));
        let expect = raw
            .value
            .expect
            .as_ref()
            .and_then(|expect| self.sql_expect(expect));
        let script = Script::parse(text, &mut self.found)?;
        let statements: Vec<_> = script
            .statements()
            .iter()
            .map(|one| script.text(one).to_owned())
            .collect();
        if statements.is_empty() {
            self.fault("empty-sql", &raw.span, "there is no statement");
        }
        self.units.push(Unit {
            step: spot.step,
            script,
            transaction,
            role: spot.role,
        });
        Some(SqlAction {
            statements,
            file: raw.value.file.as_ref().map(|file| self.plain(file)),
            transaction,
            lock_timeout,
            statement_timeout,
            expect,
        })
    }

    /// The text from `run` or from `file`, variables rendered.
    fn sql_text(&mut self, raw: &At<raw::Sql>) -> Option<Mapped> {
        match (&raw.value.run, &raw.value.file) {
            (Some(run), None) => Some(self.mapped(run, Render::Sql)),
            (None, Some(file)) => {
                let (id, text) = self.include(file)?;
                let whole = Mapped::file(id, &text);
                Some(self.vars.render(&whole, Render::Sql, &mut self.found))
            }
            (None, None) if self.damage.touched(&raw.span) => None,
            _ => {
                let message = "the statements stand in `run` or in `file`, exactly one of them";
                self.fault("exactly-one", &raw.span, message);
                None
            }
        }
    }

    /// An SQL file, read once.
    fn include(&mut self, raw: &At<String>) -> Option<(FileId, String)> {
        let path = self.plain(raw);
        if let Some(known) = self.included.get(&path) {
            return Some(known.clone());
        }
        match self.files.read(&path) {
            Ok(text) => {
                let id = self.sources.add(&path, &text);
                self.included.insert(path, (id, text.clone()));
                Some((id, text))
            }
            Err(why) => {
                let message = format!("`{path}` cannot be read: {why}");
                self.fault_with(
                    "missing-file",
                    &raw.span,
                    message,
                    "paths are relative to the runbook",
                );
                None
            }
        }
    }

    fn sql_expect(&mut self, raw: &At<raw::SqlExpect>) -> Option<SqlExpect> {
        match (raw.value.rows, &raw.value.value) {
            (Some(rows), None) => Some(SqlExpect::Rows(rows)),
            (None, Some(value)) => Some(SqlExpect::Value(self.plain(value))),
            _ => {
                if !self.damage.touched(&raw.span) {
                    self.fault(
                        "exactly-one",
                        &raw.span,
                        "expect `rows` or `value`, exactly one of them",
                    );
                }
                None
            }
        }
    }

    /// An SQL expression, its variables rendered.
    pub(super) fn expression(&mut self, raw: &At<String>) -> String {
        let mapped = self.mapped(raw, Render::Sql);
        sql::check_expression(&mapped, &mut self.found);
        mapped.text
    }

    /// A query that only reads, its variables rendered, without its semicolon.
    pub(super) fn query(&mut self, raw: &At<String>) -> String {
        let mapped = self.mapped(raw, Render::Sql);
        sql::check_query(&mapped, &mut self.found);
        mapped
            .text
            .trim()
            .trim_end_matches(';')
            .trim_end()
            .to_owned()
    }
}
