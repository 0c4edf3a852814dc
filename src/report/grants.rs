//! What a runbook needs of a database, as SQL for whoever administers it.
//!
//! Owns the grants that follow from its roles and its steps, and the words for
//! what no GRANT can give: DDL is for a table's owner. Names become SQL by the
//! runbook's one quoting.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::statement::{Effect, Statement};
use crate::runbook::ident::{quote_ident, quote_table};
use crate::runbook::{Action, ConnectionId, Runbook, Step, TableName};

/// The group roles that are granted to.
#[derive(Debug, Clone, Copy)]
pub struct Groups {
    /// Whoever runs the cutover.
    pub lead: &'static str,
    /// Whoever the runbook's roles name.
    pub operator: &'static str,
}

/// What steps need on one connection.
#[derive(Default)]
struct Needs {
    /// Tables by the steps that change their shape.
    owner: BTreeMap<TableName, BTreeSet<String>>,
    /// Schemas that something is made in.
    create: BTreeSet<String>,
    written: BTreeSet<TableName>,
    read: BTreeSet<TableName>,
}

/// The statements for the journal's database, and as comments what is to be run
/// in others.
pub fn text(runbook: &Runbook, groups: Groups) -> String {
    let members: BTreeSet<_> = runbook.roles.iter().flat_map(|r| &r.members).collect();
    let mut lines = vec![comment(&format!(
        "Who may ask, by the roles of {}.",
        runbook.cutover.id
    ))];
    lines.extend(members.into_iter().map(|member| {
        let member = quote_ident(member);
        format!("GRANT {} TO {member};", groups.operator)
    }));
    for (connection, needs) in needs(runbook) {
        let grants = needs.lines(groups.lead);
        lines.push(String::new());
        if connection == runbook.journal {
            lines.push(comment("What its steps need here."));
            lines.extend(grants);
        } else {
            let place = format!("What they need in the database of connection {connection},");
            lines.push(comment(&format!("{place} beside all of the above:")));
            lines.extend(grants.iter().map(|grant| comment(grant)));
        }
    }
    lines.join("\n") + "\n"
}

/// A name with a line's end in it stays inside the comment.
fn comment(text: &str) -> String {
    format!("-- {}", text.replace(['\n', '\r'], " "))
}

fn needs(runbook: &Runbook) -> BTreeMap<ConnectionId, Needs> {
    let mut all: BTreeMap<ConnectionId, Needs> = BTreeMap::new();
    for phase in &runbook.phases {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            let needs = all.entry(step.on.clone()).or_default();
            needs.take(step, &step.action);
            if let Some(undo) = step.reversal.undo() {
                needs.take(step, undo);
            }
        }
    }
    all
}

impl Needs {
    fn take(&mut self, step: &Step, action: &Action) {
        match action {
            Action::Sql(sql) => {
                for statement in &sql.statements {
                    self.take_statement(step, &Statement::read(statement));
                }
            }
            Action::Backfill(backfill) => {
                self.written.insert(backfill.table.clone());
            }
            Action::Parity(parity) => {
                self.read.insert(parity.table.clone());
            }
            Action::Exec(_) | Action::Manual(_) | Action::Wait(_) => {}
        }
    }

    fn take_statement(&mut self, step: &Step, statement: &Statement) {
        for effect in &statement.effects {
            let made = match effect {
                Effect::CreateTable { table, .. } => Some(table),
                Effect::CreateFunction(function) => Some(&function.name),
                Effect::CreateUniqueIndex(table, ..) => Some(table),
                _ => None,
            };
            self.create
                .extend(made.and_then(|made| made.schema.clone()));
        }
        let creates = |effect: &Effect| matches!(effect, Effect::CreateTable { .. });
        if let Some(relation) = &statement.relation
            && statement.lock.is_some()
            && !statement.effects.iter().any(creates)
        {
            let steps = self.owner.entry(relation.clone()).or_default();
            steps.insert(step.id.to_string());
        }
    }

    fn lines(&self, lead: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for (table, steps) in &self.owner {
            let steps: Vec<_> = steps.iter().map(String::as_str).collect();
            let (table, steps) = (quote_table(table), steps.join(", "));
            lines.push(comment(&format!(
                "{table} is for its owner to change, by {steps}:"
            )));
            lines.push(comment(&format!("GRANT (the owner of {table}) TO {lead};")));
        }
        for schema in &self.create {
            let schema = quote_ident(schema);
            lines.push(format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {lead};"));
        }
        for table in &self.written {
            let table = quote_table(table);
            lines.push(format!("GRANT SELECT, UPDATE ON {table} TO {lead};"));
        }
        for table in self.read.difference(&self.written) {
            lines.push(format!("GRANT SELECT ON {} TO {lead};", quote_table(table)));
        }
        lines
    }
}
