//! Owns the lowering of what steps and undos do, one function a kind.

use std::time::Duration;

use super::{Lowering, phase::Spot};
use crate::runbook::raw::{self, At, DoneWhen};
use crate::runbook::{Action, Chunking, Exec, ExecExpect, Manual, Parity, Probe, Wait};

/// How long a command may take unless it says otherwise.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

/// The kinds that an entry has, of which it may have one.
pub(super) struct Kinds<'r> {
    pub(super) sql: Option<&'r At<raw::Sql>>,
    pub(super) backfill: Option<&'r At<raw::Backfill>>,
    pub(super) parity: Option<&'r At<raw::Parity>>,
    pub(super) exec: Option<&'r At<raw::Exec>>,
    pub(super) manual: Option<&'r At<raw::Manual>>,
    pub(super) wait: Option<&'r At<raw::Wait>>,
}

impl Kinds<'_> {
    fn count(&self) -> usize {
        let present = [
            self.sql.is_some(),
            self.backfill.is_some(),
            self.parity.is_some(),
            self.exec.is_some(),
            self.manual.is_some(),
            self.wait.is_some(),
        ];
        present.into_iter().filter(|present| *present).count()
    }
}

impl Lowering<'_> {
    /// The one action of `kinds`. `owner` is the table that has to have one.
    pub(super) fn action(
        &mut self,
        kinds: &Kinds<'_>,
        owner: &std::ops::Range<usize>,
        spot: Spot,
    ) -> Option<Action> {
        let count = kinds.count();
        if count > 1 || (count == 0 && !self.damage.touched(owner)) {
            let message = match count {
                0 => "this does nothing",
                _ => "this does more than one thing",
            };
            let hint = "exactly one of `sql`, `backfill`, `parity`, `exec`, `manual`, `wait`; an undo has no `backfill`, `parity` or `wait`";
            self.fault_with("exactly-one", owner, message, hint);
        }
        if let Some(raw) = kinds.sql {
            return self.sql(raw, spot).map(Action::Sql);
        }
        if let Some(raw) = kinds.backfill {
            return self.backfill(raw).map(Action::Backfill);
        }
        if let Some(raw) = kinds.parity {
            return self.parity(raw).map(Action::Parity);
        }
        if let Some(raw) = kinds.exec {
            return Some(Action::Exec(self.exec(&raw.value)));
        }
        if let Some(raw) = kinds.manual {
            let ask = self.said(&raw.value.ask);
            return Some(Action::Manual(Manual { ask }));
        }
        kinds.wait.and_then(|raw| self.wait(raw)).map(Action::Wait)
    }

    pub(super) fn chunking(&mut self, raw: Option<&At<raw::Chunk>>) -> Chunking {
        let default = Chunking::default();
        let Some(raw) = raw else {
            return default;
        };
        let chunk = Chunking {
            target: self.positive(raw.value.target.as_ref(), default.target),
            min: raw.value.min.as_ref().map_or(default.min, |n| n.value),
            max: raw.value.max.as_ref().map_or(default.max, |n| n.value),
        };
        if chunk.min == 0 || chunk.min > chunk.max {
            let message = format!("a chunk of {} to {} rows cannot be", chunk.min, chunk.max);
            self.fault("bad-value", &raw.span, message);
        }
        chunk
    }

    fn parity(&mut self, raw: &At<raw::Parity>) -> Option<Parity> {
        let Some(same_row) = &raw.value.same_row else {
            if !self.damage.touched(&raw.span) {
                let hint = "give it `[phase.step.parity.same_row]`";
                self.fault_with("exactly-one", &raw.span, "this compares nothing", hint);
            }
            return None;
        };
        let fields = &same_row.value;
        Some(Parity {
            table: self.table(&fields.table),
            key: self.columns(&fields.key, &same_row.span),
            left: self.expression(&fields.left),
            right: self.expression(&fields.right),
            filter: fields.filter.as_ref().map(|filter| self.expression(filter)),
            chunk: self.chunking(fields.chunk.as_ref()),
        })
    }

    fn exec(&mut self, raw: &raw::Exec) -> Exec {
        let expect = raw.expect.as_ref();
        Exec {
            run: self.command(&raw.run.value, &raw.run.span),
            timeout: self.positive(raw.timeout.as_ref(), EXEC_TIMEOUT),
            env: raw.env.iter().map(|name| name.value.clone()).collect(),
            expect: ExecExpect {
                exit: expect.and_then(|expect| expect.exit).unwrap_or(0),
                output: expect
                    .and_then(|e| e.output.as_ref())
                    .map(|output| self.plain(output)),
            },
        }
    }

    fn command(&mut self, words: &[At<String>], within: &std::ops::Range<usize>) -> Vec<String> {
        let words: Vec<_> = words.iter().map(|word| self.plain(word)).collect();
        if words
            .first()
            .is_none_or(|program| program.trim().is_empty())
        {
            let hint = "such as [\"flagctl\", \"set\", \"read_new\", \"10\"]";
            self.fault_with("bad-value", within, "this names no program", hint);
        }
        words
    }

    /// `done_when`; a command inherits the environment and timeout of `exec`.
    pub(super) fn probe(&mut self, raw: &At<DoneWhen>, exec: Option<&raw::Exec>) -> Probe {
        match &raw.value {
            DoneWhen::Query(query) => Probe::Query(self.query(&At {
                value: query.clone(),
                span: raw.span.clone(),
            })),
            DoneWhen::Command(words) => Probe::Command(Exec {
                run: self.command(words, &raw.span),
                timeout: exec
                    .and_then(|exec| exec.timeout.as_ref())
                    .map_or(EXEC_TIMEOUT, |timeout| self.duration(timeout)),
                env: exec
                    .iter()
                    .flat_map(|exec| &exec.env)
                    .map(|name| name.value.clone())
                    .collect(),
                expect: ExecExpect::default(),
            }),
        }
    }

    fn wait(&mut self, raw: &At<raw::Wait>) -> Option<Wait> {
        let fields = &raw.value;
        match (&fields.span, &fields.until) {
            (Some(span), None) => Some(Wait::For(self.duration(span))),
            (None, Some(query)) => Some(Wait::Until {
                query: self.query(query),
                every: self.positive(fields.every.as_ref(), Duration::from_secs(2)),
                timeout: self.positive(fields.timeout.as_ref(), Duration::from_secs(600)),
            }),
            _ => {
                if !self.damage.touched(&raw.span) {
                    let message =
                        "wait `for` a time or `until` a query says true, exactly one of them";
                    self.fault("exactly-one", &raw.span, message);
                }
                None
            }
        }
    }
}
