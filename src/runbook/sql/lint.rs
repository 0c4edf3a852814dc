//! Owns the refusal of SQL that is unsafe on a live table: squawk's rules
//! where they fit, `own` rules where not; never parses text by patterns.
//!
//! All steps are linted as one document, in their order, each transactional
//! step between BEGIN and COMMIT, so that a rule sees what an earlier step has
//! prepared (a validated CHECK before SET NOT NULL) and what shares a
//! transaction (ADD NOT VALID with VALIDATE).

mod own;

use std::ops::Range;

use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

use super::Script;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::source::{Mapped, Place};

/// The SQL of one step, undo or rollback step.
pub(in crate::runbook) struct Unit {
    /// Index of the step that may accept its faults.
    pub(in crate::runbook) step: usize,
    pub(in crate::runbook) script: Script,
    pub(in crate::runbook) transaction: bool,
    /// Where in the runbook it runs.
    pub(in crate::runbook) role: Role,
}

/// When a unit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runbook) enum Role {
    /// A step of a phase before the last.
    Early,
    /// A step of the last phase.
    Last,
    /// An undo or a rollback: takes back what was added.
    Back,
}

/// A fault and the step that may accept it.
pub(in crate::runbook) type Finding = (usize, Diagnostic);

/// What a reviewer has to know about one hazard.
struct Hazard {
    code: &'static str,
    message: &'static str,
    hint: &'static str,
}

/// All hazards, which are also what `accept` may name.
const HAZARDS: &[Hazard] = &[
    Hazard {
        code: "transaction-control",
        message: "the step's transaction is not its own to begin or end: it commits with the step's event",
        hint: "leave it out, or split the step; `transaction = false` runs each statement by itself",
    },
    Hazard {
        code: "timeout-in-sql",
        message: "a timeout that is set here is overridden, or outlives the step",
        hint: "use the step's `lock_timeout` and `statement_timeout`",
    },
    Hazard {
        code: "concurrently-in-transaction",
        message: "this cannot run inside a transaction",
        hint: "set `transaction = false` on the step",
    },
    Hazard {
        code: "not-concurrent",
        message: "this locks the table against writes, or against everything, for as long as it runs",
        hint: "use CONCURRENTLY, with `transaction = false` on the step",
    },
    Hazard {
        code: "missing-not-valid",
        message: "this scans the table while it holds a lock against writes",
        hint: "add the constraint NOT VALID, and VALIDATE it in a later step",
    },
    Hazard {
        code: "validate-with-add",
        message: "ADD ... NOT VALID and VALIDATE in one transaction hold the strong lock through the scan",
        hint: "put VALIDATE into a step of its own",
    },
    Hazard {
        code: "constraint-without-index",
        message: "this builds an index under ACCESS EXCLUSIVE",
        hint: "CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT ... USING INDEX",
    },
    Hazard {
        code: "not-null-scan",
        message: "SET NOT NULL scans the table under ACCESS EXCLUSIVE, unless a valid CHECK proves it",
        hint: "in earlier steps ADD CONSTRAINT ... CHECK (column IS NOT NULL) NOT VALID, then VALIDATE it",
    },
    Hazard {
        code: "required-column",
        message: "a NOT NULL column without a default fails on a table that has rows, and breaks old clients' INSERT",
        hint: "add it nullable or with a constant default",
    },
    Hazard {
        code: "rewrites-table",
        message: "this rewrites the whole table under ACCESS EXCLUSIVE",
        hint: "add a new column or table, and copy with a backfill step",
    },
    Hazard {
        code: "column-type-change",
        message: "changing a column's type rewrites the table, or scans it, under ACCESS EXCLUSIVE, and breaks clients",
        hint: "add a column of the new type, backfill it, switch readers, drop the old one in the last phase",
    },
    Hazard {
        code: "rename",
        message: "a rename breaks every client that uses the old name, the moment it commits",
        hint: "add under the new name, keep both in step, drop the old one in the last phase",
    },
    Hazard {
        code: "early-drop",
        message: "a drop before the last phase takes away what rolling back needs",
        hint: "move it to the last phase, behind the point of no return",
    },
    Hazard {
        code: "unbatched-write",
        message: "this writes any number of rows in one transaction: locks, WAL and bloat until it ends",
        hint: "use a backfill step, or name the rows by an equality to a constant",
    },
];

/// Whether `accept` may name this code.
pub(in crate::runbook) fn is_hazard(code: &str) -> bool {
    HAZARDS.iter().any(|hazard| hazard.code == code)
}

/// The codes that `accept` may name, and what each means.
pub(in crate::runbook) fn hazards() -> impl Iterator<Item = (&'static str, &'static str)> {
    HAZARDS.iter().map(|hazard| (hazard.code, hazard.message))
}

/// The fault for a hazard at a place.
fn fault(code: &str, place: Place) -> Diagnostic {
    let hazard = HAZARDS
        .iter()
        .find(|hazard| hazard.code == code)
        .expect("every code has a hazard");
    Diagnostic::fault(hazard.code, place, hazard.message).hint(hazard.hint)
}

/// Lints all units.
pub(in crate::runbook) fn lint(units: &[Unit]) -> Vec<Finding> {
    let (back, forward): (Vec<&Unit>, Vec<&Unit>) =
        units.iter().partition(|unit| unit.role == Role::Back);
    let mut findings = squawk(&forward);
    for unit in back {
        findings.extend(squawk(&[unit]));
    }
    for unit in units {
        findings.extend(own::lint(unit));
    }
    without_overlaps(findings)
}

/// Units as one document.
struct Document<'u> {
    mapped: Mapped,
    /// The stretch of each unit.
    stretches: Vec<(Range<usize>, &'u Unit)>,
}

impl<'u> Document<'u> {
    fn of(units: &[&'u Unit]) -> Self {
        let mut mapped = Mapped::empty();
        let mut stretches = Vec::new();
        let nowhere = Place::in_runbook(0..0);
        for unit in units {
            let start = mapped.text.len();
            if unit.transaction {
                mapped.push("BEGIN;\n", nowhere, false);
            }
            for statement in unit.script.statements() {
                mapped.push_slice(&unit.script.mapped, statement.range);
                mapped.push("\n;\n", nowhere, false);
            }
            if unit.transaction {
                mapped.push("COMMIT;\n", nowhere, false);
            }
            stretches.push((start..mapped.text.len(), *unit));
        }
        // `accept` is the one way to accept a fault: it wants a reason.
        mapped.text = mapped.text.replace("squawk-", "squawk_");
        Self { mapped, stretches }
    }
}

/// The rules that are squawk's.
const RULES: [Rule; 12] = [
    Rule::RequireConcurrentIndexCreation,
    Rule::RequireConcurrentIndexDeletion,
    Rule::RequireConcurrentReindex,
    Rule::RequireConcurrentPartitionDetach,
    Rule::ConstraintMissingNotValid,
    Rule::AddingForeignKeyConstraint,
    Rule::DisallowedUniqueConstraint,
    Rule::AddingSerialPrimaryKeyField,
    Rule::AddingNotNullableField,
    Rule::AddingRequiredField,
    Rule::AddingFieldWithDefault,
    Rule::ChangingColumnType,
];

/// The hazard that a rule finds. One rule finds two, told apart by the text.
fn code_of(rule: Rule, text: &str) -> Option<&'static str> {
    Some(match rule {
        Rule::RequireConcurrentIndexCreation
        | Rule::RequireConcurrentIndexDeletion
        | Rule::RequireConcurrentReindex
        | Rule::RequireConcurrentPartitionDetach => "not-concurrent",
        Rule::ConstraintMissingNotValid if begins_with(text, "validate") => "validate-with-add",
        Rule::ConstraintMissingNotValid | Rule::AddingForeignKeyConstraint => "missing-not-valid",
        Rule::DisallowedUniqueConstraint | Rule::AddingSerialPrimaryKeyField => {
            "constraint-without-index"
        }
        Rule::AddingNotNullableField => "not-null-scan",
        Rule::AddingRequiredField => "required-column",
        Rule::AddingFieldWithDefault => "rewrites-table",
        Rule::ChangingColumnType => "column-type-change",
        _ => return None,
    })
}

fn begins_with(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// What squawk finds in the units.
fn squawk(units: &[&Unit]) -> Vec<Finding> {
    let document = Document::of(units);
    let text = &document.mapped.text;
    let mut linter = Linter::from(RULES);
    linter.settings.pg_version = "13".parse().expect("a version");
    let violations = linter.lint(&SourceFile::parse(text), text);
    let finding = |violation: &squawk_linter::Violation| {
        let range: Range<usize> = violation.text_range.into();
        let text = text.get(range.clone())?;
        // A statement's node has the semicolon, which is ours.
        let range = range.start..range.start + text.trim_end_matches(['\n', ';']).len();
        let code = code_of(violation.code, text)?;
        let mut stretches = document.stretches.iter();
        let (_, unit) = stretches.find(|(stretch, _)| stretch.contains(&range.start))?;
        Some((unit.step, fault(code, document.mapped.place(range))))
    };
    violations.iter().filter_map(finding).collect()
}

/// Drops the same fault told twice, and `missing-not-valid` where a unique or
/// primary key says the more useful thing.
fn without_overlaps(findings: Vec<Finding>) -> Vec<Finding> {
    let overlap = |a: Place, b: Place| a.file == b.file && a.start < b.end && b.start < a.end;
    let mut kept: Vec<Finding> = Vec::new();
    for (step, found) in &findings {
        let told = kept
            .iter()
            .any(|(_, other)| other.code == found.code && overlap(other.place, found.place));
        let better = found.code == "missing-not-valid"
            && findings.iter().any(|(_, other)| {
                other.code == "constraint-without-index" && overlap(other.place, found.place)
            });
        if !told && !better {
            kept.push((*step, found.clone()));
        }
    }
    kept
}
