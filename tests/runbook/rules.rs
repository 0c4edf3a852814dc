//! Rules of loading that one golden text does not show.

use std::collections::BTreeMap;

use pgcutover::runbook::{Action, Loaded, Reversal, load};

const HEAD: &str = r#"format = 1

[cutover]
id = "orders"
title = "orders"

[connections.main]
url_env = "DATABASE_URL"

[environments.test]
vars.wait = "3s"

[vars]
wait = { duration = "7d" }

[[phase]]
id = "expand"
"#;

fn loaded(rest: &str) -> Loaded {
    with_files(rest, &[])
}

fn with_files(rest: &str, files: &[(&str, &str)]) -> Loaded {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(name, text)| ((*name).into(), (*text).into()))
        .collect();
    load(&format!("{HEAD}{rest}"), "runbooks/test.toml", &files, None)
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.faults.iter().map(|told| told.code).collect()
}

const STEP_FROM_FILE: &str =
    "[[phase.step]]\nid = \"add\"\n[phase.step.sql]\nfile = \"sql/add.sql\"\n";

#[test]
fn the_hash_covers_the_included_sql() {
    let hash = |sql: &str| {
        let loaded = with_files(STEP_FROM_FILE, &[("sql/add.sql", sql)]);
        assert!(loaded.faults.is_empty(), "{}", loaded.render(false));
        loaded.runbook.unwrap().hash
    };
    let first = hash("ALTER TABLE t ADD COLUMN a int");
    assert_eq!(first, hash("ALTER TABLE t ADD COLUMN a int"));
    assert_ne!(first, hash("ALTER TABLE t ADD COLUMN a int "));
    assert_eq!(first.len(), 64);
}

#[test]
fn a_fault_in_an_sql_file_is_told_by_the_files_own_name_and_line() {
    let sql = "-- a comment\nUPDATE t\n  SET a = 1;\n";
    let loaded = with_files(
        &format!("{STEP_FROM_FILE}transaction = true\n"),
        &[("sql/add.sql", sql)],
    );
    let text = loaded.render(false);
    assert!(text.contains("--> runbooks/sql/add.sql:2:1"), "{text}");
}

#[test]
fn a_caret_goes_through_a_variable_to_where_it_is_used() {
    let rest = "[vars2]\n";
    assert_eq!(codes(&loaded(rest)), ["unknown-field"]);
    let text = "[[phase.step]]\nid = \"s\"\nkeep = \"x\"\n[phase.step.sql]\nrun = '''\nSELECT {{wait}}, 1;\nUPDATE t SET a = {{wait}}'''\n";
    let loaded = loaded(text);
    let told = &loaded.faults[0];
    let source = loaded.sources.text(told.place.file);
    assert_eq!(
        &source[told.place.start..told.place.end],
        "UPDATE t SET a = {{wait}}"
    );
}

#[test]
fn an_accepted_fault_is_a_warning_with_its_reason() {
    let loaded = loaded(
        "[[phase.step]]\nid = \"s\"\naccept = { not-concurrent = \"12 rows\" }\n[phase.step.sql]\nrun = \"CREATE INDEX i ON t (a)\"\n",
    );
    assert!(loaded.runbook.is_some(), "{}", loaded.render(false));
    assert_eq!(loaded.warnings[0].code, "not-concurrent");
    assert!(loaded.render(false).contains("12 rows"));
}

#[test]
fn a_phases_own_rollback_stands_in_for_the_undo_of_its_steps() {
    let flag = "[[phase.step]]\nid = \"flag\"\n[phase.step.exec]\nrun = [\"flag\", \"on\"]\n";
    let rollback =
        "[[phase.rollback]]\nid = \"off\"\n[phase.rollback.exec]\nrun = [\"flag\", \"off\"]\n";
    assert_eq!(codes(&loaded(flag)), ["no-way-back"]);
    let runbook = loaded(&format!("{flag}{rollback}")).runbook.unwrap();
    assert!(matches!(
        runbook.phases[0].steps[0].reversal,
        Reversal::Keep(_)
    ));
}

#[test]
fn a_derived_undo_runs_outside_a_transaction_where_its_step_did() {
    let runbook = loaded(
        "[[phase.step]]\nid = \"s\"\n[phase.step.sql]\nrun = \"CREATE INDEX CONCURRENTLY i ON s.t (a)\"\ntransaction = false\n",
    );
    let runbook = runbook.runbook.unwrap();
    let Reversal::Derived(undo) = &runbook.phases[0].steps[0].reversal else {
        panic!("{:?}", runbook.phases[0].steps[0].reversal);
    };
    let Action::Sql(sql) = &**undo else {
        panic!("{undo:?}");
    };
    assert_eq!(sql.statements, ["DROP INDEX CONCURRENTLY s.i"]);
    assert!(!sql.transaction);
}

#[test]
fn no_password_is_shown_where_the_syntax_is_broken_or_in_a_comment() {
    for text in [
        "[connections.main]\nurl_env = \"postgres://ana:hunter2@db\n",
        "x = = 1 # was postgres://ana:hunter2@db\n",
        "[connections.main]\npassword = 'hunter2' oops\n",
        "[connections.main]\nurl_env = 'host=db password=hunter2'\nurl_env = 2\n",
    ] {
        let loaded = load(text, "test.toml", &BTreeMap::new(), None);
        let shown = loaded.render(false);
        assert!(!loaded.faults.is_empty());
        assert!(
            !shown.contains("hunter2") && !format!("{loaded:?}").contains("hunter2"),
            "{shown}"
        );
    }
}

#[test]
fn faults_of_one_entry_do_not_hide_those_of_another() {
    let loaded = loaded(
        "nots = \"x\"\nenter = \"later\"\n[[phase.step]]\nid = 3\n[[phase.step]]\nid = \"s\"\n[phase.step.wait]\nfor = \"soon\"\n[[phase.gate]]\nid = \"g\"\nat = \"after t\"\nmetric = {}\n",
    );
    let mut told = codes(&loaded);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "bad-duration",
            "dangling-id",
            "not-supported-yet",
            "unknown-field",
            "wrong-type",
            "wrong-type"
        ],
        "{}",
        loaded.render(false)
    );
}

#[test]
fn what_was_lost_to_a_fault_is_not_told_as_missing() {
    let loaded = loaded(
        "[[phase.step]]\nid = \"check\"\n[phase.step.parity.counts]\nleft = \"t\"\n[[phase.gate]]\nid = \"g\"\nat = \"after check\"\nclients = {}\n",
    );
    assert_eq!(
        codes(&loaded),
        ["not-supported-yet", "not-supported-yet"],
        "{}",
        loaded.render(false)
    );
}

#[test]
fn an_undo_by_backfill_is_refused_where_the_backfill_itself_is_not() {
    let loaded = loaded(
        "[[phase.step]]\nid = \"s\"\n[phase.step.manual]\nask = \"Done?\"\n[phase.step.undo.backfill]\ntable = \"t\"\nkey = [\"id\"]\nset = { a = \"b\" }\n",
    );
    assert_eq!(
        codes(&loaded),
        ["not-supported-yet"],
        "{}",
        loaded.render(false)
    );
}

#[test]
fn a_sub_table_behind_a_rollback_is_misplaced_too() {
    let loaded = loaded(
        "[[phase.step]]\nid = \"s\"\n[[phase.rollback]]\nid = \"r\"\n[phase.rollback.manual]\nask = \"Sure?\"\n[phase.step.manual]\nask = \"Done?\"\n",
    );
    assert_eq!(
        codes(&loaded),
        ["misplaced-table"],
        "{}",
        loaded.render(false)
    );
}

#[test]
fn an_environment_that_is_not_there_is_told_with_those_that_are() {
    let loaded = load(HEAD, "test.toml", &BTreeMap::new(), Some("prod"));
    assert!(codes(&loaded).contains(&"dangling-id"));
    assert!(loaded.render(false).contains("it has: `test`"));
    assert_eq!(loaded.environments, ["test"]);
}
