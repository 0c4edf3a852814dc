//! Owns what compile gathers on its way: refusals, notices, sizes; never
//! decides what is one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::refusal::Refusal;
use super::world::World;
use crate::plan::{Notice, Observed};
use crate::runbook::{COMPILE_HAZARDS, Step, TableName};

/// What has been gathered so far.
pub(super) struct Draft {
    pub(super) observed: Observed,
    pub(super) refusals: Vec<Refusal>,
}

impl Draft {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            observed: Observed {
                at,
                servers: BTreeMap::new(),
                tables: BTreeMap::new(),
                costs: BTreeMap::new(),
                notices: Vec::new(),
            },
            refusals: Vec::new(),
        }
    }

    /// Speaks against the whole plan.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
    }

    fn note(&mut self, step: Option<&Step>, code: &str, message: impl Into<String>) {
        let notice = Notice {
            step: step.map(|step| step.id.clone()),
            code: code.into(),
            message: message.into(),
        };
        if !self.observed.notices.contains(&notice) {
            self.observed.notices.push(notice);
        }
    }

    /// Tells the author something about the whole plan; once.
    pub(super) fn note_plan(&mut self, code: &str, message: impl Into<String>) {
        self.note(None, code, message);
    }
}

/// The draft, as far as one step is concerned.
pub(super) struct About<'d> {
    pub(super) draft: &'d mut Draft,
    pub(super) step: &'d Step,
}

impl About<'_> {
    /// Speaks against the step, unless its author has accepted just that: then
    /// it is a notice.
    pub(super) fn refuse(&mut self, mut refusal: Refusal) {
        let may_accept = COMPILE_HAZARDS.contains(&refusal.code);
        if may_accept && self.step.accept.contains_key(refusal.code) {
            self.note(refusal.code, refusal.message);
        } else {
            refusal.step = Some(self.step.id.clone());
            self.draft.refuse(refusal);
        }
    }

    /// Tells the author something to know before signing; once.
    pub(super) fn note(&mut self, code: &str, message: impl Into<String>) {
        self.draft.note(Some(self.step), code, message);
    }

    /// Tells what the author has accepted, and why.
    pub(super) fn note_accepted(&mut self) {
        for (code, reason) in &self.step.accept {
            self.note("accepted", format!("`{code}` is accepted: {reason}"));
        }
    }

    /// Keeps the size of a table that was there before the run.
    pub(super) fn observe_size(&mut self, world: &World, table: Option<&TableName>) {
        if let Some(table) = table
            && let Some(size) = world.size(table)
        {
            self.draft.observed.tables.insert(table.to_string(), size);
        }
    }
}
