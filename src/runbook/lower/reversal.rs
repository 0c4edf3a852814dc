//! Owns the rule that every mutating step says how it goes back, and what is
//! derived where it need not.

use std::ops::Range;

use super::Lowering;
use super::action::Kinds;
use super::phase::Spot;
use crate::runbook::raw::{self, At};
use crate::runbook::sql::lint::Role;
use crate::runbook::sql::{self, derive};
use crate::runbook::{Action, Backfill, Reversal, SqlAction, TableName};

/// A column that a step has added.
pub(super) struct AddedColumn {
    table: TableName,
    column: String,
    step: String,
}

impl Lowering<'_> {
    /// The action of `undo`.
    pub(super) fn undo(&mut self, raw: &At<raw::Undo>, spot: Spot) -> Option<Action> {
        let kinds = Kinds {
            sql: raw.value.sql.as_ref(),
            backfill: None,
            parity: None,
            exec: raw.value.exec.as_ref(),
            manual: raw.value.manual.as_ref(),
            wait: None,
        };
        let back = Spot {
            role: Role::Back,
            ..spot
        };
        self.action(&kinds, &raw.span, back)
    }

    /// How a step goes back: what it says, else what can be derived.
    pub(super) fn reversal(
        &mut self,
        raw: &At<raw::Step>,
        action: &Action,
        undo: Option<Action>,
        unit: Option<usize>,
        spot: Spot,
    ) -> Reversal {
        let fields = &raw.value;
        self.check_said(raw, spot);
        if let Some(lost) = &fields.irreversible {
            return Reversal::Irreversible(self.said(lost));
        }
        if let Some(undo) = undo {
            return Reversal::Undo(Box::new(undo));
        }
        if let Some(why) = &fields.keep {
            return Reversal::Keep(self.said(why));
        }
        let reads = unit.is_some_and(|unit| self.units[unit].script.only_reads());
        if spot.role == Role::Back || reads || !action.mutates() {
            return Reversal::Nothing;
        }
        if spot.past {
            return Reversal::Keep("past the point of no return: roll forward only".into());
        }
        if let Some(derived) = self.derived(action, unit) {
            return derived;
        }
        if spot.rollback {
            return Reversal::Keep("its phase's own rollback takes it back".into());
        }
        if fields.undo.is_none() && !self.damage.touched(&raw.span) {
            self.no_way_back(&fields.id);
        }
        Reversal::Nothing
    }

    fn no_way_back(&mut self, id: &At<String>) {
        let message = format!("the step `{}` does not say how it goes back", id.value);
        let hint = "add `[phase.step.undo.sql]` (or `.exec`, `.manual`), `keep = \"why it may stay\"`, or `irreversible = \"what is lost\"`";
        self.fault_with("no-way-back", &id.span, message, hint);
    }

    /// At most one of undo, keep and irreversible, each where it may stand.
    fn check_said(&mut self, raw: &At<raw::Step>, spot: Spot) {
        let fields = &raw.value;
        let undo = fields.undo.as_ref().map(|undo| undo.span.clone());
        let keep = fields.keep.as_ref().map(|keep| keep.span.clone());
        let irreversible = fields.irreversible.as_ref().map(|lost| lost.span.clone());
        let said: Vec<Range<usize>> = [&undo, &keep, &irreversible]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        if spot.role == Role::Back {
            if let Some(first) = said.first() {
                let message = "a rollback step is a way back; it has none of its own";
                self.fault("misplaced-reversal", first, message);
            }
            return;
        }
        if let Some(undo) = undo.filter(|_| spot.past || irreversible.is_some()) {
            let message = "there is no undo at or past the point of no return";
            let hint = "leave it out: from here on it is roll forward only";
            self.fault_with("undo-past-no-return", &undo, message, hint);
        } else if said.len() > 1 {
            let message = "a step goes back in one way: `undo`, `keep` or `irreversible`";
            self.fault("exactly-one", &said[1], message);
        }
        if let Some(span) = irreversible.filter(|_| !spot.no_return) {
            let message = "an irreversible step stands only in a phase that says so";
            self.fault_with(
                "irreversible-outside",
                &span,
                message,
                "set `point_of_no_return = true` on the phase",
            );
        }
    }

    /// The undo of plain additive DDL; nothing to undo for a backfill of
    /// columns that an earlier step's undo drops.
    fn derived(&self, action: &Action, unit: Option<usize>) -> Option<Reversal> {
        match action {
            Action::Sql(sql) => {
                let statements = derive::undo(&self.units[unit?].script)?;
                let undo = SqlAction {
                    statements,
                    file: None,
                    expect: None,
                    ..sql.clone()
                };
                Some(Reversal::Derived(Box::new(Action::Sql(undo))))
            }
            Action::Backfill(backfill) => self.backfill_of_added(backfill).map(Reversal::Keep),
            _ => None,
        }
    }

    fn backfill_of_added(&self, backfill: &Backfill) -> Option<String> {
        let adder = |column: &str| {
            let mut added = self.added.iter();
            added.find(|added| added.table == backfill.table && added.column == column)
        };
        let set = backfill.set().iter();
        let added: Option<Vec<_>> = set.map(|(column, _)| adder(column)).collect();
        let first = added?.into_iter().next()?;
        Some(format!("the undo of `{}` drops what it writes", first.step))
    }

    /// Remembers the columns that a step adds and its undo drops.
    pub(super) fn remember_columns(
        &mut self,
        raw: &raw::Step,
        unit: Option<usize>,
        reversal: &Reversal,
    ) {
        if let (Some(unit), Some(_)) = (unit, reversal.undo()) {
            for (table, column) in sql::added_columns(&self.units[unit].script) {
                self.added.push(AddedColumn {
                    table,
                    column,
                    step: raw.id.value.clone(),
                });
            }
        }
    }
}
