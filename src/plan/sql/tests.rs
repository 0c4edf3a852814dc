//! The statements of backfill and parity, as text and through the parser.

use std::time::Duration;

use super::*;
use crate::plan::{KeyColumn, SetColumn, Table};
use crate::runbook::{Backfill, Chunking, Parity, TableName, Triggers, Walk, Writes};

fn table(key: &[(&str, &str)]) -> Table {
    let column = |(name, data_type): &(&str, &str)| KeyColumn {
        name: (*name).into(),
        data_type: (*data_type).into(),
        collation: None,
    };
    Table {
        schema: "public".into(),
        name: "Users".into(),
        key: key.iter().map(column).collect(),
        set: vec![SetColumn {
            name: "email_address".into(),
            data_type: "text".into(),
        }],
        into: Vec::new(),
    }
}

fn name() -> TableName {
    TableName {
        schema: None,
        name: "Users".into(),
    }
}

fn backfill(filter: Option<&str>) -> Backfill {
    Backfill {
        table: name(),
        key: vec!["id".into()],
        writes: Writes::Set(vec![(
            "email_address".into(),
            "email -- the old one".into(),
        )]),
        walk: Walk::Table,
        filter: filter.map(Into::into),
        chunk: Chunking::default(),
        workers: 1,
        max_quarantined: 0,
        vacuum: None,
        triggers: Triggers::Refuse,
    }
}

#[test]
fn parameters_are_numbered_low_high_limit() {
    let pair = Keyset::new(&table(&[("tenant", "integer"), ("id", "uuid")]));
    let sql = pair.bound(Ends::Between);
    assert!(
        sql.contains("(tenant, id) > ($1::text::integer, $2::text::uuid)"),
        "{sql}"
    );
    assert!(
        sql.contains("(tenant, id) <= ($3::text::integer, $4::text::uuid)"),
        "{sql}"
    );
    assert!(sql.contains("OFFSET $5::bigint - 1"), "{sql}");
    assert!(pair.bound(Ends::Open).contains("OFFSET $1::bigint - 1"));
    assert!(
        pair.bound(Ends::UpTo)
            .contains("<= ($1::text::integer, $2::text::uuid)")
    );
}

#[test]
fn a_trailing_comment_cannot_eat_our_sql() {
    let sql = BackfillSql::new(&table(&[("id", "bigint")]), &backfill(Some("true -- all")));
    assert_eq!(
        sql.writes(Ends::After).swap_remove(0),
        "UPDATE public.\"Users\" SET\nemail_address = (\nemail -- the old one\n)\n\
         WHERE (id) > ($1::text::bigint)\nAND ((\ntrue -- all\n) IS TRUE)"
    );
    assert_eq!(
        sql.write_one().swap_remove(0),
        "UPDATE public.\"Users\" SET\nemail_address = (\nemail -- the old one\n)\n\
         WHERE (id) = ($1::text::bigint)\nAND ((\ntrue -- all\n) IS TRUE)"
    );
}

#[test]
fn statements_parse_as_one_statement_each() {
    let parity = Parity {
        table: name(),
        key: vec!["id".into()],
        left: "email".into(),
        right: "email_address -- new".into(),
        filter: Some("visits > 0".into()),
        chunk: Chunking {
            target: Duration::from_millis(200),
            min: 1,
            max: 10,
        },
    };
    for key in [
        &[("id", "bigint")][..],
        &[("a", "text"), ("select", "character varying(3)")],
    ] {
        let table = table(key);
        let copy = BackfillSql::new(&table, &backfill(None));
        let compare = ParitySql::new(&table, &parity);
        for ends in [Ends::Open, Ends::After, Ends::UpTo, Ends::Between] {
            for sql in [
                copy.bound(ends),
                copy.writes(ends).swap_remove(0),
                copy.sweep(ends),
                compare.compare(ends),
            ] {
                assert_one(&sql);
            }
        }
        assert_one(&copy.write_one().swap_remove(0));
    }
}

fn assert_one(sql: &str) {
    let parse = squawk_syntax::SourceFile::parse(sql);
    assert_eq!(parse.errors(), [], "{sql}");
    assert_eq!(parse.tree().stmts().count(), 1, "{sql}");
}
