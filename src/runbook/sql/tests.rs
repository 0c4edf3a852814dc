//! What the parser, the lints and the derived undo make of SQL.

use super::lint::{Role, Unit, lint};
use super::*;
use crate::runbook::source::{Place, RUNBOOK};

fn script(text: &str) -> Script {
    let mut found = Vec::new();
    let script = Script::parse(Mapped::file(RUNBOOK, text), &mut found);
    script.unwrap_or_else(|| panic!("{text}: {found:?}"))
}

/// The codes found in steps of one statement list each, all transactional.
fn codes_of(role: Role, steps: &[&str]) -> Vec<&'static str> {
    let unit = |(step, text): (usize, &&str)| Unit {
        step,
        script: script(text),
        transaction: true,
        role,
    };
    let units: Vec<Unit> = steps.iter().enumerate().map(unit).collect();
    lint(&units)
        .into_iter()
        .map(|(_, told)| told.code)
        .collect()
}

fn codes(sql: &str) -> Vec<&'static str> {
    codes_of(Role::Early, &[sql])
}

#[test]
fn statements_split_at_their_semicolons_and_not_inside_bodies() {
    let text = "-- one\nSELECT ';';;\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND $$;\nSELECT 2";
    let script = script(text);
    let statements = script.statements();
    let texts: Vec<_> = statements.iter().map(|one| script.text(one)).collect();
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[0], "SELECT ';'");
    assert!(
        texts[1].ends_with("END $$") && texts[1].contains("RETURN 1;"),
        "{}",
        texts[1]
    );
    assert_eq!(texts[2], "SELECT 2");
}

#[test]
fn a_validated_check_of_an_earlier_step_proves_not_null() {
    let add = "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID";
    let validate = "ALTER TABLE t VALIDATE CONSTRAINT c";
    let set = "ALTER TABLE t ALTER COLUMN a SET NOT NULL";
    assert_eq!(
        codes_of(Role::Last, &[add, validate, set]),
        Vec::<&str>::new()
    );
    assert_eq!(codes_of(Role::Last, &[add, set]), ["not-null-scan"]);
    assert_eq!(codes_of(Role::Last, &[set]), ["not-null-scan"]);
    let both = format!("{add}; {validate}");
    assert_eq!(codes_of(Role::Last, &[&both]), ["validate-with-add"]);
}

#[test]
fn writes_are_batched_only_by_an_equality_to_a_constant() {
    for fine in [
        "UPDATE t SET a = 1 WHERE id = 7",
        "UPDATE t SET a = 1 WHERE 7 = t.id AND b > 2",
        "DELETE FROM t WHERE (id = 1 OR id = -2)",
        "DELETE FROM t WHERE id IN (1, 2)",
        "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE t SET a = 1 $$",
    ] {
        assert_eq!(codes(fine), Vec::<&str>::new(), "{fine}");
    }
    for unbatched in [
        "UPDATE t SET a = 1",
        "UPDATE t SET a = 1 WHERE b > 2",
        "UPDATE t SET a = 1 WHERE id = other_id",
        "DELETE FROM t WHERE id = 1 OR b > 2",
        "WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone",
        "SELECT * INTO copy FROM t",
    ] {
        assert_eq!(codes(unbatched), ["unbatched-write"], "{unbatched}");
    }
}

#[test]
fn a_comment_cannot_silence_a_lint() {
    for comment in [
        "-- squawk-ignore changing-column-type",
        "-- squawk-ignore-file",
    ] {
        let sql = format!("ALTER TABLE t\n{comment}\nALTER COLUMN a TYPE bigint");
        assert_eq!(codes(&sql), ["column-type-change"], "{comment}");
    }
}

#[test]
fn drops_are_for_the_last_phase_and_for_undos() {
    let drop = "ALTER TABLE t DROP COLUMN a";
    assert_eq!(codes_of(Role::Early, &[drop]), ["early-drop"]);
    assert_eq!(codes_of(Role::Last, &[drop]), Vec::<&str>::new());
    assert_eq!(codes_of(Role::Back, &[drop]), Vec::<&str>::new());
}

#[test]
fn what_is_safe_is_not_told() {
    for fine in [
        "ALTER TABLE t ADD COLUMN a int DEFAULT 0",
        "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now()",
        "CREATE TABLE fresh (id bigint PRIMARY KEY, a text NOT NULL)",
        "ALTER TABLE t ADD CONSTRAINT one UNIQUE USING INDEX one_idx",
        "SET LOCAL work_mem = '64MB'",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
    ] {
        assert_eq!(codes(fine), Vec::<&str>::new(), "{fine}");
    }
}

#[test]
fn plain_additions_have_an_undo_and_anything_else_has_none() {
    for (sql, undo) in [
        (
            "ALTER TABLE ONLY s.t ADD a int",
            "ALTER TABLE ONLY s.t DROP COLUMN a",
        ),
        (
            "ALTER TABLE t ADD COLUMN \"A b\" int, ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "ALTER TABLE t DROP CONSTRAINT c, DROP COLUMN \"A b\"",
        ),
        ("CREATE TABLE s.t (id int)", "DROP TABLE s.t"),
        ("CREATE UNIQUE INDEX i ON s.t (a)", "DROP INDEX s.i"),
        (
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "DROP INDEX CONCURRENTLY i",
        ),
        (
            "CREATE TRIGGER g BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION f()",
            "DROP TRIGGER g ON s.t",
        ),
        (
            "CREATE FUNCTION s.f(a int, OUT b text, VARIADIC c numeric(10,2)[]) LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION s.f(int, numeric(10,2)[])",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION f()",
        ),
    ] {
        assert_eq!(
            derive::undo(&script(sql)),
            Some(vec![undo.to_owned()]),
            "{sql}"
        );
    }
    for none in [
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int",
        "ALTER TABLE t ADD CHECK (a > 0) NOT VALID",
        "ALTER TABLE t ADD COLUMN a int, ALTER COLUMN b SET DEFAULT 1",
        "CREATE TABLE IF NOT EXISTS t (id int)",
        "CREATE INDEX ON t (a)",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE t (id int); GRANT SELECT ON t TO x",
    ] {
        assert_eq!(derive::undo(&script(none)), None, "{none}");
    }
}

#[test]
fn an_undo_takes_the_last_statement_back_first() {
    let undo = derive::undo(&script("CREATE TABLE a (id int); CREATE TABLE b (id int);"));
    assert_eq!(
        undo,
        Some(vec!["DROP TABLE b".into(), "DROP TABLE a".into()])
    );
}

#[test]
fn an_expression_is_one_value_and_nothing_behind_it() {
    let fine = |text: &str| {
        let mut mapped = Mapped::empty();
        mapped.push(text, Place::in_runbook(0..text.len()), true);
        let mut found = Vec::new();
        check_expression(&mapped, &mut found);
        found.is_empty()
    };
    for text in [
        "email",
        "lower(email) -- why",
        "(SELECT 1)",
        "a + b",
        "(a).b",
        "CASE WHEN a THEN b END",
    ] {
        assert!(fine(text), "{text}");
    }
    for text in [
        "",
        "a, b",
        "a) FROM t --",
        "a); DROP TABLE t; SELECT (1",
        "a AS b",
        "(a), (b)",
        "1) + (2",
    ] {
        assert!(!fine(text), "{text}");
    }
}
