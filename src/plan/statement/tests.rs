//! Tables of statements against lock, relation, work and effects.

use super::*;

fn table(name: &str) -> TableName {
    crate::runbook::ident::parse_table(name).unwrap()
}

/// Statement, lock, relation, work. That the locks are the server's is proved
/// in tests/postgres/compile.rs.
#[test]
fn lock_relation_and_work_are_read_from_the_tree() {
    use LockMode as L;
    let cases = [
        (
            "ALTER TABLE public.users ADD COLUMN a text",
            L::AccessExclusive,
            Work::Catalog,
        ),
        (
            "alter table only Public . \"users\" add a int default 1",
            L::AccessExclusive,
            Work::Catalog,
        ),
        (
            "ALTER TABLE public.users ADD a uuid DEFAULT gen_random_uuid()",
            L::AccessExclusive,
            Work::Rewrite,
        ),
        (
            "ALTER TABLE public.users ADD a bigserial",
            L::AccessExclusive,
            Work::Rewrite,
        ),
        (
            "ALTER TABLE public.users ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            L::AccessExclusive,
            Work::Catalog,
        ),
        (
            "ALTER TABLE public.users ADD CONSTRAINT c CHECK (a > 0)",
            L::AccessExclusive,
            Work::Scan,
        ),
        (
            "ALTER TABLE public.users VALIDATE CONSTRAINT c",
            L::ShareUpdateExclusive,
            Work::Scan,
        ),
        (
            "ALTER TABLE public.users VALIDATE CONSTRAINT c, ALTER a SET NOT NULL",
            L::AccessExclusive,
            Work::Scan,
        ),
        (
            "ALTER TABLE public.users ADD FOREIGN KEY (a) REFERENCES o NOT VALID",
            L::ShareRowExclusive,
            Work::Catalog,
        ),
        (
            "ALTER TABLE public.users ALTER a TYPE bigint",
            L::AccessExclusive,
            Work::Rewrite,
        ),
        (
            "ALTER TABLE public.users ADD CONSTRAINT u UNIQUE USING INDEX i",
            L::AccessExclusive,
            Work::Catalog,
        ),
        (
            "ALTER TABLE public.users ENABLE ALWAYS TRIGGER t",
            L::ShareRowExclusive,
            Work::Catalog,
        ),
        (
            "CREATE INDEX CONCURRENTLY i ON public.users (a)",
            L::ShareUpdateExclusive,
            Work::Scan,
        ),
        (
            "CREATE UNIQUE INDEX i ON public.users (a)",
            L::Share,
            Work::Scan,
        ),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION f()",
            L::ShareRowExclusive,
            Work::Catalog,
        ),
        (
            "DROP TRIGGER t ON public.users",
            L::AccessExclusive,
            Work::Catalog,
        ),
        (
            "DROP TABLE public.users, public.other",
            L::AccessExclusive,
            Work::Catalog,
        ),
        (
            "WITH x AS (SELECT 1 FROM y) UPDATE public.users SET a = 1",
            L::RowExclusive,
            Work::Rows,
        ),
        (
            "DELETE FROM public.users WHERE id = 1",
            L::RowExclusive,
            Work::Rows,
        ),
        (
            "LOCK TABLE public.users IN SHARE ROW EXCLUSIVE MODE",
            L::ShareRowExclusive,
            Work::Catalog,
        ),
        (
            "VACUUM FULL public.users",
            L::AccessExclusive,
            Work::Rewrite,
        ),
        (
            "VACUUM ANALYZE public.users",
            L::ShareUpdateExclusive,
            Work::Scan,
        ),
        ("TRUNCATE public.users", L::AccessExclusive, Work::Catalog),
        (
            "REINDEX TABLE CONCURRENTLY public.users",
            L::ShareUpdateExclusive,
            Work::Scan,
        ),
    ];
    for (sql, lock, work) in cases {
        let statement = Statement::read(sql);
        assert_eq!(
            (statement.lock, statement.work),
            (Some(lock), work),
            "{sql}"
        );
        assert_eq!(statement.relation, Some(table("public.users")), "{sql}");
    }
}

#[test]
fn what_the_tree_does_not_tell_is_unknown() {
    for sql in [
        "DO $$ BEGIN END $$",
        "CALL move_everything()",
        "not sql",
        "",
    ] {
        let statement = Statement::read(sql);
        assert_eq!(
            (statement.lock, statement.work),
            (None, Work::Unknown),
            "{sql}"
        );
    }
    let function = Statement::read("DROP FUNCTION f()");
    assert_eq!((function.lock, function.work), (None, Work::Catalog));
}

#[test]
fn effects_follow_every_subcommand() {
    let sql = "ALTER TABLE users ADD COLUMN \"New\" numeric(10, 2) NOT NULL, DROP email CASCADE, \
               ADD CONSTRAINT present CHECK (a IS NOT NULL) NOT VALID, ALTER a SET NOT NULL";
    let users = table("users");
    let expected = [
        Effect::AddColumn(
            users.clone(),
            NewColumn {
                name: "New".into(),
                data_type: "numeric(10, 2)".into(),
                not_null: true,
                generated: false,
            },
        ),
        Effect::DropColumn {
            table: users.clone(),
            column: "email".into(),
            cascade: true,
        },
        Effect::AddCheck {
            table: users.clone(),
            name: Some("present".into()),
            valid: false,
            not_null: Some("a".into()),
        },
        Effect::NotNull(users, "a".into(), true),
    ];
    assert_eq!(Statement::read(sql).effects, expected);
    for vague in [
        "CHECK (a IS NOT NULL OR b IS NOT NULL)",
        "CHECK (lower(a) IS NOT NULL)",
    ] {
        let sql = format!("ALTER TABLE users ADD CONSTRAINT c {vague}");
        let effects = Statement::read(&sql).effects;
        let [Effect::AddCheck { not_null: None, .. }] = &effects[..] else {
            panic!("{effects:?}");
        };
    }
}

#[test]
fn a_function_is_read_with_its_body() {
    for body in ["$x$ SELECT 'it' $x$", "' SELECT ''it'' '"] {
        let sql = format!(
            "CREATE OR REPLACE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS {body}"
        );
        let expected = NewFunction {
            name: table("app.f"),
            returns_trigger: true,
            body: " SELECT 'it' ".into(),
        };
        assert_eq!(
            Statement::read(&sql).effects,
            [Effect::CreateFunction(expected)]
        );
    }
}

#[test]
fn a_trigger_is_read_with_its_function_and_events() {
    let sql = "CREATE TRIGGER t BEFORE INSERT OR UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION app.f()";
    let effects = Statement::read(sql).effects;
    let [Effect::CreateTrigger(trigger)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (&trigger.table, &trigger.function),
        (&table("users"), &table("app.f"))
    );
    assert!(trigger.on_update && trigger.name == "t");
}

#[test]
fn a_new_table_tells_its_keys() {
    let sql = "CREATE TABLE a.b (x serial, y uuid NOT NULL UNIQUE, z text, PRIMARY KEY (x, z))";
    let effects = Statement::read(sql).effects;
    let [Effect::CreateTable { columns, keys, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(
        keys,
        &[vec!["y".to_owned()], vec!["x".to_owned(), "z".to_owned()]]
    );
    assert!(columns.iter().all(|column| column.not_null));
    assert_eq!(columns[0].data_type, "integer");
}
