//! Owns the list of fault codes: stable names that goldens, `accept` and the
//! reference in `runbooks/README.md` share; never finds a fault.

use super::sql::lint;

/// Faults of the file itself, and what each means.
const STRUCTURE: &[(&str, &str)] = &[
    ("syntax", "the file is not TOML"),
    ("unknown-field", "no field of this name stands here"),
    ("missing-field", "a field that has to be there is not"),
    (
        "wrong-type",
        "the value has another type, or is none of the allowed words",
    ),
    ("bad-value", "the value has the right type, and cannot be"),
    (
        "bad-duration",
        "not a duration such as `300ms`, `3s`, `1h 30m`, `7d`, or no time at all where some is needed",
    ),
    (
        "bad-threshold",
        "a threshold without a unit, out of range, or out of order",
    ),
    (
        "bad-version",
        "not a version requirement such as `>= 2.0` or `>= 1.4, < 3`",
    ),
    (
        "bad-id",
        "an id or name that is awkward to type: letters, digits, `-`, `_` and `.`",
    ),
    (
        "bad-ident",
        "not a name that Postgres can have, or too long for it",
    ),
    (
        "duplicate-id",
        "two phases, steps, gates or guards share a name",
    ),
    (
        "dangling-id",
        "a role, connection, step, gate, guard, window or environment that is not there, or not of the kind that is wanted",
    ),
    (
        "unknown-variable",
        "`{{name}}` without a `[vars]` entry of that name",
    ),
    (
        "exactly-one",
        "of fields that exclude each other none or several are given",
    ),
    (
        "misplaced-table",
        "a sub-table behind another element: TOML gives it, silently, to the one before",
    ),
    (
        "literal-password",
        "a secret in the file; it is masked wherever the file is shown",
    ),
    (
        "not-supported-yet",
        "a field of the format that this version does not do; never ignored",
    ),
    ("missing-file", "an SQL file cannot be read"),
    ("sql-syntax", "the SQL does not parse"),
    ("empty-sql", "there is no statement"),
    (
        "not-an-expression",
        "`set`, `left`, `right` or `where` is not one SQL expression",
    ),
    (
        "not-a-query",
        "a gate, a probe or a wait is not one query that only reads",
    ),
    (
        "no-chunk",
        "a statement of a backfill's `run` works on all rows: nothing in it says `{{chunk}}`",
    ),
    (
        "no-proof",
        "a backfill's `run` without `escaped`: nothing tells which rows it should have written",
    ),
    (
        "no-way-back",
        "a mutating step has no undo, none can be derived, and it says neither `keep` nor `irreversible`",
    ),
    (
        "misplaced-reversal",
        "a rollback step has a way back of its own",
    ),
    (
        "undo-past-no-return",
        "an undo on an irreversible step, or behind one",
    ),
    (
        "irreversible-outside",
        "an irreversible step in a phase without `point_of_no_return = true`",
    ),
    (
        "no-irreversible-step",
        "a phase with `point_of_no_return = true` where everything can go back",
    ),
    (
        "auto-into-no-return",
        "`enter = \"auto\"` into a point of no return",
    ),
    (
        "unknown-accept",
        "`accept` names a code that cannot be accepted",
    ),
    (
        "unused-accept",
        "`accept` names a fault that is not there (a warning)",
    ),
];

/// Codes of `plan::compile` that a step's `accept` may name as well: what only
/// the catalog tells, and its author may know better.
pub const COMPILE_HAZARDS: &[&str] = &[
    "column-in-use",
    "publication-carries-journal",
    "published-column",
    "unknown-table",
];

/// All codes and what each means, those that `accept` may name last.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    STRUCTURE.iter().copied().chain(lint::hazards())
}
