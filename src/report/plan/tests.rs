//! The printed plan, by hand-made plans.

use super::text;
use crate::plan::Plan;
use crate::plan::compile::fixture::{catalog, compiled, runbook};

const STEPS: &str = r#"
[[phase.step]]
id = "add"
[phase.step.sql]
run = "ALTER TABLE users ADD COLUMN email_address text"

[[phase.step]]
id = "copy"
[phase.step.backfill]
table = "users"
key = ["id"]
set = { email_address = "email" }

[[phase.step]]
id = "tell"
[phase.step.manual]
ask = "Has everybody, in every one of the places where people listen to what we say, been told about it by now?"

[[phase.step]]
id = "drop"
irreversible = "the addresses"
accept = { column-in-use = "known" }
[phase.step.sql]
run = "ALTER TABLE users DROP COLUMN email"

[[phase.gate]]
id = "fine"
at = "after copy"
sql = { query = "SELECT true" }
"#;

fn plan() -> Plan {
    compiled(&runbook(STEPS), &catalog()).unwrap()
}

#[test]
fn everything_that_runs_stands_in_it_in_order() {
    let plan = plan();
    let page = text(&plan);
    let hash = format!("plan {}", plan.hash());
    let mut rest = page.as_str();
    for part in [
        hash.as_str(),
        "from $URL: database `app` on Postgres 16.4, holds the journal",
        "PHASE 1 p  POINT OF NO RETURN",
        "1.1 add  sql",
        "ALTER TABLE users ADD COLUMN email_address text;",
        "-- ACCESS EXCLUSIVE on public.users (1.0M rows, 118 MB): blocks reads and writes; catalog only",
        "undo, derived",
        "ALTER TABLE users DROP COLUMN email_address;",
        "1.2 copy  backfill",
        "walks public.users by (id bigint)",
        "UPDATE public.users SET",
        "stays on the way back: the undo of `add` drops what it writes",
        "gate `fine`, to go on: on `main` this is true: SELECT true",
        "1.3 tell  manual",
        "IRREVERSIBLE: the addresses",
        "! `column-in-use` is accepted: known [accepted]",
        "! NOT NULL goes with `email` [goes-with-column]",
        hash.as_str(),
    ] {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("`{part}` is missing in\n{page}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(rest, "\n");
}

#[test]
fn a_line_has_at_most_a_hundred_columns() {
    let page = text(&plan());
    let longest = page.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{page}");
}

#[test]
fn hostile_text_does_not_reach_the_page() {
    let mut plan = plan();
    plan.body.cutover.title = "a\u{1b}[2Jb\u{202e}c".into();
    plan.body.phases[0].steps[0].forecast[0].sql = "SELECT 1 -- \u{1b}]0;x\u{7}\nFROM t".into();
    let page = text(&plan);
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()) && !page.contains('\u{202e}'));
    // The statement keeps its lines.
    assert!(page.contains("\n      FROM t;\n"));
}
